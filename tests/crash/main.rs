//! Nothing that anybody was told is lost. The real daemon is killed in the middle of calls, and what it kept is
//! compared with what the far end's phones and receivers have seen; and a recorded run is played back to a disk that
//! may lose its power after any step.
//!
//! `cargo test` runs a short form of each. The long ones are `just kills` and `just power-cuts`: docs/reliability.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod ahead;
mod chased;
mod cuts;
mod daemon;
mod disk;
mod kills;
mod notices;
mod phone;
#[path = "../../src/store/scratch.rs"]
mod scratch;
mod sink;
mod sound;
mod trace;
mod verdict;

use cuts::Speed;

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn a_daemon_that_is_killed_at_any_moment_loses_no_call_no_message_and_no_notice() {
    kills::run(7, 0, 20, 4);
}

#[test]
#[ignore = "takes about an hour: `just kills`"]
fn a_thousand_kills() {
    let workers = number("NIGHTBELL_WORKERS", 4);
    kills::run(
        number("NIGHTBELL_SEED", 7),
        number("NIGHTBELL_FIRST", 0),
        number("NIGHTBELL_KILLS", 1000),
        workers,
    );
}

#[test]
fn a_power_cut_after_any_step_loses_no_call_that_was_answered_no_message_and_no_notice() {
    if daemon::can_trace("the power cuts") {
        cuts::run(7, 1, 300, Speed::Usual);
    }
}

#[test]
fn a_power_cut_of_a_slow_disk_loses_nothing_but_what_the_log_names() {
    if daemon::can_trace("the power cuts of a slow disk") {
        cuts::run(7, 1, 150, Speed::Slow);
    }
}

#[test]
#[ignore = "takes minutes: `just power-cuts`"]
fn ten_thousand_power_cuts() {
    assert!(daemon::can_trace("the power cuts"), "strace is needed");
    cuts::run(number("NIGHTBELL_SEED", 7), 5, number("NIGHTBELL_CUTS", 10_000), Speed::Usual);
}
