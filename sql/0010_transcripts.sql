-- Messages that are to be written out by the operator's command, and what came of it: the queue survives a restart.
CREATE TABLE transcripts (
    -- The call the message is of; a call has one at most.
    call_id    TEXT NOT NULL PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    -- The message's file, inside the recordings folder.
    file       TEXT NOT NULL,
    -- When the message was kept.
    queued_at  TEXT NOT NULL,
    -- How often the command was begun for it; counted before it runs.
    attempts   INTEGER NOT NULL DEFAULT 0,
    -- 'waiting'; 'made': the text is with the incident; 'nothing': the command heard no words; 'failed': given up;
    -- 'skipped': no command was set.
    state      TEXT NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'made', 'nothing', 'failed', 'skipped')),
    -- What went wrong the last time; NULL: nothing has.
    error      TEXT,
    -- When it came to an end; NULL while it waits.
    settled_at TEXT,
    CHECK ((state = 'waiting') = (settled_at IS NULL))
) STRICT, WITHOUT ROWID;

-- What waits, the oldest first.
CREATE INDEX transcripts_waiting ON transcripts (queued_at) WHERE state = 'waiting';
