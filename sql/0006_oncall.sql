-- Who is on call, in full: escalations, opening hours, phones that wait to be confirmed, overrides of every
-- kind, schedules that are fed by calendars, turns by rules, and what commands say for a time.

-- ---------------------------------------------------------------------------------------------
-- People
-- ---------------------------------------------------------------------------------------------

-- The first instant at which `available_by_command` no longer holds; NULL: it holds until it is cleared.
ALTER TABLE people ADD COLUMN available_by_command_until TEXT;

-- 1 when the on-call file says that the phone's owner has confirmed it: no other is rung.
ALTER TABLE phones ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 1 CHECK (confirmed IN (0, 1));

-- Phones that their owners have confirmed since, by a command or a call: this outlives the on-call file's
-- next reading, and counts as long as the person has that phone.
CREATE TABLE phone_confirmations (
    -- Whose.
    person_id    TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- The phone, as in phones.
    phone        TEXT NOT NULL,
    -- When it was confirmed.
    confirmed_at TEXT NOT NULL,
    PRIMARY KEY (person_id, phone)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------
-- Escalations
-- ---------------------------------------------------------------------------------------------

-- Escalations: whom to turn to, and after which time to whom next.
CREATE TABLE escalations (
    -- The short name used as 'escalation:platform'.
    id     TEXT NOT NULL PRIMARY KEY,
    -- How often it begins again after its last level.
    repeat INTEGER NOT NULL CHECK (repeat BETWEEN 0 AND 9)
) STRICT;

-- The levels of an escalation.
CREATE TABLE escalation_levels (
    -- The escalation.
    escalation_id TEXT NOT NULL REFERENCES escalations (id) ON DELETE CASCADE,
    -- Counts from 0.
    level         INTEGER NOT NULL,
    -- How long after the beginning.
    after_ms      INTEGER NOT NULL CHECK (after_ms >= 0),
    PRIMARY KEY (escalation_id, level)
) STRICT, WITHOUT ROWID;

-- Who is in a level of an escalation.
CREATE TABLE escalation_targets (
    -- The escalation.
    escalation_id TEXT NOT NULL,
    -- The level.
    level         INTEGER NOT NULL,
    -- The order within the level, from 0.
    position      INTEGER NOT NULL,
    -- As in team_targets, or 'escalation:platform'.
    target        TEXT NOT NULL,
    PRIMARY KEY (escalation_id, level, position),
    FOREIGN KEY (escalation_id, level) REFERENCES escalation_levels (escalation_id, level) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------
-- Schedules
-- ---------------------------------------------------------------------------------------------

-- 0: nobody is on call in it, whatever its rotations say.
ALTER TABLE schedules ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1));
-- The address or the file of the calendar whose events are its shifts; NULL: there is none.
ALTER TABLE schedules ADD COLUMN calendar TEXT;

-- Whom the names in a schedule's calendar mean.
CREATE TABLE schedule_names (
    -- The schedule.
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- The name, as it stands in the calendar ('Anna S.').
    name        TEXT NOT NULL,
    -- The id of a person ('anna').
    person      TEXT NOT NULL,
    PRIMARY KEY (schedule_id, name)
) STRICT, WITHOUT ROWID;

-- The rule of RFC 5545 by which turns begin ('FREQ=WEEKLY;BYDAY=MO,TH'), each of the length in `every`;
-- NULL: they follow one another without a break.
ALTER TABLE rotations ADD COLUMN rrule TEXT;

-- Overrides can be of any target and of several kinds now, and of single rotations.
ALTER TABLE overrides RENAME TO overrides_of_people;
DROP INDEX overrides_by_schedule;
DROP INDEX overrides_by_person;

