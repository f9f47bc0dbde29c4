#![no_main]

#[path = "../checks/gsm.rs"]
mod gsm;

libfuzzer_sys::fuzz_target!(|data: &[u8]| gsm::check(data));
