#![no_main]

#[path = "../checks/events.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::events(data));
