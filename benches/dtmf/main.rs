//! The in-band detector against every requirement, beside libspandsp on the very same samples.
//!
//! `cargo bench --bench dtmf`, and after `--` at choice: `accuracy`, `talkoff` or `cost` for a part alone; `quick` for a
//! tenth of everything; `tapes FOLDER` for sound files of your own in which no key may be heard (talk-off tapes).
//! Ends with 1 if we miss a target. libspandsp (Debian: libspandsp-dev) is compiled in by this bench alone, at run
//! time; without it, espeak-ng or valgrind their columns and rows are left out, and that is said.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cost;
mod ears;
mod exam;
mod line;
mod onset;
mod rows;
mod sounds;
mod speech;
mod talkoff;

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use ears::Ear;

/// What is asked for on the command line.
#[derive(Default)]
struct Wish {
    parts: Vec<String>,
    effort: f64,
    tapes: Option<PathBuf>,
}

fn main() -> ExitCode {
    // Cargo adds an option of its own.
    let mut arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == cost::WORK) {
        arguments.remove(0);
        return exit(cost::work(&arguments).is_some());
    }
    match wish(&arguments) {
        Some(wish) => exit(run(&wish)),
        None => {
            println!("Parts are accuracy, talkoff and cost; also quick, and tapes FOLDER.");
            ExitCode::from(2)
        }
    }
}

fn exit(met: bool) -> ExitCode {
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(arguments: &[String]) -> Option<Wish> {
    let mut wish = Wish { effort: 1.0, ..Wish::default() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "quick" => wish.effort = 0.1,
            "tapes" => wish.tapes = Some(arguments.next()?.into()),
            "accuracy" | "talkoff" | "cost" => wish.parts.push(argument.clone()),
            _ => return None,
        }
    }
    Some(wish)
}

fn run(wish: &Wish) -> bool {
    let mut ears = vec![Ear::ours(8000), Ear::ours(16_000)];
    let spandsp = ears::compile_spandsp();
    match &spandsp {
        Ok(program) => ears.push(Ear::spandsp(program)),
        Err(why) => println!("libspandsp's column is left out: {why}\n"),
    }
    let wanted = |part: &str| wish.parts.is_empty() || wish.parts.iter().any(|wanted| wanted == part);
    let mut met = true;
    if wanted("accuracy") {
        met &= accuracy(&ears, wish.effort);
    }
    if wanted("talkoff") {
        head("heard as keys: as it is / A-law / mu-law", &ears);
        met &= talkoff::run(&ears, wish.effort, wish.tapes.as_deref());
    }
    if wanted("cost") {
        met &= cost::run(spandsp.ok().as_deref());
    }
    println!("\n{}", if met { "Every target is met." } else { "A target is missed." });
    met
}

fn head(what: &str, ears: &[Ear]) {
    let names: String = ears.iter().map(|ear| format!(" {} |", ear.name)).collect();
    println!("\n| {what} | target |{names}\n|---|---|{}", "---|".repeat(ears.len()));
}

fn accuracy(ears: &[Ear], effort: f64) -> bool {
    head("what", ears);
    let mut met = true;
    for row in &rows::ROWS {
        print!("| {} | {} |", row.name, row.target);
        for ear in ears {
            let outcome = (row.measure)(ear, effort);
            let missed = ear.is_ours() && !outcome.met;
            print!(" {}{} |", outcome.text, if missed { " MISSED" } else { "" });
            met &= !missed;
            stdout().flush().ok();
        }
        println!();
    }
    met
}
