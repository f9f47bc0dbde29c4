//! The database as the daemon and the commands use it: through the journal, over restarts and
//! crashes, with everything that callers may send.
// The set-up of a test may fail as loudly as the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod chase;
mod crash;
mod file;
mod incidents;
mod kill;
mod log;
mod outbox;
mod quiet;
mod retention;
mod roster;
#[path = "../../src/store/scratch.rs"]
mod scratch;
mod spare;
mod story;
mod transcripts;
