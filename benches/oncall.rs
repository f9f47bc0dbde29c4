//! Who is on call in a house of 500 people and 50 schedules with 200 overrides each: what a call's chain
//! costs, and a sweep over all changes of a year.
//!
//! `cargo bench --bench oncall`. The median of many rounds counts, for the machine is shared.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nightbell::oncall::{DialPolicy, OncallFile, Roster, ScheduleId, Target, resolve};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const PEOPLE: usize = 500;
const SCHEDULES: usize = 50;
const OVERRIDES: usize = 200;
const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo"];

fn main() {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let year = begin + SignedDuration::from_hours(366 * 24);
    let roster = roster(begin);
    let target = |number| Target::Schedule(ScheduleId::new(&format!("s{number}")));
    let levels: Vec<Vec<Target>> =
        (0..5).map(|level| (0..10).map(|n| target(level * 10 + n)).collect()).collect();
    let policy = DialPolicy { levels, ..DialPolicy::default() };
    let mut rng = StdRng::seed_from_u64(1);

    let moments = (0..500).map(|n| begin + SignedDuration::from_hours(n * 17));
    let times = moments.map(|at| {
        let start = Instant::now();
        black_box(resolve(&roster, &policy, at, &mut rng));
        start.elapsed()
    });
    told("a chain over 50 schedules of 200 overrides", times.collect());

    let one = DialPolicy { levels: vec![vec![target(0)], vec![target(1)]], ..DialPolicy::default() };
    let moments = (0..500).map(|n| begin + SignedDuration::from_hours(n * 17));
    let times = moments.map(|at| {
        let start = Instant::now();
        black_box(resolve(&roster, &one, at, &mut rng));
        start.elapsed()
    });
    told("a chain over two of them", times.collect());

    let start = Instant::now();
    let targets = policy.levels.iter().flatten();
    let changes = roster.changes(targets, begin, year).count();
    println!("the {changes} changes of a year, found: {:.3} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let changes = roster.changes(policy.levels.iter().flatten(), begin, year);
    let rung: usize = changes.map(|at| resolve(&roster, &policy, at, &mut rng).candidates.len()).sum();
    println!(
        "... and who is rung at each of them ({rung} candidates): {:.3} s",
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    let gaps: usize = roster.schedules.keys().map(|id| roster.gaps(id, begin, year).len()).sum();
    println!("the {gaps} gaps of all schedules in a year: {:.3} s", start.elapsed().as_secs_f64());
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at =
        |part: usize| times.get((times.len() - 1) * part / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    println!("{what}: median {:.0} us, p99 {:.0} us", at(50), at(99));
}

/// Weekly turns, nights by others, and overrides of all kinds spread over the year.
fn roster(begin: Timestamp) -> Roster {
    let mut text = String::new();
    for person in 0..PEOPLE {
        writeln!(text, "[[people]]\nid = 'p{person}'\nphones = ['+49151{person:06}']").unwrap();
    }
    for schedule in 0..SCHEDULES {
        let zone = ZONES[schedule % ZONES.len()];
        let names = |from: usize| {
            let ids = (0..10).map(|n| format!("'p{}'", (schedule * 10 + from + n) % PEOPLE));
            ids.collect::<Vec<_>>().join(", ")
        };
        writeln!(
            text,
            "[[schedules]]\nid = 's{schedule}'\ntimezone = '{zone}'\n\
             [[schedules.rotations]]\nname = 'weekly'\npeople = [{}]\nevery = '1 week'\nstart = '2024-01-01 09:00'\n\
             [[schedules.rotations]]\nname = 'nights'\npeople = [{}]\nevery = '1 day'\nstart = '2024-01-01 22:00'\n\
             hours = ['mon-fri 22:00-06:00']",
            names(0),
            names(5),
        )
        .unwrap();
        for number in 0..OVERRIDES {
            let hours = i64::try_from(number * 43 + schedule).unwrap();
            let from =
                (begin + SignedDuration::from_hours(hours)).to_zoned(jiff::tz::TimeZone::UTC).datetime();
            let until = from.saturating_add(SignedDuration::from_hours(10));
            let kind = ["kind = 'add'", "", "kind = 'add'\nrotation = 'weekly'"][number % 3];
            let person = (schedule * 7 + number) % PEOPLE;
            writeln!(
                text,
                "[[schedules.overrides]]\nperson = 'p{person}'\nfrom = '{}'\nuntil = '{}'\n{kind}",
                from.strftime("%Y-%m-%d %H:%M"),
                until.strftime("%Y-%m-%d %H:%M"),
            )
            .unwrap();
        }
    }
    let (roster, problems) = OncallFile::parse(&text).unwrap().compile();
    assert!(problems.is_empty(), "{problems:?}");
    roster
}
