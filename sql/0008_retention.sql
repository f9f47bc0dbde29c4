-- What is kept for how long, and the proof of what is not kept any more.

-- ---------------------------------------------------------------------------------------------
-- Recordings can go before their call does, and can be encrypted
-- ---------------------------------------------------------------------------------------------

-- What there is now, for as long as the table is made anew.
CREATE TABLE recordings_before AS SELECT * FROM recordings;
DROP TABLE recordings;
-- Messages left by callers: one file each in the recordings folder.
CREATE TABLE recordings (
    -- The call.
    call_id     TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The file's name inside the recordings folder.
    file        TEXT NOT NULL,
    -- When recording began.
    started_at  TEXT NOT NULL,
    -- 'recording' until the file is whole, then 'kept', or 'dropped' when nothing was said; 'purged' once its time
    -- was over and 'deleted' by a command: then there is no file.
    state       TEXT NOT NULL DEFAULT 'recording'
                CHECK (state IN ('recording', 'kept', 'dropped', 'purged', 'deleted')),
    -- Its length in ms; NULL while recording.
    duration_ms INTEGER,
    -- 1 when the disk or a crash cut it short.
    truncated   INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    -- 1 when the file is encrypted: only the holder of the key can hear it.
    encrypted   INTEGER NOT NULL DEFAULT 0 CHECK (encrypted IN (0, 1)),
    -- When the file was purged or deleted; NULL while it is there.
    gone_at     TEXT,
    CHECK ((state = 'recording') = (duration_ms IS NULL)),
    CHECK ((state IN ('purged', 'deleted')) = (gone_at IS NOT NULL))
) STRICT;
INSERT INTO recordings (call_id, file, started_at, state, duration_ms, truncated)
SELECT call_id, file, started_at, state, duration_ms, truncated FROM recordings_before;
DROP TABLE recordings_before;

-- A start looks for recordings that a crash left unfinished.
CREATE INDEX recordings_unfinished ON recordings (call_id) WHERE state = 'recording';
-- What is kept, by its age.
CREATE INDEX recordings_kept ON recordings (started_at) WHERE state = 'kept';

-- What there is now, for as long as the table is made anew.
CREATE TABLE recordings_before AS SELECT * FROM call_recordings;
DROP TABLE call_recordings;
-- One file each in the recordings folder, two channels: left the caller, right the responder.
CREATE TABLE call_recordings (
    -- The call.
    call_id     TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The file's name inside the recordings folder.
    file        TEXT NOT NULL,
    -- When recording began: both sides had heard that the call may be recorded.
    started_at  TEXT NOT NULL,
    -- As in recordings.
    state       TEXT NOT NULL DEFAULT 'recording'
                CHECK (state IN ('recording', 'kept', 'dropped', 'purged', 'deleted')),
    -- Its length in ms; NULL while recording.
    duration_ms INTEGER,
    -- 1 when the disk or a crash cut it short.
    truncated   INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    -- As in recordings.
    encrypted   INTEGER NOT NULL DEFAULT 0 CHECK (encrypted IN (0, 1)),
    -- As in recordings.
    gone_at     TEXT,
    CHECK ((state = 'recording') = (duration_ms IS NULL)),
    CHECK ((state IN ('purged', 'deleted')) = (gone_at IS NOT NULL))
) STRICT;
INSERT INTO call_recordings (call_id, file, started_at, state, duration_ms, truncated)
SELECT call_id, file, started_at, state, duration_ms, truncated FROM recordings_before;
DROP TABLE recordings_before;

-- A start looks for recordings that a crash left unfinished.
CREATE INDEX call_recordings_unfinished ON call_recordings (call_id) WHERE state = 'recording';
-- What is kept, by its age.
CREATE INDEX call_recordings_kept ON call_recordings (started_at) WHERE state = 'kept';

-- ---------------------------------------------------------------------------------------------
-- Purges
-- ---------------------------------------------------------------------------------------------

-- 1 once the call's timeline was purged: its steps, who was dialled, how legs sounded, what was said and written.
ALTER TABLE calls ADD COLUMN timeline_purged INTEGER NOT NULL DEFAULT 0 CHECK (timeline_purged IN (0, 1));
-- A purge looks for old timelines that are still there.
CREATE INDEX calls_with_timeline ON calls (started_at) WHERE timeline_purged = 0;

-- An incident that goes takes along what was to be told of it.
CREATE INDEX outbox_by_incident ON outbox (incident_id);

-- What was removed for good: one row for each run of a purge and kind. Nothing in it tells of whom.
CREATE TABLE purges (
    -- When the run began.
    at     TEXT NOT NULL,
    -- What: 'timelines', 'recordings', 'calls', 'statistics'; 'message' by `voicemail delete`; 'caller' by `calls erase`.
    what   TEXT NOT NULL CHECK (what IN ('timelines', 'recordings', 'calls', 'statistics', 'message', 'caller')),
    -- By which rule, in the words of the settings or of the command ('recordings = 365d').
    rule   TEXT NOT NULL,
    -- How many calls, recordings or days of statistics it concerned.
    rows   INTEGER NOT NULL CHECK (rows >= 0),
    -- How many files were removed.
    files  INTEGER NOT NULL CHECK (files >= 0),
    -- When the oldest of them began.
    oldest TEXT,
    -- When the newest of them began.
    newest TEXT,
    PRIMARY KEY (at, what)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------
-- Statistics
-- ---------------------------------------------------------------------------------------------

-- Counts of calls that are not kept any more: written in the transaction that purges them.
CREATE TABLE statistics (
    -- The day in UTC on which the calls came in ('2026-01-05').
    day        TEXT NOT NULL,
    -- The hotline's name.
    hotline    TEXT NOT NULL,
    -- The route's name; '' where the caller got to none.
    route      TEXT NOT NULL,
    -- How they went, as in calls.
    outcome    TEXT NOT NULL,
    -- The id of the person who accepted; '' where nobody did.
    person     TEXT NOT NULL,
    -- How many.
    calls      INTEGER NOT NULL,
    -- How long they lasted from the INVITE to the end, together, in whole seconds.
    duration_s INTEGER NOT NULL,
    -- The same from our answer to the end.
    answered_s INTEGER NOT NULL,
    PRIMARY KEY (day, hotline, route, outcome, person)
) STRICT, WITHOUT ROWID;

-- Counts of calls that are in the log, in the same form.
CREATE VIEW statistics_of_calls AS
SELECT
    calls.id,
    substr(started_at, 1, 10) AS day,
    hotline,
    coalesce(route, '') AS route,
    outcome,
    coalesce(responder, '') AS person,
    1 AS calls,
    max(0, CAST(round((julianday(ended_at) - julianday(started_at)) * 86400) AS INTEGER)) AS duration_s,
    max(0, coalesce(CAST(round((julianday(ended_at) - julianday(answered_at)) * 86400) AS INTEGER), 0)) AS answered_s
FROM calls
-- Calls that Nightbell has made by itself are nobody's.
WHERE ended_at IS NOT NULL AND caller <> 'nightbell';

-- All calls there ever were, as long as statistics are kept: what the log has, and what was purged from it.
CREATE VIEW all_statistics AS
SELECT day, hotline, route, outcome, person, sum(calls) AS calls, sum(duration_s) AS duration_s,
       sum(answered_s) AS answered_s
FROM (
    SELECT day, hotline, route, outcome, person, calls, duration_s, answered_s FROM statistics
    UNION ALL
    SELECT day, hotline, route, outcome, person, calls, duration_s, answered_s FROM statistics_of_calls
)
GROUP BY day, hotline, route, outcome, person;
