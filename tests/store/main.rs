//! The database as the daemon and the commands use it: through the journal, over restarts and
//! crashes, with everything that callers may send.

mod crash;
mod file;
mod kill;
mod log;
mod roster;
#[path = "../../src/store/scratch.rs"]
mod scratch;
mod story;
