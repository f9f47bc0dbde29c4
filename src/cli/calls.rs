//! `nightbell calls`: the call log, and the timeline of one call.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, Failure, erase, output};
use crate::call::journal::{Event, LegQuality, Outcome, Stated};
use crate::store::{CallFilter, CallRow, Store};

/// What can be done with the log beside reading it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Erase a caller: number, name and texts, files, transcripts, and what waits to be sent
    Erase(erase::Options),
}

/// Options of `calls`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
    /// The id of a call, or its beginning: prints the whole timeline
    id: Option<String>,
    /// Only calls that went like this
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only callers whose number begins like this
    #[arg(long, value_name = "PREFIX")]
    caller: Option<String>,
    /// Only calls since then: a time, or a length of time back (2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = super::output::since)]
    since: Option<Timestamp>,
    /// At most so many, the newest
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn outcome(word: &str) -> Result<Outcome, String> {
    let known = Outcome::ALL.map(Outcome::as_str).join(", ");
    Outcome::from_word(word).ok_or_else(|| format!("the outcomes are {known}"))
}

/// A call with its legs and its timeline.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    row: &'a CallRow,
    legs: &'a [LegQuality],
    timeline: &'a [Event],
}

/// Prints the log, or one call.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    if let Some(Command::Erase(options)) = &options.command {
        return erase::run(options);
    }
    let (config, _) = options.common.load()?;
    let reader = Store::open_read_only(&config.data_dir)?;
    if let Some(id) = &options.id {
        let Some((row, timeline)) = reader.call(id)? else {
            return Err(Failure::Failed(format!("there is no call {id}, or several begin like this")));
        };
        let legs = reader.legs(row.id)?;
        if options.json {
            output::json(&Whole { row: &row, legs: &legs, timeline: &timeline })?;
        } else {
            output::say(&one(&row, &legs, &timeline));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = reader.calls(&CallFilter {
        outcome: options.outcome,
        caller_prefix: options.caller.clone(),
        since: options.since,
        limit: Some(options.limit),
    })?;
    if options.json {
        output::json(&rows)?;
    } else {
        output::say(&log(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// The log as a table.
pub fn log(rows: &[CallRow]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                output::local(row.started_at),
                row.duration_s.map_or("-".to_owned(), |seconds| format!("{seconds} s")),
                output::printable(&row.caller),
                output::printable(&row.hotline),
                row.route.clone().unwrap_or("-".to_owned()),
                row.outcome.as_str().to_owned(),
                row.responder.clone().unwrap_or("-".to_owned()),
                row.incident.map_or("-".to_owned(), |incident| incident.to_string()),
                row.end_reason.clone().unwrap_or("-".to_owned()),
            ]
        })
        .collect();
    output::table(
        &[
            "ID",
            "STARTED",
            "LENGTH",
            "CALLER",
            "HOTLINE",
            "ROUTE",
            "OUTCOME",
            "RESPONDER",
            "INCIDENT",
            "ENDED BY",
        ],
        &cells,
    )
}

/// One call as a person reads it.
pub fn one(row: &CallRow, legs: &[LegQuality], timeline: &[Event]) -> String {
    let name = row.display_name.as_ref().map(|name| format!(" ({})", output::printable(name)));
    let mut text = format!(
        "call {}\n  {}{} called {} ({}) at {}\n",
        row.id,
        output::printable(&row.caller),
        name.unwrap_or_default(),
        output::printable(&row.number),
        output::printable(&row.hotline),
        output::local(row.started_at),
    );
    if let Some(diverter) = &row.diverted_by {
        text.push_str(&format!("  passed on by {}\n", output::printable(diverter)));
    }
    if let Some(proof) = proof(row) {
        text.push_str(&format!("  caller's number: {proof}\n"));
    }
    text.push_str(&format!("  outcome: {}", row.outcome.as_str()));
    if let Some(responder) = &row.responder {
        text.push_str(&format!(", accepted by {responder}"));
    }
    if let (Some(reason), Some(seconds)) = (&row.end_reason, row.duration_s) {
        text.push_str(&format!("\n  ended after {seconds} s: {}", output::printable(reason)));
    }
    if let Some(file) = &row.voicemail {
        text.push_str(&format!("\n  message: {file}"));
    }
    if let Some(file) = &row.recording {
        text.push_str(&format!("\n  recording: {file}"));
    }
    if let (Some(incident), Some(status)) = (row.incident, row.incident_status) {
        text.push_str(&format!("\n  incident: {incident}, {status}: nightbell incidents {incident}"));
    } else if let Some(at) = row.suppressed_at {
        text.push_str(&format!("\n  no incident: maintenance at {}", output::local(at)));
    }
    text.push_str(&format!("\n  SIP Call-ID: {}\n\n", output::printable(&row.sip_call_id)));
    for event in timeline {
        text.push_str(&super::run::timeline_line(event, row.started_at));
    }
    if !legs.is_empty() {
        text.push_str(&format!("\n{}", sound(legs)));
    }
    text
}

/// How the legs sounded, as a table.
fn sound(legs: &[LegQuality]) -> String {
    let cells: Vec<Vec<String>> = legs
        .iter()
        .map(|leg| {
            vec![
                output::printable(&leg.who),
                leg.trunk.clone(),
                leg.codec.clone(),
                leg.packets_received.to_string(),
                format!("{} %", leg.lost_percent),
                format!("{} / {} ms", leg.jitter_ms, leg.jitter_max_ms),
                figure(leg.mos_in, ""),
                leg.packets_sent.to_string(),
                figure(leg.far_lost_percent, " %"),
                figure(leg.mos_out, ""),
                figure(leg.round_trip_ms, " ms"),
                remarks(leg),
            ]
        })
        .collect();
    output::table(
        &[
            "LEG",
            "TRUNK",
            "CODEC",
            "HEARD",
            "LOST",
            "JITTER",
            "MOS",
            "SENT",
            "LOST THERE",
            "MOS THERE",
            "ROUND TRIP",
            "REMARKS",
        ],
        &cells,
    )
}

fn figure(value: Option<f64>, unit: &str) -> String {
    value.map_or("-".to_owned(), |value| format!("{value}{unit}"))
}

/// From how long on a silence is worth a word, in ms.
const LONG_SILENCE_MS: u64 = 2_000;

/// What is out of the ordinary on a leg.
fn remarks(leg: &LegQuality) -> String {
    let silence = leg.longest_silence_ms as f64 / 1000.0;
    let remarks = [
        (leg.no_rtp_in, "no audio ever came".to_owned()),
        (leg.one_way_in, "was not heard in the bridge".to_owned()),
        (leg.one_way_out, "reported to hear nothing".to_owned()),
        (leg.longest_silence_ms >= LONG_SILENCE_MS, format!("was still for {silence:.1} s")),
        (leg.packets_foreign > 0, format!("{} packets from elsewhere were dropped", leg.packets_foreign)),
        (leg.packets_forged > 0, format!("{} packets under another key were dropped", leg.packets_forged)),
        (leg.packets_unusable > 0, format!("{} packets could not be used", leg.packets_unusable)),
    ];
    let said: Vec<_> = remarks.into_iter().filter_map(|(holds, remark)| holds.then_some(remark)).collect();
    if said.is_empty() { "-".to_owned() } else { said.join("; ") }
}

/// What carriers say of the caller's number, in words.
fn proof(row: &CallRow) -> Option<String> {
    let stated = Stated { verstat: row.verstat, attestation: row.attestation, ..Stated::default() };
    Some(stated.describe()).filter(|words| !words.is_empty())
}
