-- Nightbell's database: the call log, and who is on call.
--
-- All tables are STRICT: a value of the wrong type is refused, not converted.
-- An instant is RFC 3339 text in UTC with milliseconds ('2026-01-05T08:00:00.000Z'): people read it
-- as it is, every tool parses it, and because all have the same length they sort as text.
-- A local time ('2026-01-05T09:00:00') is a wall clock reading in the time zone of its schedule.
-- Durations are whole milliseconds unless the column's name ends in _s.
-- The number of this schema is in PRAGMA user_version; files of this folder are applied in order.

-- 'Ngtb': tells our database from those of other programs.
PRAGMA application_id = 1315402850;

-- ---------------------------------------------------------------------------------------------
-- The call log
-- ---------------------------------------------------------------------------------------------

-- One row for each call that came in, written before the call is answered.
CREATE TABLE calls (
    -- The name of the call for ever, 16 hexadecimal digits: also in logs and in file names.
    id          TEXT NOT NULL PRIMARY KEY,
    -- The name of the hotline that was called.
    hotline     TEXT NOT NULL,
    -- The number that was dialled, in E.164 where it is one.
    number      TEXT NOT NULL,
    -- The caller's number exactly as the trunk stated it; 'anonymous' when withheld. Not to be trusted.
    caller      TEXT NOT NULL,
    -- The name of the trunk it came over.
    trunk       TEXT NOT NULL,
    -- The Call-ID of the caller's leg: what to ask the carrier about.
    sip_call_id TEXT NOT NULL,
    -- When the INVITE came.
    started_at  TEXT NOT NULL,
    -- When we answered; NULL when we never did.
    answered_at TEXT,
    -- When it was over; NULL while it goes on.
    ended_at    TEXT,
    -- How it went, in one word.
    outcome     TEXT NOT NULL DEFAULT 'ongoing'
                CHECK (outcome IN ('ongoing', 'accepted', 'voicemail', 'missed', 'blocked', 'failed')),
    -- Who or what ended it, in words.
    end_reason  TEXT,
    -- Who wrote the end: 'call', the call itself; 'crash', the next start, because the daemon had stopped.
    ended_by    TEXT CHECK (ended_by IN ('call', 'crash')),
    -- The name of the route that was chosen; NULL before a choice.
    route       TEXT,
    -- The id of the person who accepted; NULL when nobody did.
    responder   TEXT,
    -- A call is either over, with a time and somebody who wrote it, or goes on.
    CHECK ((ended_at IS NULL) = (outcome = 'ongoing') AND (ended_at IS NULL) = (ended_by IS NULL))
) STRICT;

-- The log is read newest first.
CREATE INDEX calls_by_start ON calls (started_at, id);
-- A start looks for the calls that a crash left open.
CREATE INDEX calls_open ON calls (id) WHERE ended_at IS NULL;

-- The timeline of a call, one row for each step, as it happened.
CREATE TABLE call_events (
    -- The call.
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- Counts from 1 within the call.
    seq     INTEGER NOT NULL,
    -- When.
    at      TEXT NOT NULL,
    -- What it is about: 'CallReceived', 'DialTarget', 'Bridge' and so on.
    step    TEXT NOT NULL,
    -- 'received' from the network, 'sent' to it, or 'internal'.
    action  TEXT NOT NULL,
    -- 'processed', 'failed' (the call goes on) or 'ignored'.
    result  TEXT NOT NULL,
    -- The person or route it concerns.
    target  TEXT,
    -- A sentence that a person understands.
    detail  TEXT NOT NULL,
    PRIMARY KEY (call_id, seq)
) STRICT, WITHOUT ROWID;

-- Each phone that was dialled, written before the INVITE goes out: the cost is always accounted for.
CREATE TABLE dial_intents (
    -- The call it was for.
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- The leg's number within that run of the daemon.
    leg     INTEGER NOT NULL,
    -- Whose phone: the id of a person. No reference, because people leave and the log stays.
    person  TEXT NOT NULL,
    -- Which phone: a number in E.164 or a SIP address.
    phone   TEXT NOT NULL,
    -- When.
    at      TEXT NOT NULL,
    PRIMARY KEY (call_id, leg)
) STRICT, WITHOUT ROWID;

