#![no_main]

#[path = "../checks/calendar.rs"]
mod calendar;

libfuzzer_sys::fuzz_target!(|data: &[u8]| calendar::check(data));
