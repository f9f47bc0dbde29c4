//! `nightbell notify`: tells a target something for real.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::{Common, Failure, output};
use crate::daemon::config::Config;
use crate::incident::Event;
use crate::notify::exchange::Verdict;
use crate::notify::http::Client;
use crate::notify::{Attempt, Delivering, Target, sample};
use crate::problem::nearest;

/// What can be done with targets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell a target of an incident that never was, and that it is over
    Test(TestOptions),
}

/// Options of `notify test`.
#[derive(Debug, Args)]
pub struct TestOptions {
    #[command(flatten)]
    common: Common,
    /// The target's name
    name: String,
    /// Leave the incident open, to see what it does
    #[arg(long)]
    leave_open: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came of telling it something.
#[derive(Debug, Serialize)]
struct Told {
    /// `trigger` or `resolve`.
    event: Event,
    /// `delivered`, `later`, `refused` or `needless`.
    verdict: &'static str,
    /// What the target answered; null where it did not.
    answer: Option<String>,
    /// Why it was not delivered.
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    target: &'a str,
    service: &'a str,
    dedup_key: &'a str,
    told: Vec<Told>,
}

/// Runs the command.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::Test(options) = command;
    let (config, _) = options.common.load()?;
    let target = named(&config, &options.name)?;
    let now = Timestamp::now();
    let key = format!("test-{}", now.as_millisecond());
    let with = Delivering {
        client: Client::new(),
        recordings: config.data_dir.join("recordings"),
        link: config.link.clone(),
    };
    let mut told = vec![tell(target, Event::Trigger, &key, &with)];
    let opened = told.iter().all(|told| told.verdict == "delivered");
    if opened && target.facts.resolves && !options.leave_open {
        told.push(tell(target, Event::Resolve, &key, &with));
    }
    let good = told.iter().all(|told| matches!(told.verdict, "delivered" | "needless"));
    let report = Report { target: &target.name, service: target.facts.service, dedup_key: &key, told };
    if options.json {
        output::json(&report)?;
    } else {
        output::say(&text(&report));
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a Target, Failure> {
    if let Some(target) = config.targets.iter().find(|target| target.name == name) {
        return Ok(target);
    }
    let known: Vec<_> = config.targets.iter().map(|target| target.name.as_str()).collect();
    let hint = match (nearest(name, known.iter().copied()), known.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "the settings have no [[notify]]".to_owned(),
        (None, known) => format!("there are {}", known.join(", ")),
    };
    Err(Failure::Usage(format!("there is no target called `{name}`: {hint}")))
}

fn tell(target: &Target, event: Event, key: &str, with: &Delivering) -> Told {
    let Attempt { verdict, answer } = target.attempt(&sample::test(event, key, Timestamp::now()), with);
    let (verdict, why) = match verdict {
        Verdict::Delivered => ("delivered", None),
        Verdict::Needless => ("needless", None),
        Verdict::Later { why, .. } => ("later", Some(why)),
        Verdict::Refused { why } => ("refused", Some(why)),
    };
    Told { event, verdict, answer, why }
}

fn text(report: &Report<'_>) -> String {
    let line = |told: &Told| {
        let what = match told.event {
            Event::Resolve => "that it is over",
            _ => "of a test incident",
        };
        match (&told.why, &told.answer) {
            (Some(why), _) if told.verdict == "later" => {
                format!("not told {what}, but it may pass: {}\n", output::printable(why))
            }
            (Some(why), _) => format!("not told {what}: {}\n", output::printable(why)),
            (None, Some(answer)) => format!("told {what}; it answered {}\n", output::printable(answer)),
            (None, None) => format!("told {what}\n"),
        }
    };
    let lines: String = report.told.iter().map(line).collect();
    format!("{} ({}), {}\n{lines}", report.target, report.service, report.dedup_key)
}