-- Answered legs that are up now. A start after a crash sends each of them a BYE.
CREATE TABLE legs (
    -- The call.
    call_id  TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- The leg's number within that run of the daemon.
    leg      INTEGER NOT NULL,
    -- What a BYE needs, as JSON: Call-ID, tags, CSeq, route set, target, trunk.
    dialog   TEXT NOT NULL,
    -- 1 once a start has found it left over from an earlier run: leg numbers begin again in each run.
    orphaned INTEGER NOT NULL DEFAULT 0 CHECK (orphaned IN (0, 1)),
    PRIMARY KEY (call_id, leg)
) STRICT, WITHOUT ROWID;

-- A leg's end names the leg alone.
CREATE INDEX legs_by_number ON legs (leg) WHERE orphaned = 0;

-- Messages left by callers: one file each in the recordings folder.
CREATE TABLE recordings (
    -- The call.
    call_id     TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The file's name inside the recordings folder.
    file        TEXT NOT NULL,
    -- When recording began.
    started_at  TEXT NOT NULL,
    -- 'recording' until the file is whole, then 'kept', or 'dropped' when nothing was said.
    state       TEXT NOT NULL DEFAULT 'recording' CHECK (state IN ('recording', 'kept', 'dropped')),
    -- Its length in ms; NULL while recording.
    duration_ms INTEGER,
    -- 1 when the disk or a crash cut it short.
    truncated   INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    CHECK ((state = 'recording') = (duration_ms IS NULL))
) STRICT;

-- A start looks for recordings that a crash left unfinished.
CREATE INDEX recordings_unfinished ON recordings (call_id) WHERE state = 'recording';

-- The log as people ask for it, one row for each call: what the command `calls` shows.
CREATE VIEW call_log AS
SELECT
    calls.id,
    calls.hotline,
    calls.number,
    calls.caller,
    calls.started_at,
    calls.answered_at,
    calls.ended_at,
    -- From the INVITE to the end, in whole seconds; never negative, even when the clock was set back.
    max(0, CAST(round((julianday(calls.ended_at) - julianday(calls.started_at)) * 86400) AS INTEGER))
        AS duration_s,
    calls.outcome,
    calls.end_reason,
    calls.route,
    calls.responder,
    -- The file of the message, where one was kept.
    recordings.file AS voicemail,
    calls.sip_call_id
FROM calls
LEFT JOIN recordings ON recordings.call_id = calls.id AND recordings.state = 'kept';

-- ---------------------------------------------------------------------------------------------
-- Who is on call
-- ---------------------------------------------------------------------------------------------

-- People who can be rung.
CREATE TABLE people (
    -- The short name used in levels and rotations ('anna').
    id        TEXT NOT NULL PRIMARY KEY,
    -- The name that is shown ('Anna Schmidt').
    name      TEXT NOT NULL,
    -- Where mail goes, if anywhere.
    email     TEXT,
    -- ISO 639-1 code of the prompts this person hears; NULL: the hotline's language.
    language  TEXT,
    -- 1 when the on-call file says that this person may be rung.
    available INTEGER NOT NULL CHECK (available IN (0, 1)),
    -- What a command said later; it wins over the file until cleared (NULL).
    available_by_command INTEGER CHECK (available_by_command IN (0, 1))
) STRICT;

-- Confirmed phones of a person, in the order they are rung.
CREATE TABLE phones (
    -- Whose.
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- Counts from 0.
    position  INTEGER NOT NULL,
    -- A number in E.164 or a SIP address ('sip:anna@10.1.2.3').
    phone     TEXT NOT NULL,
    PRIMARY KEY (person_id, position)
) STRICT, WITHOUT ROWID;

