-- Chasing people about open incidents, and the ways in which incidents reach a person.

-- How incidents reach a person, in the order in which it is written. Nobody has none: who has no row is phoned.
CREATE TABLE person_ways (
    -- Whose.
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- Counts from 0.
    position  INTEGER NOT NULL,
    -- 'phone', 'email', 'sms', 'chat', or the name of a [[notify]] target.
    way       TEXT NOT NULL,
    PRIMARY KEY (person_id, position)
) STRICT, WITHOUT ROWID;

-- The [[notify]] target that each of these ways leads to, by the settings that were read last. A way without a row
-- leads nowhere.
CREATE TABLE way_targets (
    -- As in person_ways.
    way    TEXT NOT NULL PRIMARY KEY,
    -- The name of the target.
    target TEXT NOT NULL,
    -- Where in it the person is found: at the 'email' address, at the first 'number', or (NULL) where all are told.
    finds  TEXT CHECK (finds IN ('email', 'number'))
) STRICT, WITHOUT ROWID;

-- Open incidents about which people are chased: one row for each that ever was.
CREATE TABLE chases (
    -- The incident.
    incident_id INTEGER NOT NULL PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    -- 'running'; 'stopped': somebody has taken it on, or it is over; 'over': nobody has, to the last round.
    state       TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'over')),
    -- When it was begun, the last time.
    begun_at    TEXT NOT NULL,
    -- Nothing is to be done before.
    due_at      TEXT NOT NULL,
    -- How far it has come, as JSON.
    progress    TEXT NOT NULL
) STRICT;

-- What there is to do next.
CREATE INDEX chases_running ON chases (due_at) WHERE state = 'running';
