#![no_main]

#[path = "../checks/uri.rs"]
mod uri;

libfuzzer_sys::fuzz_target!(|data: &[u8]| uri::check(data));
