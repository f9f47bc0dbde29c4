-- Incidents, and what is told of them.

-- What is known of each call as far as incidents are concerned, and what its route wants: one row for each call
-- that has got to a route. It stays as long as the call, because people act on incidents long after it.
CREATE TABLE incident_cases (
    -- The call.
    call_id TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The case as JSON: the route's policy and the facts so far.
    state   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The incidents, as people see them.
CREATE TABLE incidents (
    -- Counts from 1: what people call it.
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The call it came of; a call has one at most.
    call_id         TEXT NOT NULL UNIQUE REFERENCES calls (id) ON DELETE CASCADE,
    -- One line of what happened.
    title           TEXT NOT NULL,
    -- How grave it is.
    severity        TEXT NOT NULL CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    -- 'triggered': nobody has taken it on; 'acknowledged': somebody has; 'resolved': it is over.
    status          TEXT NOT NULL CHECK (status IN ('triggered', 'acknowledged', 'resolved')),
    -- When it was opened.
    opened_at       TEXT NOT NULL,
    -- When somebody took it on; NULL when nobody has.
    acknowledged_at TEXT,
    -- Who: the id of a person, or a word; NULL when nobody has.
    acknowledged_by TEXT,
    -- When it was resolved; NULL while it is not.
    resolved_at     TEXT,
    -- Who or what resolved it; NULL while it is not.
    resolved_by     TEXT,
    -- 1: nobody is told of it.
    muted           INTEGER NOT NULL DEFAULT 0 CHECK (muted IN (0, 1)),
    -- Nobody is told of it before; NULL: it is not put off.
    snoozed_until   TEXT,
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK ((resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL) = (status <> 'resolved'))
) STRICT;

-- The list is read newest first, and most often for what is not over.
CREATE INDEX incidents_open ON incidents (id) WHERE status <> 'resolved';

-- Who is on an incident.
CREATE TABLE incident_people (
    -- The incident.
    incident_id INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    -- The id of a person. No reference, because people leave and the log stays.
    person      TEXT NOT NULL,
    PRIMARY KEY (incident_id, person)
) STRICT, WITHOUT ROWID;

-- What happened to an incident, one row for each event, in order.
CREATE TABLE incident_log (
    -- The order.
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The incident.
    incident_id INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    -- When.
    at          TEXT NOT NULL,
    -- Who did it, where somebody did.
    by          TEXT,
    -- What: 'opened', 'call', 'acknowledged', 'resolved', 'note', 'message', 'transcript', 'escalated', 'quiet', 'delivery',
    -- 'phoned'.
    kind        TEXT NOT NULL,
    -- In a sentence.
    detail      TEXT NOT NULL
) STRICT;

-- An incident is shown with all that happened to it.
CREATE INDEX incident_log_by_incident ON incident_log (incident_id, id);

-- Quiet times: maintenance (no incident is created), snooze (it is created, nobody is told before the end) and mute
-- (it is created, nobody is told). None of them keeps a phone from ringing in a call.
CREATE TABLE quiet_times (
    -- Names it for good.
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- Which of the three.
    kind      TEXT NOT NULL CHECK (kind IN ('maintenance', 'snooze', 'mute')),
    -- The hotline it is for; NULL: all.
    hotline   TEXT,
    -- The route it is for; NULL: all of the hotline.
    route     TEXT,
    -- From when.
    starts_at TEXT NOT NULL,
    -- Until when; NULL: until it is removed.
    ends_at   TEXT,
    -- Why, in the operator's words; NULL: nothing was said.
    reason    TEXT,
    CHECK (kind <> 'snooze' OR ends_at IS NOT NULL)
) STRICT;

-- What is to be told to targets, and what was: written in the transaction of the fact it tells of.
CREATE TABLE outbox (
    -- The order in which it was written; entries of one incident go to a target in this order.
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The name of the [[notify]] target.
    target      TEXT NOT NULL,
    -- The notice's own name: the same notice is never written twice for a target.
    notice_id   TEXT NOT NULL,
    -- What it belongs to: entries with the same key are told in order.
    dedup_key   TEXT NOT NULL,
    -- The incident; NULL: an alarm of Nightbell's own, or a test.
    incident_id INTEGER REFERENCES incidents (id) ON DELETE CASCADE,
    -- The call; NULL: as above.
    call_id     TEXT REFERENCES calls (id) ON DELETE CASCADE,
    -- The notice as JSON.
    notice      TEXT NOT NULL,
    -- When it was written.
    created_at  TEXT NOT NULL,
    -- When it was to be sent at first: it is given up 7 days later.
    wanted_at   TEXT NOT NULL,
    -- Not to be sent before.
    due_at      TEXT NOT NULL,
    -- 'waiting', 'sent', 'dead' (refused, or given up after 7 days: the operator may have it sent again), 'withdrawn' (not
    -- needed any more before it was sent).
    state       TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead', 'withdrawn')),
    -- How often it was tried, counted before each try: what was tried may have arrived, whatever came of it.
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- What went wrong the last time; NULL: nothing has.
    last_error  TEXT,
    -- When it was sent, given up or withdrawn; NULL while it waits.
    settled_at  TEXT,
    UNIQUE (target, notice_id),
    CHECK ((state = 'waiting') = (settled_at IS NULL))
) STRICT;

-- What waits: target by target, and of each incident the first.
CREATE INDEX outbox_waiting ON outbox (target, dedup_key, id) WHERE state = 'waiting';
-- What an incident's entries are.
CREATE INDEX outbox_by_call ON outbox (call_id);

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
    -- The incident that came of it, and how far it has come.
    incidents.id AS incident,
    incidents.status AS incident_status,
    -- When there would have been an incident, but for maintenance.
    CASE WHEN json_valid(incident_cases.state) THEN incident_cases.state ->> '$.suppressed' END AS suppressed_at,
    calls.sip_call_id
FROM calls
LEFT JOIN recordings ON recordings.call_id = calls.id AND recordings.state = 'kept'
LEFT JOIN call_recordings ON call_recordings.call_id = calls.id AND call_recordings.state = 'kept'
LEFT JOIN incidents ON incidents.call_id = calls.id
LEFT JOIN incident_cases ON incident_cases.call_id = calls.id;
