//! Parses the arguments and hands over.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

/// It gives the memory of a rush of calls back to the system, which the C library's keeps.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    nightbell::cli::Arguments::parse().run()
}
