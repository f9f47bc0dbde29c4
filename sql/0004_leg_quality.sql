-- How each leg of a call sounded: what to look at when somebody says that the line was bad.

-- One row for each leg that was answered, written when it ended; a crash leaves the rows of its legs out.
-- "Received" and "in" are about what came from that phone, "sent" and "out" about what went to it.
CREATE TABLE leg_quality (
    -- The call.
    call_id            TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- The leg's number within that run of the daemon.
    leg                INTEGER NOT NULL,
    -- Whose phone: 'caller', or the id of a person. No reference, because people leave and the log stays.
    who                TEXT NOT NULL,
    -- The name of the trunk it went over.
    trunk              TEXT NOT NULL,
    -- The codec that was agreed on last: 'PCMA', 'PCMU' or 'G722'.
    codec              TEXT NOT NULL,
    -- RTP packets that came from it.
    packets_received   INTEGER NOT NULL,
    -- RTP packets that were sent to it.
    packets_sent       INTEGER NOT NULL,
    -- Packets from it that never came.
    packets_lost       INTEGER NOT NULL,
    -- The same in percent of those that should have come.
    lost_percent       REAL NOT NULL,
    -- Packets that came behind a later one.
    packets_late       INTEGER NOT NULL,
    -- Packets that came twice.
    packets_repeated   INTEGER NOT NULL,
    -- The mean interarrival jitter (RFC 3550 6.4.1) of what came from it, in ms.
    jitter_ms          REAL NOT NULL,
    -- The highest there was.
    jitter_max_ms      REAL NOT NULL,
    -- From us to the phone and back, in ms, by its last report (RTCP); NULL when it never told.
    round_trip_ms      REAL,
    -- How it sounded to us: the mean opinion score from 1 to 4.5 that the E-model (ITU-T G.107) estimates;
    -- NULL with less than a second of audio.
    mos_in             REAL,
    -- How we sounded to it, by its reports; NULL when it never told.
    mos_out            REAL,
    -- Packets of ours that it says it never got, in percent; NULL when it never told.
    far_lost_percent   REAL,
    -- The interarrival jitter that it says it has, in ms; NULL when it never told.
    far_jitter_ms      REAL,
    -- Packets that were dropped because they came from elsewhere.
    packets_foreign    INTEGER NOT NULL,
    -- Packets that were dropped because they were not protected with the agreed key, or came again (SRTP).
    packets_forged     INTEGER NOT NULL,
    -- Packets that were dropped because they were no RTP or of a payload type that was not agreed on.
    packets_unusable   INTEGER NOT NULL,
    -- The longest time in ms in which no packet came from it, once one had; a phone on hold is not waited for.
    longest_silence_ms INTEGER NOT NULL,
    -- 1 when no packet ever came from it.
    no_rtp_in          INTEGER NOT NULL CHECK (no_rtp_in IN (0, 1)),
    -- 1 when in the bridge the other side was heard and this one was not, for 8 s at least.
    one_way_in         INTEGER NOT NULL CHECK (one_way_in IN (0, 1)),
    -- 1 when it reported that nothing of ours arrives.
    one_way_out        INTEGER NOT NULL CHECK (one_way_out IN (0, 1)),
    PRIMARY KEY (call_id, leg)
) STRICT, WITHOUT ROWID;
