//! Parses the arguments and hands over.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    nightbell::cli::Arguments::parse().run()
}