-- Something is otherwise than the rotations say, for some time.
CREATE TABLE overrides (
    -- Names it for good; of two at the same time the later one counts.
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The schedule.
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    -- Who stands in, comes along or is left out, as in team_targets; NULL: nobody, a deliberate gap.
    target      TEXT,
    -- 'replace': on call instead of those who would be; 'add': beside them; 'remove': not on call.
    kind        TEXT NOT NULL CHECK (kind IN ('replace', 'add', 'remove')),
    -- Who alone is replaced; NULL: whoever is on call.
    instead_of  TEXT,
    -- Local time at which it begins.
    starts_at   TEXT NOT NULL,
    -- Local time at which it ends.
    ends_at     TEXT NOT NULL,
    -- 1: written in the on-call file and replaced with it; 0: made by a command and kept.
    from_file   INTEGER NOT NULL CHECK (from_file IN (0, 1)),
    CHECK (target IS NOT NULL OR kind = 'replace'),
    CHECK (instead_of IS NULL OR kind = 'replace')
) STRICT;

INSERT INTO overrides (id, schedule_id, target, kind, starts_at, ends_at, from_file)
SELECT id, schedule_id, 'person:' || person_id, 'replace', starts_at, ends_at, from_file FROM overrides_of_people;
DROP TABLE overrides_of_people;

-- The overrides of a schedule, the file's first, commands after them.
CREATE INDEX overrides_by_schedule ON overrides (schedule_id, from_file DESC, id);

-- The rotations an override is about; no row: the whole schedule.
CREATE TABLE override_rotations (
    -- The override.
    override_id INTEGER NOT NULL REFERENCES overrides (id) ON DELETE CASCADE,
    -- The order in which they were written, from 0.
    position    INTEGER NOT NULL,
    -- The rotation's name.
    rotation    TEXT NOT NULL,
    PRIMARY KEY (override_id, position)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------
-- Opening hours
-- ---------------------------------------------------------------------------------------------

-- When somebody is there.
CREATE TABLE hours (
    -- The short name used in routes.
    id       TEXT NOT NULL PRIMARY KEY,
    -- IANA time zone in which all its times are meant.
    timezone TEXT NOT NULL,
    -- The address or the file of a calendar of days on which it is closed; NULL: there is none.
    calendar TEXT
) STRICT;

-- The open times of an ordinary week; no row: always open.
CREATE TABLE hours_week (
    -- The opening hours.
    hours_id TEXT NOT NULL REFERENCES hours (id) ON DELETE CASCADE,
    -- The order in which they were written, from 0.
    position INTEGER NOT NULL,
    -- One interval of the week as it is written in settings ('mon-fri 08:00-18:00').
    open     TEXT NOT NULL,
    PRIMARY KEY (hours_id, position)
) STRICT, WITHOUT ROWID;

-- Days on which it is otherwise.
CREATE TABLE hours_days (
    -- The opening hours.
    hours_id TEXT NOT NULL REFERENCES hours (id) ON DELETE CASCADE,
    -- The order from 0; where two meet, the later one counts.
    position INTEGER NOT NULL,
    -- The first day ('2026-12-24').
    first    TEXT NOT NULL,
    -- The last day.
    last     TEXT NOT NULL,
    -- 1: open all day; 0: closed all day.
    open     INTEGER NOT NULL CHECK (open IN (0, 1)),
    -- What it is, as people say it ('Christmas Day'), if anything.
    name     TEXT,
    PRIMARY KEY (hours_id, position)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------
-- Calendars
-- ---------------------------------------------------------------------------------------------

-- The last good copy of each calendar that is read from elsewhere: a server that is away changes nothing.
CREATE TABLE calendars (
    -- Its address or its file, as in schedules and hours.
    source        TEXT NOT NULL PRIMARY KEY,
    -- The last good copy (iCalendar, as it came); NULL before the first.
    copy          BLOB,
    -- When that copy was read, or found to be still the newest.
    read_at       TEXT,
    -- What its server calls that copy, to be asked whether there is a newer one (HTTP ETag).
    etag          TEXT,
    -- When its server changed it last, as it says (HTTP Last-Modified).
    last_modified TEXT,
    -- When it was last tried.
    tried_at      TEXT NOT NULL,
    -- Why the last try failed; NULL when it did not.
    failure       TEXT,
    CHECK ((copy IS NULL) = (read_at IS NULL))
) STRICT;