-- Teams: who is rung first, second, third.
CREATE TABLE teams (
    -- The short name used as 'team:sre'.
    id TEXT NOT NULL PRIMARY KEY
) STRICT;

-- The levels of a team.
CREATE TABLE team_levels (
    -- The team.
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    -- Counts from 0.
    level   INTEGER NOT NULL,
    PRIMARY KEY (team_id, level)
) STRICT, WITHOUT ROWID;

-- Who is in a level of a team.
CREATE TABLE team_targets (
    -- The team.
    team_id  TEXT NOT NULL,
    -- The level.
    level    INTEGER NOT NULL,
    -- The order within the level, from 0.
    position INTEGER NOT NULL,
    -- 'person:anna', 'team:sre', 'schedule:production' or 'everyone:production'.
    target   TEXT NOT NULL,
    PRIMARY KEY (team_id, level, position),
    FOREIGN KEY (team_id, level) REFERENCES team_levels (team_id, level) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Schedules: who is on call when.
CREATE TABLE schedules (
    -- The short name used as 'schedule:production'.
    id       TEXT NOT NULL PRIMARY KEY,
    -- IANA time zone in which all its local times are meant.
    timezone TEXT NOT NULL,
    -- 'layers': later rotations cover earlier ones; 'parallel': all rotations are on call together.
    stacking TEXT NOT NULL CHECK (stacking IN ('layers', 'parallel'))
) STRICT;

-- Rotations of a schedule: people who take turns.
CREATE TABLE rotations (
    -- The schedule.
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- The order within the schedule, from 0.
    position    INTEGER NOT NULL,
    -- Its name ('weekly').
    name        TEXT NOT NULL,
    -- The length of a turn as it is written in settings ('1 week').
    every       TEXT NOT NULL,
    -- Local time at which the first turn begins.
    starts_at   TEXT NOT NULL,
    -- Local time after which nobody of it is on call; NULL: never.
    ends_at     TEXT,
    PRIMARY KEY (schedule_id, position)
) STRICT, WITHOUT ROWID;

-- Who takes turns in a rotation, in order.
CREATE TABLE rotation_members (
    -- The schedule.
    schedule_id TEXT NOT NULL,
    -- The rotation's position.
    rotation    INTEGER NOT NULL,
    -- The order of turns, from 0.
    position    INTEGER NOT NULL,
    -- As in team_targets; NULL: a turn of nobody, a deliberate gap.
    target      TEXT,
    PRIMARY KEY (schedule_id, rotation, position),
    FOREIGN KEY (schedule_id, rotation) REFERENCES rotations (schedule_id, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- When in the week a rotation is in force; no row: always.
CREATE TABLE rotation_hours (
    -- The schedule.
    schedule_id TEXT NOT NULL,
    -- The rotation's position.
    rotation    INTEGER NOT NULL,
    -- The order in which the intervals were written, from 0.
    position    INTEGER NOT NULL,
    -- One interval of the week as it is written in settings ('mon-fri 09:00-17:00').
    hours       TEXT NOT NULL,
    PRIMARY KEY (schedule_id, rotation, position),
    FOREIGN KEY (schedule_id, rotation) REFERENCES rotations (schedule_id, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Somebody stands in for whoever would be on call.
CREATE TABLE overrides (
    -- Names it for good; later ones win over earlier ones at the same time.
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The schedule.
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- Who stands in.
    person_id   TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- Local time at which it begins.
    starts_at   TEXT NOT NULL,
    -- Local time at which it ends.
    ends_at     TEXT NOT NULL,
    -- 1: written in the on-call file and replaced with it; 0: made by a command and kept.
    from_file   INTEGER NOT NULL CHECK (from_file IN (0, 1))
) STRICT;

-- The overrides of a schedule, the file's first, commands after them.
CREATE INDEX overrides_by_schedule ON overrides (schedule_id, from_file DESC, id);
-- A person who is removed takes the overrides along.
CREATE INDEX overrides_by_person ON overrides (person_id);
