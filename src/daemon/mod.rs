//! The door: settings composed, start, reload, stop.

pub mod changes;
pub mod config;
pub mod control;
pub mod expect;
pub mod feeds;
pub mod findings;
pub mod incidents;
pub mod limits;
pub mod logging;
pub mod outbox;
mod parse;
pub mod probe;
pub mod reading;
mod secrets;
pub mod start;
pub mod transcript;
pub mod verify;
