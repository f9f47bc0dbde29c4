//! `nightbell apply`: an on-call file into the database.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Common, Failure, output};
use crate::daemon::config::read_oncall;
use crate::daemon::control::{self, Command, Reply};
use crate::daemon::findings::Findings;

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// The on-call file
    file: PathBuf,
    /// Only print what would change
    #[arg(long)]
    dry_run: bool,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
}

/// Applies the file through the running daemon, or to the database of a stopped one.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (config, _) = options.common.load()?;
    let configured = config.oncall.as_ref().map(|(source, _)| source.path.clone());
    if let Some(configured) = configured.filter(|configured| !same_file(configured, &options.file)) {
        return Err(Failure::Usage(format!(
            "`oncall` in the settings names {}, which is applied at each start and reload: \
             apply that file, or take `oncall` out of the settings",
            configured.display()
        )));
    }
    let mut findings = Findings::default();
    let Some((source, roster)) = read_oncall(&options.file, &mut findings).filter(|_| !findings.has_errors())
    else {
        return Err(Failure::Settings(findings));
    };
    // A hotline must not be left with a target that is no longer there.
    config.hotlines(&roster, &mut findings);
    if findings.has_errors() {
        return Err(Failure::Settings(findings));
    }
    let command =
        Command::Apply { path: options.file.clone(), text: source.text.clone(), dry_run: options.dry_run };
    let changes = match control::ask(&config.data_dir, &command)? {
        Some(Reply::Done(changes)) => changes,
        Some(Reply::Failed(why)) => return Err(Failure::Failed(why)),
        Some(_) => {
            return Err(Failure::Failed("the daemon answered something else".to_owned()));
        }
        None => {
            let store = super::open_stopped(&config)?;
            store.apply_roster(&roster, options.dry_run)?.iter().map(ToString::to_string).collect()
        }
    };
    tell(options, &changes)
}

fn tell(options: &Options, changes: &[String]) -> Result<ExitCode, Failure> {
    if options.json {
        output::json(&changes)?;
    } else if changes.is_empty() {
        output::say("nothing changes\n");
    } else {
        output::say(&format!("{}\n", changes.join("\n")));
        let done = if options.dry_run { "this would change; nothing was written" } else { "applied" };
        output::say(&format!("{done}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn same_file(one: &std::path::Path, other: &std::path::Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
