-- The limits of the trunks: a restart must not forget what has been spent.

-- What outbound legs were used for, minute by minute, for the last 24 hours.
CREATE TABLE trunk_use (
    -- The name of the trunk.
    trunk   TEXT NOT NULL,
    -- The beginning of the minute.
    at      TEXT NOT NULL,
    -- Legs that were dialled in it.
    legs    INTEGER NOT NULL,
    -- Seconds that answered legs lasted, counted in the minute in which they were noticed.
    seconds INTEGER NOT NULL,
    PRIMARY KEY (trunk, at)
) STRICT, WITHOUT ROWID;
