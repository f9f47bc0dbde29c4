-- Entries that were kept outside the database while it took none.

-- How far the entries of each spool have been written into the database.
CREATE TABLE spool_positions (
    -- The spool, by the name in its head; '0000000000000000': none, the row by which the disk is tried.
    spool  TEXT NOT NULL PRIMARY KEY,
    -- The number of the last of its entries that is in the database.
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
