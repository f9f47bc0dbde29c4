#![no_main]

#[path = "../checks/digest.rs"]
mod digest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| digest::check(data));
