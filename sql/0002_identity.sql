-- What a trunk says of a caller beside the number. Texts come from outside: they are printable and short,
-- and nothing of it is proven.

-- The caller's name; NULL when none was given or it is withheld.
ALTER TABLE calls ADD COLUMN display_name TEXT;
-- Who had passed the call on to us (Diversion or History-Info), the last to do so: a number in E.164 where
-- it is one, 'anonymous' when withheld; NULL when the caller dialled us.
ALTER TABLE calls ADD COLUMN diverted_by TEXT;
-- What the trunk's carrier found out about the caller's number (STIR verstat); NULL when it did not say.
ALTER TABLE calls ADD COLUMN verstat TEXT CHECK (verstat IN ('passed', 'failed', 'not-checked'));
-- The level at which the first carrier vouches for the caller (SHAKEN), as the trunk passes it on: 'A' for the
-- customer and the number, 'B' for the customer, 'C' for the gateway; NULL when nobody did.
ALTER TABLE calls ADD COLUMN attestation TEXT CHECK (attestation IN ('A', 'B', 'C'));

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
    calls.sip_call_id
FROM calls
LEFT JOIN recordings ON recordings.call_id = calls.id AND recordings.state = 'kept';
