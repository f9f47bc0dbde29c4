//! Calls in plain words: a hotline as an operator writes it, phones that behave as people do, and a
//! clock that jumps from one event to the next. What a call writes down is compared line by line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a scenario that breaks says so")]

mod admission;
mod aftermath;
mod busy;
mod chain;
mod chance;
mod chase;
mod faults;
mod hangup;
mod house;
mod incall;
mod incidents;
mod menu;
mod message;
mod presets;
mod recorded;
mod rows;
mod screening;
mod sound;
mod story;
mod switch;
mod together;
mod told;
mod trouble;
mod verify;
mod voicemail;
mod waiting;
mod ways;
