-- Recordings of calls with both their sides, where a hotline wants them.

-- One file each in the recordings folder, two channels: left the caller, right the responder.
CREATE TABLE call_recordings (
    -- The call.
    call_id     TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The file's name inside the recordings folder.
    file        TEXT NOT NULL,
    -- When recording began: both sides had heard that the call may be recorded.
    started_at  TEXT NOT NULL,
    -- 'recording' until the file is whole, then 'kept', or 'dropped' when there was nothing to keep.
    state       TEXT NOT NULL DEFAULT 'recording' CHECK (state IN ('recording', 'kept', 'dropped')),
    -- Its length in ms; NULL while recording.
    duration_ms INTEGER,
    -- 1 when the disk or a crash cut it short.
    truncated   INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    CHECK ((state = 'recording') = (duration_ms IS NULL))
) STRICT;

-- A start looks for recordings that a crash left unfinished.
CREATE INDEX call_recordings_unfinished ON call_recordings (call_id) WHERE state = 'recording';

DROP VIEW call_log;
-- The log as people ask for it, one row for each call: what the command `calls` shows.
CREATE VIEW call_log AS
SELECT
    calls.id,
    calls.hotline,
    calls.number,
    calls.caller,
    calls.display_name,
    calls.diverted_by,
    calls.verstat,
    calls.attestation,
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
    -- The file of the recorded call, where it was kept.
    call_recordings.file AS recording,
    calls.sip_call_id
FROM calls
LEFT JOIN recordings ON recordings.call_id = calls.id AND recordings.state = 'kept'
LEFT JOIN call_recordings ON call_recordings.call_id = calls.id AND call_recordings.state = 'kept';
