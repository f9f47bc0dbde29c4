//! The door: settings composed, start, reload, stop.

pub mod config;
pub mod control;
pub mod findings;
pub mod logging;
mod reading;
pub mod start;
