//! How legs sounded: written at their end, read with the call.

use rusqlite::{Connection, Row, named_params};

use super::entries::{execute, number};
use crate::call::CallId;
use crate::call::journal::LegQuality;
use crate::call::leg::LegId;

/// Writes the figures of a leg.
pub(super) fn write(connection: &Connection, quality: &LegQuality) -> rusqlite::Result<usize> {
    let count = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
    execute(
        connection,
        "INSERT INTO leg_quality VALUES (
             :call_id, :leg, :who, :trunk, :codec, :received, :sent, :lost, :lost_percent, :late, :repeated,
             :jitter, :jitter_max, :round_trip, :mos_in, :mos_out, :far_lost, :far_jitter, :foreign, :forged,
             :unusable, :silence, :no_rtp_in, :one_way_in, :one_way_out)
         ON CONFLICT DO NOTHING",
        named_params! {
            ":call_id": quality.call.to_string(),
            ":leg": number(quality.leg),
            ":who": quality.who,
            ":trunk": quality.trunk,
            ":codec": quality.codec,
            ":received": count(quality.packets_received),
            ":sent": count(quality.packets_sent),
            ":lost": count(quality.packets_lost),
            ":lost_percent": quality.lost_percent,
            ":late": count(quality.packets_late),
            ":repeated": count(quality.packets_repeated),
            ":jitter": quality.jitter_ms,
            ":jitter_max": quality.jitter_max_ms,
            ":round_trip": quality.round_trip_ms,
            ":mos_in": quality.mos_in,
            ":mos_out": quality.mos_out,
            ":far_lost": quality.far_lost_percent,
            ":far_jitter": quality.far_jitter_ms,
            ":foreign": count(quality.packets_foreign),
            ":forged": count(quality.packets_forged),
            ":unusable": count(quality.packets_unusable),
            ":silence": count(quality.longest_silence_ms),
            ":no_rtp_in": quality.no_rtp_in,
            ":one_way_in": quality.one_way_in,
            ":one_way_out": quality.one_way_out,
        },
    )
}

/// The legs of a call that have ended, in the order in which they were begun.
pub(super) fn read(connection: &Connection, call: CallId) -> rusqlite::Result<Vec<LegQuality>> {
    connection
        .prepare_cached("SELECT * FROM leg_quality WHERE call_id = ?1 ORDER BY leg")?
        .query_map([call.to_string()], |row| quality(call, row))?
        .collect()
}

fn quality(call: CallId, row: &Row<'_>) -> rusqlite::Result<LegQuality> {
    let count = |column: &str| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(LegQuality {
        call,
        leg: LegId(count("leg")?),
        who: row.get("who")?,
        trunk: row.get("trunk")?,
        codec: row.get("codec")?,
        packets_received: count("packets_received")?,
        packets_sent: count("packets_sent")?,
        packets_lost: count("packets_lost")?,
        lost_percent: row.get("lost_percent")?,
        packets_late: count("packets_late")?,
        packets_repeated: count("packets_repeated")?,
        jitter_ms: row.get("jitter_ms")?,
        jitter_max_ms: row.get("jitter_max_ms")?,
        round_trip_ms: row.get("round_trip_ms")?,
        mos_in: row.get("mos_in")?,
        mos_out: row.get("mos_out")?,
        far_lost_percent: row.get("far_lost_percent")?,
        far_jitter_ms: row.get("far_jitter_ms")?,
        packets_foreign: count("packets_foreign")?,
        packets_forged: count("packets_forged")?,
        packets_unusable: count("packets_unusable")?,
        longest_silence_ms: count("longest_silence_ms")?,
        no_rtp_in: row.get("no_rtp_in")?,
        one_way_in: row.get("one_way_in")?,
        one_way_out: row.get("one_way_out")?,
    })
}
