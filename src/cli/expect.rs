//! `[[expect]]`: each expected call is simulated, and `check` says which comes to something else.

use std::collections::BTreeSet;

use jiff::Timestamp;
use toml::Spanned;

use super::output;
use super::rings::Ringing;
use super::simulate::{Asked, House, Simulated, Unasked};
use super::story::Story;
use crate::daemon::expect::{Expectation, Outcome, Reaches};
use crate::oncall::{Order, PersonId, Roster};
use crate::problem::{Problem, nearest};

/// What is wrong with expectations, or with the calls they are about.
pub fn problems(expectations: &[Expectation], house: House<'_>) -> Vec<Problem> {
    expectations.iter().flat_map(|expected| problems_of(expected, house)).collect()
}

fn problems_of(expected: &Expectation, house: House<'_>) -> Vec<Problem> {
    let at = match output::moment(expected.at.get_ref()) {
        Ok(at) => at,
        Err(why) => return vec![Problem::error(expected.at.span(), why)],
    };
    let unknown = unknown_people(expected, &house.snapshot.roster);
    if !unknown.is_empty() {
        return unknown;
    }
    match house.simulate(&asked(expected, at), Story::default()) {
        Ok(simulated) => wrong(expected, &simulated).into_iter().collect(),
        Err(why) => vec![Problem::error(blame(expected, &why).span(), why.to_string())],
    }
}

fn asked(expected: &Expectation, at: Timestamp) -> Asked<'_> {
    Asked {
        to: expected.to.get_ref(),
        from: expected.from.as_ref().map(|from| from.get_ref().as_str()),
        keys: &expected.keys,
        at,
        busy: expected.busy.iter().map(|name| PersonId::from(name.get_ref().as_str())).collect(),
        calls: 1,
    }
}

/// The value that keeps a call from being simulated.
fn blame<'a>(expected: &'a Expectation, why: &Unasked) -> &'a Spanned<String> {
    match why {
        Unasked::To(_) => &expected.to,
        Unasked::From(_) => expected.from.as_ref().unwrap_or(&expected.to),
        Unasked::Busy(person) => {
            expected.busy.iter().find(|name| *name.get_ref() == person.as_str()).unwrap_or(&expected.to)
        }
    }
}

