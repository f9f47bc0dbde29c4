//! `nightbell schedule`: shifts ahead, and on-call data of other services.

mod against;
mod export;
mod import;
mod preview;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;

/// What there is to do with schedules.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Who will be on call when, and when nobody will be
    Preview(preview::Options),
    /// On-call data of another service as an on-call file of ours
    #[command(subcommand)]
    Import(import::Command),
    /// Our answer to "who is on call" against another service's, moment by moment
    Verify(verify::Options),
}

/// Does it.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Preview(options) => preview::run(options),
        Command::Import(command) => import::run(command),
        Command::Verify(options) => verify::run(options),
    }
}
