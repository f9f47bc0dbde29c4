//! Nightbell turns a team's own SIP trunk into an on-call hotline.
//!
//! The map, floor by floor. A room may name the rooms below it and never one beside or above it;
//! `tests/layering.rs` holds the table.
#![forbid(unsafe_code)]

// Floor 0: values. No socket, no file, no clock, no async; the rooms do not know each other.
pub mod audio;
pub mod incident;
pub mod oncall;
pub mod problem;
pub mod rtp;
pub mod sip;
// Floor 1: the product. Async, but it touches nothing but its own handles.
pub mod call;
// Beside it, and as pure as floor 0: what other services export, as on-call data of ours.
pub mod import;
// Floor 2: hands and ears.
pub mod notify;
pub mod store;
pub mod switch;
// Below `notify` and the door: asking over HTTP.
pub mod web;
// Floor 3: the door.
pub mod cli;
pub mod daemon;
