//! The door: settings composed, start, reload, stop.

pub mod changes;
pub mod config;
pub mod control;
pub mod expect;
pub mod feeds;
pub mod findings;
pub mod limits;
pub mod logging;
pub mod messages;
mod parse;
pub mod probe;
mod reading;
pub mod retention;
mod secrets;
pub mod start;
pub mod verify;
