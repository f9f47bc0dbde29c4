-- What is wrong with Nightbell itself, and was told to somebody: so that a restart neither tells it again nor forgets
-- to say that it is over. A row goes when the alarm is over.
CREATE TABLE alarms (
    -- What is wrong: a kind, and of what where there are several (`trunk-carrier`).
    name      TEXT NOT NULL PRIMARY KEY,
    -- Since when.
    since     TEXT NOT NULL,
    -- How grave it is.
    severity  TEXT NOT NULL CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    -- One line.
    title     TEXT NOT NULL,
    -- What was found, and what to do.
    detail    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