fn unknown_people(expected: &Expectation, roster: &Roster) -> Vec<Problem> {
    let Reaches::People(names) = expected.reaches.get_ref() else { return Vec::new() };
    let unknown = names.iter().filter(|name| !roster.people.contains_key(&PersonId::from(name.as_str())));
    unknown
        .map(|name| {
            let problem = Problem::error(expected.reaches.span(), format!("there is no person `{name}`"));
            match nearest(name, roster.people.keys().map(PersonId::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            }
        })
        .collect()
}

/// What is wrong with the call, if anything.
fn wrong(expected: &Expectation, simulated: &Simulated) -> Option<Problem> {
    let levels = simulated.ringing.levels();
    let fine = match expected.reaches.get_ref() {
        Reaches::People(names) => {
            let names: Vec<PersonId> = names.iter().map(|name| PersonId::from(name.as_str())).collect();
            simulated.caller_allowed && rings_first(&names, &levels, simulated.ringing.order())
        }
        Reaches::Words(Outcome::Blocked) => !simulated.caller_allowed,
        Reaches::Words(Outcome::Voicemail) => levels.is_empty() && gets(simulated, "voicemail"),
        Reaches::Words(Outcome::Closing) => levels.is_empty() && gets(simulated, "closing"),
    };
    if fine {
        return None;
    }
    let message = format!("this call {}", outcome(simulated, &levels));
    let problem = Problem::error(expected.reaches.span(), message);
    Some(problem.help(help(expected, &simulated.ringing)))
}

fn gets(simulated: &Simulated, fallback: &str) -> bool {
    simulated.caller_allowed && simulated.fallback.as_deref() == Some(fallback)
}

/// Whether these people are rung before all others, in this order. Where a call draws the order of a
/// level, or one of it, all of the level must be named.
fn rings_first(names: &[PersonId], levels: &[Vec<PersonId>], order: Order) -> bool {
    let mut left = names;
    for level in levels {
        if left.is_empty() {
            return !names.is_empty();
        }
        let (these, rest) = left.split_at(left.len().min(level.len()));
        let all_named = || {
            let (one, other): (BTreeSet<_>, BTreeSet<_>) = (these.iter().collect(), level.iter().collect());
            one == other
        };
        let fits = match order {
            Order::Listed => level.starts_with(these),
            Order::AllAtOnce => these.iter().all(|person| level.contains(person)),
            Order::Shuffled | Order::OneRandom => all_named(),
        };
        if !fits {
            return false;
        }
        left = rest;
    }
    left.is_empty()
}

/// What becomes of the call, in words.
fn outcome(simulated: &Simulated, levels: &[Vec<PersonId>]) -> String {
    if !simulated.caller_allowed {
        return "is blocked".to_owned();
    }
    if levels.is_empty() {
        return match &simulated.fallback {
            Some(fallback) => format!("rings nobody, and comes to the {fallback}"),
            None => "rings nobody: the caller gets to no route".to_owned(),
        };
    }
    let names = |level: &Vec<PersonId>, between: &str| {
        level.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
    };
    let level = |level: &Vec<PersonId>| match (simulated.ringing.order(), level.len()) {
        (_, 1) => names(level, ""),
        (Order::Listed, _) => names(level, ", then "),
        (Order::Shuffled, _) => format!("{} in an order drawn for each call", names(level, " and ")),
        (Order::OneRandom, _) => format!("one of {}", names(level, ", ")),
        (Order::AllAtOnce, _) => format!("{} together", names(level, " and ")),
    };
    format!("rings {}", levels.iter().map(level).collect::<Vec<_>>().join(", then "))
}

/// Why those who were expected are not rung, and where to look.
fn help(expected: &Expectation, ringing: &Ringing) -> String {
    let names: &[String] = match expected.reaches.get_ref() {
        Reaches::People(names) => names,
        Reaches::Words(_) => &[],
    };
    let is_about = |person: &Option<PersonId>| {
        person.as_ref().is_none_or(|person| names.iter().any(|name| name == person.as_str()))
    };
    let mut why: Vec<String> =
        ringing.not_rung.iter().filter(|left| is_about(&left.person)).map(ToString::to_string).collect();
    let keys = if expected.keys.is_empty() { String::new() } else { format!(" --keys {}", expected.keys) };
    why.push(format!(
        "nightbell simulate --to {}{keys} --at \"{}\" tells more",
        expected.to.get_ref(),
        expected.at.get_ref()
    ));
    why.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> Vec<PersonId> {
        names.iter().map(|name| PersonId::from(*name)).collect()
    }

    fn fits(names: &[&str], levels: &[&[&str]], order: Order) -> bool {
        let levels: Vec<Vec<PersonId>> = levels.iter().map(|level| people(level)).collect();
        rings_first(&people(names), &levels, order)
    }

    #[test]
    fn an_order_that_is_drawn_is_expected_as_a_whole_level() {
        let levels: &[&[&str]] = &[&["anna", "bob"], &["carla"]];
        for drawn in [Order::Shuffled, Order::OneRandom] {
            assert!(fits(&["bob", "anna"], levels, drawn) && fits(&["anna", "bob", "carla"], levels, drawn));
            assert!(!fits(&["anna"], levels, drawn), "bob may be first");
        }
        assert!(fits(&["anna"], levels, Order::Listed) && !fits(&["bob"], levels, Order::Listed));
        assert!(fits(&["bob"], levels, Order::AllAtOnce));
        assert!(!fits(&["anna", "bob", "carla", "dora"], levels, Order::Listed), "dora is not rung");
        assert!(!fits(&["carla"], levels, Order::AllAtOnce));
    }

    #[test]
    fn nobody_is_expected_where_nobody_is_rung() {
        assert!(fits(&[], &[], Order::Shuffled));
        assert!(!fits(&[], &[&["anna"]], Order::Shuffled));
        assert!(!fits(&["anna"], &[], Order::Shuffled));
    }
}
