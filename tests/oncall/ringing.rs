//! The dial chain and the way along it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nightbell::oncall::{
    Attempt, Chain, DialPolicy, Next, NotRung, OncallFile, Order, Person, PersonId, Phone, PhoneChoice,
    Repeat, Roster, Rung, Standing, Target, Walk, resolve,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::{at, people, roster};

/// A Tuesday: a is on call in `s`, b in `t`; `empty` begins on the next Monday.
const NOW: &str = "2026-01-06T12:00:00Z";

fn team() -> Roster {
    let schedule = |id: &str, members: &str, start: &str| {
        format!(
            "[[schedules]]\nid = '{id}'\ntimezone = 'Europe/Berlin'\n[[schedules.rotations]]\nname = 'weekly'\n\
             people = [{members}]\nevery = '1 week'\nstart = '{start}'\n"
        )
    };
    roster(&format!(
        "{}{}{}{}[[teams]]\nid = 'sre'\nlevels = [['schedule:t'], ['person:c', 'team:deep'], ['person:d']]\n\
         [[teams]]\nid = 'deep'\nlevels = [['person:e'], ['person:f']]\n",
        people(&["a", "b", "c", "d", "e", "f"]),
        schedule("s", "'a', 'b', 'nobody', 'team:deep'", "2026-01-05 09:00"),
        schedule("t", "'b', 'c'", "2026-01-05 09:00"),
        schedule("empty", "'a'", "2026-01-12 09:00"),
    ))
}

fn listed(levels: &[&[&str]]) -> DialPolicy {
    let level = |level: &&[&str]| level.iter().map(|text| text.parse::<Target>().unwrap()).collect();
    DialPolicy { levels: levels.iter().map(level).collect(), order: Order::Listed, ..DialPolicy::default() }
}

fn chain(roster: &Roster, policy: &DialPolicy) -> Chain {
    resolve(roster, policy, at(NOW), &mut StdRng::seed_from_u64(7))
}

/// `level person: reason` for each candidate.
fn told(chain: &Chain) -> Vec<String> {
    let line = |candidate: &nightbell::oncall::Candidate| {
        format!("{} {}: {}", candidate.level, candidate.person.id, candidate.because)
    };
    chain.candidates.iter().map(line).collect()
}

fn sentences(not_rung: &[NotRung]) -> Vec<String> {
    not_rung.iter().map(NotRung::to_string).collect()
}

#[test]
fn everybody_in_the_chain_has_a_level_and_a_reason() {
    let chain =
        chain(&team(), &listed(&[&["schedule:s"], &["team:sre", "person:f"], &["person:a", "everyone:t"]]));
    assert_eq!(
        told(&chain),
        [
            "1 a: on call in schedule s (rotation weekly, turn 1, since Mon 09:00)",
            "2 b: team sre, level 1: on call in schedule t (rotation weekly, turn 1, since Mon 09:00)",
            "2 f: named in level 2",
            "2.1 c: team sre, level 2",
            "2.1 e: team sre, level 2: team deep, level 1",
            "2.2 f: team sre, level 2: team deep, level 2",
            "2.3 d: team sre, level 3",
            "3 a: named in level 3",
            "3 b: takes turns in schedule t",
            "3 c: takes turns in schedule t",
        ]
    );
    assert_eq!(chain.not_rung, []);
}

#[test]
fn who_cannot_be_rung_is_told_with_the_reason() {
    let mut team = team();
    for person in team.people.values_mut() {
        match person.id.as_str() {
            "c" => person.available = false,
            "d" => person.phones.clear(),
            _ => {}
        }
    }
    team.people.retain(|id, _| id.as_str() != "e");
    let policy = listed(&[&["schedule:empty", "schedule:gone", "team:sre"], &["person:c", "person:a"]]);
    let chain = chain(&team, &policy);
    assert_eq!(
        sentences(&chain.not_rung),
        [
            "c: is marked as unavailable",
            "d: has no confirmed phone",
            "schedule empty: nobody is on call until Mon 09:00",
            "there is no `schedule:gone`",
            "team sre, level 2: team deep, level 1: there is no `person:e`",
        ]
    );
}

#[test]
fn everyone_of_a_schedule_is_all_who_ever_take_turns_in_it() {
    let chain = chain(&team(), &listed(&[&["everyone:s"]]));
    let people: Vec<&str> = chain.candidates.iter().map(|candidate| candidate.person.id.as_str()).collect();
    assert_eq!(people, ["a", "b", "e", "f"], "also the team that takes turns, all of it at once");
    assert!(chain.candidates.iter().all(|candidate| candidate.level == "1"));
}

#[test]
fn who_is_named_twice_in_a_level_is_there_once_with_the_first_reason() {
    let chain = chain(&team(), &listed(&[&["schedule:s", "person:a", "person:b", "everyone:t"]]));
    assert_eq!(
        told(&chain),
        [
            "1 a: on call in schedule s (rotation weekly, turn 1, since Mon 09:00)",
            "1 b: named in level 1",
            "1 c: takes turns in schedule t",
        ]
    );
}

#[test]
fn everyone_of_a_schedule_includes_everyone_of_the_schedules_that_take_turns_in_it() {
    let mut team = team();
    let schedule = team.schedules.values_mut().find(|schedule| schedule.id.as_str() == "empty").unwrap();
    schedule.rotations[0].people = vec!["schedule:t".parse().unwrap()];
    let chain = chain(&team, &listed(&[&["everyone:empty"]]));
    assert_eq!(
        told(&chain),
        [
            "1 b: takes turns in schedule empty: takes turns in schedule t",
            "1 c: takes turns in schedule empty: takes turns in schedule t",
        ]
    );
}

#[test]
fn nobody_of_a_schedule_that_is_switched_off_is_rung_also_not_everyone() {
    let mut team = team();
    let schedule = team.schedules.values_mut().find(|schedule| schedule.id.as_str() == "s").unwrap();
    schedule.enabled = false;
    let chain = chain(&team, &listed(&[&["everyone:s"], &["person:d"]]));
    assert_eq!(told(&chain), ["2 d: named in level 2"]);
    assert_eq!(sentences(&chain.not_rung), ["schedule s is not enabled: nobody is on call"]);
}

#[test]
fn what_stands_side_by_side_merges_by_rank() {
    let roster = roster(&format!(
        "{}[[teams]]\nid = 'escalation'\nlevels = [['person:a'], ['person:b']]\n\
         [[teams]]\nid = 'team1'\nlevels = [['person:c']]\n\
         [[schedules]]\nid = 'one'\ntimezone = 'UTC'\nstacking = 'parallel'\n\
         [[schedules.rotations]]\nname = 'x'\npeople = ['team:escalation']\nevery = '1 day'\nstart = '2026-01-01'\n\
         [[schedules.rotations]]\nname = 'y'\npeople = ['team:team1']\nevery = '1 day'\nstart = '2026-01-01'\n",
        people(&["a", "b", "c"])
    ));
    let chain = chain(&roster, &listed(&[&["schedule:one"]]));
    let order: Vec<String> = chain
        .candidates
        .iter()
        .map(|candidate| format!("{} {}", candidate.level, candidate.person.id))
        .collect();
    assert_eq!(order, ["1 a", "1 c", "1.1 b"]);
}

#[test]
fn the_order_inside_a_level_is_shuffled_for_each_call_and_levels_stay_in_order() {
    let policy = DialPolicy { order: Order::Shuffled, ..listed(&[&["everyone:s"], &["person:d"]]) };
    let mut orders = BTreeSet::new();
    for seed in 0..64 {
        let chain = resolve(&team(), &policy, at(NOW), &mut StdRng::seed_from_u64(seed));
        let order: String = chain.candidates.iter().map(|candidate| candidate.person.id.as_str()).collect();
        assert!(order.ends_with('d'), "{order}");
        orders.insert(order);
    }
    assert!(orders.len() > 12, "of 24 orders of four people 64 calls see {}", orders.len());
}

#[test]
fn the_lot_falls_on_everybody_of_a_level_sometimes_and_never_on_who_cannot_be_reached() {
    let mut team = team();
    team.people.values_mut().filter(|person| person.id.as_str() == "b").for_each(|b| b.available = false);
    let policy = DialPolicy { order: Order::OneRandom, ..listed(&[&["everyone:s"], &["person:d"]]) };
    let mut drawn = BTreeMap::new();
    for seed in 0..90 {
        let chain = resolve(&team, &policy, at(NOW), &mut StdRng::seed_from_u64(seed));
        let lines = walk_with(&mut Walk::new(chain, &policy), &never, &|_| Rung::NoAnswer);
        assert_eq!(lines.len(), 2, "one of each level");
        *drawn.entry(lines[0].clone()).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 3, "{drawn:?}");
    assert!(drawn.values().all(|times| *times > 15), "of 90 about 30 each: {drawn:?}");
}

#[test]
fn the_lot_passes_over_who_is_busy_and_says_so() {
    let policy = DialPolicy { order: Order::OneRandom, ..listed(&[&["person:a", "person:b", "person:c"]]) };
    let mut walk = Walk::new(chain(&team(), &policy), &policy);
    let busy = |person: &Person, _: &Phone| person.id.as_str() != "c";
    let because = std::cell::RefCell::new(String::new());
    let lines = walk_with(&mut walk, &busy, &|attempt| {
        because.replace(attempt.because.clone());
        Rung::NoAnswer
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(because.into_inner(), "named in level 1; drawn by lot out of 3");
    let mut told = sentences(&walk.not_rung());
    told.sort_unstable();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|line| line.ends_with("the lot fell on c")), "{told:?}");
}

#[test]
fn in_a_repeat_the_lot_falls_on_those_who_have_not_been_rung() {
    let levels = listed(&[&["person:a", "person:b", "person:c"], &["person:d"]]);
    let policy = DialPolicy { order: Order::OneRandom, repeat: Repeat::Times(2), ..levels };
    let mut walk = Walk::new(chain(&team(), &policy), &policy);
    let lines = walk_with(&mut walk, &never, &|_| Rung::NoAnswer);
    let people: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    let first: BTreeSet<&str> = people.iter().step_by(2).copied().collect();
    assert_eq!(first, BTreeSet::from(["a", "b", "c"]), "{lines:?}");
    assert_eq!(
        people.iter().skip(1).step_by(2).collect::<Vec<_>>(),
        ["d", "d", "d"].iter().collect::<Vec<_>>()
    );
}

#[test]
fn the_chain_is_repeated_as_often_as_the_escalation_that_says_most() {
    let mut text = people(&["a", "b"]);
    for (id, repeat) in [("one", 1), ("three", 3)] {
        text += &format!(
            "[[escalations]]\nid = '{id}'\nrepeat = {repeat}\nlevels = [{{ targets = ['person:a'] }}]\n"
        );
    }
    text += "[[teams]]\nid = 'nested'\nlevels = [['person:b'], ['escalation:three']]\n";
    let roster = roster(&text);
    let repeats =
        |levels: &[&[&str]], repeat| chain(&roster, &DialPolicy { repeat, ..listed(levels) }).repeat;
    assert_eq!(repeats(&[&["escalation:one"]], Repeat::Own), 1);
    assert_eq!(repeats(&[&["escalation:one"], &["team:nested"]], Repeat::Own), 3);
    assert_eq!(repeats(&[&["person:a"]], Repeat::Own), 0);
    assert_eq!(repeats(&[&["escalation:three"]], Repeat::Times(2)), 2, "the route's own word counts");
}

#[test]
fn levels_of_an_escalation_go_by_their_delays_and_equal_ones_are_one() {
    let text = people(&["a", "b", "c", "d"])
        + "[[escalations]]\nid = 'e'\nlevels = [{ targets = ['person:a'], after = '10m' }, { targets = ['person:b'] },\
           { targets = ['person:c'], after = '600s' }, { targets = ['person:d'], after = '1h' }]\n";
    assert_eq!(
        told(&chain(&roster(&text), &listed(&[&["escalation:e"]]))),
        [
            "1 b: escalation e, level 1",
            "1.1 a: escalation e, level 2",
            "1.1 c: escalation e, level 2",
            "1.2 d: escalation e, level 3",
        ]
    );
    let delays: Vec<_> = chain(&roster(&text), &listed(&[&["escalation:e"], &["person:a"]]))
        .candidates
        .iter()
        .map(|candidate| candidate.after.map(|after| after.as_secs()))
        .collect();
    assert_eq!(delays, [Some(0), Some(600), Some(600), Some(3600), None], "chasing waits for them");
}

#[test]
fn circles_and_floods_of_nesting_end_and_leave_the_next_level_alone() {
    let mut team = team();
    let flood: Vec<Target> = (0..12).map(|_| "team:sre".parse().unwrap()).collect();
    for entry in team.teams.values_mut() {
        entry.levels = vec![flood.clone(), flood.clone(), vec!["person:a".parse().unwrap()]];
    }
    let chain = chain(&team, &listed(&[&["team:sre"], &["person:b"]]));
    assert!(chain.candidates.iter().any(|candidate| candidate.person.id.as_str() == "b"));
    let told = sentences(&chain.not_rung);
    assert!(told.iter().any(|line| line.ends_with("team:sre is nested too deep and is not followed")));
    assert!(told.iter().any(|line| line.ends_with("too many targets: the rest is not followed")));
}

#[test]
fn eight_teams_inside_each_other_are_followed_and_nine_are_not() {
    let nested = |deepest: usize| {
        let mut text = people(&["a"]) + "[[teams]]\nid = 't1'\nlevels = [['person:a']]\n";
        for number in 2..=deepest {
            text += &format!("[[teams]]\nid = 't{number}'\nlevels = [['team:t{}']]\n", number - 1);
        }
        let (roster, _) = OncallFile::parse(&text).unwrap().compile();
        chain(&roster, &listed(&[&[&format!("team:t{deepest}")]]))
    };
    assert_eq!(nested(8).candidates.len(), 1);
    assert_eq!(nested(9).candidates, []);
    assert!(nested(9).not_rung[0].because.ends_with("person:a is nested too deep and is not followed"));
}

/// Walks a chain, with phones busy elsewhere and results told by the person's id; a line for each
/// attempt that ends. Of those that ring together the first rung ends first.
fn walk_with(
    walk: &mut Walk,
    busy: &dyn Fn(&Person, &Phone) -> bool,
    result: &dyn Fn(&Attempt) -> Rung,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ringing = VecDeque::new();
    loop {
        match walk.next(&mut |person, phone, _| Standing::of(busy(person, phone))) {
            Next::Ring(attempt) => ringing.push_back(attempt),
            Next::Wait => {
                let attempt = ringing.pop_front().unwrap();
                let Attempt { order, level, person, phone, .. } = &attempt;
                lines.push(format!("{order} {level} {} {phone}", person.id));
                walk.report(*order, result(&attempt));
            }
            Next::Over => return lines,
        }
        assert!(lines.len() < 1000, "a walk ends");
    }
}

/// A person with these phones, in a level of her own.
fn of_people(people: &[(&str, &[&str])], policy: &DialPolicy) -> Walk {
    let mut text = String::new();
    for (id, phones) in people {
        let phones: Vec<String> = phones.iter().map(|phone| format!("'+49{phone}'")).collect();
        text += &format!("[[people]]\nid = '{id}'\nphones = [{}]\n", phones.join(", "));
    }
    let levels = people.iter().map(|(id, _)| vec![format!("person:{id}").parse().unwrap()]).collect();
    let policy = DialPolicy { levels, order: Order::Listed, ..policy.clone() };
    Walk::new(resolve(&roster(&text), &policy, at(NOW), &mut StdRng::seed_from_u64(1)), &policy)
}

fn never(_: &Person, _: &Phone) -> bool {
    false
}

#[test]
fn one_silent_one_busy_one_declining_and_the_fourth_accepts() {
    let mut walk = of_people(
        &[("a", &["101"]), ("b", &["201", "202"]), ("c", &["301", "302"]), ("d", &["401"]), ("e", &["501"])],
        &DialPolicy::default(),
    );
    let lines = walk_with(&mut walk, &never, &|attempt| match attempt.person.id.as_str() {
        "a" => Rung::NoAnswer,
        "b" => Rung::Busy,
        "c" => Rung::Declined,
        _ => Rung::Accepted,
    });
    assert_eq!(lines, ["1 1 a +49101", "2 2 b +49201", "3 2 b +49202", "4 3 c +49301", "5 4 d +49401"]);
    assert_eq!(sentences(&walk.not_rung()), ["e: d accepted first"]);
}

#[test]
fn the_first_phone_alone_is_rung_where_the_policy_says_so() {
    let policy = DialPolicy { phones: PhoneChoice::First, ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101", "102"]), ("b", &["201"])], &policy);
    assert_eq!(walk_with(&mut walk, &never, &|_| Rung::NoAnswer), ["1 1 a +49101", "2 2 b +49201"]);
}

#[test]
fn the_limit_counts_people_not_phones_and_the_rest_is_told() {
    let policy = DialPolicy { max_people: Some(2), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101", "102"]), ("b", &["201", "202"]), ("c", &["301"])], &policy);
    let lines = walk_with(&mut walk, &never, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49101", "2 1 a +49102", "3 2 b +49201", "4 2 b +49202"]);
    assert_eq!(sentences(&walk.not_rung()), ["c: the limit of 2 people was reached"]);
}

#[test]
fn a_limit_of_nobody_rings_nobody() {
    let policy = DialPolicy { max_people: Some(0), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"])], &policy);
    assert_eq!(walk_with(&mut walk, &never, &|_| Rung::NoAnswer), [] as [&str; 0]);
    assert_eq!(sentences(&walk.not_rung()), ["a: nobody is to be rung: at most 0 people"]);
}

#[test]
fn the_busy_are_tried_again_last_and_do_not_count() {
    let policy = DialPolicy { max_people: Some(2), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"]), ("c", &["301"])], &policy);
    let asked = std::cell::Cell::new(0);
    let busy = |person: &Person, _: &Phone| {
        asked.set(asked.get() + 1);
        match person.id.as_str() {
            "a" => asked.get() == 1,
            "b" => true,
            _ => false,
        }
    };
    let lines = walk_with(&mut walk, &busy, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 3 c +49301", "2 1 a +49101"]);
    assert_eq!(
        sentences(&walk.not_rung()),
        ["b: busy with another call, and put off until the others had been tried"]
    );
}

#[test]
fn who_is_busy_to_the_end_is_left_out() {
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &DialPolicy::default());
    let lines = walk_with(&mut walk, &|person, _| person.id.as_str() == "a", &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 2 b +49201"]);
    assert_eq!(
        sentences(&walk.not_rung()),
        ["a: busy with another call, also when tried again after the others"]
    );
}

#[test]
fn a_free_phone_of_a_person_is_rung_while_another_call_has_the_first() {
    let mut walk = of_people(&[("a", &["101", "102"]), ("b", &["201"])], &DialPolicy::default());
    let rung = std::cell::Cell::new(0);
    let busy = |_: &Person, phone: &Phone| phone.to_string() == "+49101" && rung.get() < 2;
    let lines = walk_with(&mut walk, &busy, &|_| {
        rung.set(rung.get() + 1);
        Rung::NoAnswer
    });
    assert_eq!(lines, ["1 1 a +49102", "2 2 b +49201", "3 1 a +49101"]);
}

#[test]
fn the_busy_are_put_off_anew_in_each_repeat() {
    let policy = DialPolicy { repeat: Repeat::Times(1), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &policy);
    let asked = std::cell::Cell::new(0);
    let busy = |person: &Person, _: &Phone| {
        asked.set(asked.get() + usize::from(person.id.as_str() == "a"));
        person.id.as_str() == "a" && asked.get() < 4
    };
    let lines = walk_with(&mut walk, &busy, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 2 b +49201", "2 2 b +49201", "3 1 a +49101"]);
}

#[test]
fn who_is_reached_twice_is_rung_once_in_a_pass() {
    let roster = roster(
        "[[people]]\nid = 'a'\nphones = ['+49101', '+49102']\n[[people]]\nid = 'b'\nphones = ['+49201']\n",
    );
    let levels = listed(&[&["person:a"], &["person:a"], &["person:b"]]);
    let asked = std::cell::Cell::new(0);
    let busy_at_first = |_: &Person, _: &Phone| {
        asked.set(asked.get() + 1);
        asked.get() == 1
    };
    let mut walk = Walk::new(chain(&roster, &levels), &levels);
    let lines = walk_with(&mut walk, &busy_at_first, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49102", "2 3 b +49201", "3 1 a +49101"]);
    let again = DialPolicy { skip_dialled: false, ..levels };
    let mut walk = Walk::new(chain(&roster, &again), &again);
    let lines = walk_with(&mut walk, &never, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49101", "2 1 a +49102", "3 2 a +49101", "4 2 a +49102", "5 3 b +49201"]);
}

#[test]
fn the_busy_are_rung_at_once_where_the_policy_does_not_mind() {
    let policy = DialPolicy { skip_busy: false, ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &policy);
    let lines = walk_with(&mut walk, &|_, _| true, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49101", "2 2 b +49201"]);
}

#[test]
fn a_number_that_two_people_share_is_rung_once_in_a_pass() {
    let people: &[(&str, &[&str])] = &[("a", &["101"]), ("b", &["101", "201"]), ("c", &["101"])];
    let mut walk = of_people(people, &DialPolicy::default());
    let lines = walk_with(&mut walk, &never, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49101", "2 2 b +49201"]);
    assert_eq!(sentences(&walk.not_rung()), ["c: +49101 was already rung in this call"]);
    let mut again = of_people(people, &DialPolicy { skip_dialled: false, ..DialPolicy::default() });
    assert_eq!(walk_with(&mut again, &never, &|_| Rung::NoAnswer).len(), 4);
}

#[test]
fn a_repeat_rings_again_all_but_those_who_declined() {
    let policy = DialPolicy { repeat: Repeat::Times(2), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101", "102"]), ("b", &["201"])], &policy);
    let lines = walk_with(&mut walk, &never, &|attempt| match attempt.person.id.as_str() {
        "a" => Rung::Declined,
        _ => Rung::NotAccepted,
    });
    assert_eq!(lines, ["1 1 a +49101", "2 2 b +49201", "3 2 b +49201", "4 2 b +49201"]);
    assert_eq!(walk.not_rung(), []);
}

#[test]
fn who_is_busy_to_the_end_can_be_waited_for_and_tried_again() {
    let mut walk = of_people(&[("a", &["101", "102"]), ("b", &["201"])], &DialPolicy::default());
    let a_is_busy = |person: &Person, _: &Phone| person.id.as_str() == "a";
    assert_eq!(walk_with(&mut walk, &a_is_busy, &|_| Rung::NoAnswer), ["1 2 b +49201"]);
    let waits_for = |walk: &Walk| -> Vec<String> {
        walk.waits_for()
            .into_iter()
            .map(|(person, phones)| format!("{} {}", person.id, phones.len()))
            .collect()
    };
    assert_eq!(waits_for(&walk), ["a 2"]);
    walk.try_again();
    assert_eq!(walk_with(&mut walk, &a_is_busy, &|_| Rung::NoAnswer), [""; 0]);
    assert_eq!(sentences(&walk.not_rung()), ["a: busy with another call, also after waiting"]);
    walk.try_again();
    assert_eq!(walk_with(&mut walk, &never, &|_| Rung::NoAnswer), ["2 1 a +49101", "3 1 a +49102"]);
    assert_eq!(waits_for(&walk), [""; 0]);
}

#[test]
fn nobody_is_waited_for_where_no_more_people_may_be_rung() {
    let policy = DialPolicy { max_people: Some(1), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &policy);
    let a_is_busy = |person: &Person, _: &Phone| person.id.as_str() == "a";
    assert_eq!(walk_with(&mut walk, &a_is_busy, &|_| Rung::NoAnswer), ["1 2 b +49201"]);
    assert_eq!(walk.waits_for(), []);
}

#[test]
fn a_pass_in_which_everybody_was_busy_is_not_over() {
    let policy = DialPolicy { repeat: Repeat::Times(1), ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"])], &policy);
    assert_eq!(walk_with(&mut walk, &|_, _| true, &|_| Rung::NoAnswer), [""; 0]);
    walk.try_again();
    let lines = walk_with(&mut walk, &never, &|_| Rung::NoAnswer);
    assert_eq!(lines, ["1 1 a +49101", "2 1 a +49101"], "and then its repeat");
}

#[test]
fn who_is_left_in_peace_is_rung_last_also_where_the_busy_are_not_skipped() {
    let policy = DialPolicy { skip_busy: false, ..DialPolicy::default() };
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &policy);
    let mut rung = Vec::new();
    while let Next::Ring(attempt) = walk.next(&mut |person, _, last| match person.id.as_str() {
        "a" if !last => Standing::Later("on a break".to_owned()),
        _ => Standing::Free,
    }) {
        rung.push(attempt.person.id.to_string());
        walk.report(attempt.order, Rung::NoAnswer);
    }
    assert_eq!(rung, ["b", "a"]);
}

#[test]
fn a_caller_who_hangs_up_leaves_the_rest_unreached() {
    let mut walk = of_people(&[("a", &["101"]), ("b", &["201"])], &DialPolicy::default());
    assert!(matches!(walk.next(&mut |_, _, _| Standing::Free), Next::Ring(_)));
    assert_eq!(sentences(&walk.not_rung()), ["b: not reached before the call ended"]);
}

/// A few people with phones from a small set, so that numbers are shared, in levels that repeat
/// people; what is busy and what becomes of attempts comes from the dice.
fn plans() -> impl Strategy<Value = (Roster, DialPolicy)> {
    let phones = prop::collection::vec(prop::collection::btree_set(0..8_u32, 1..4), 6);
    let levels = prop::collection::vec(prop::collection::vec(0..6_usize, 1..5), 1..5);
    let order =
        prop::sample::select(vec![Order::Shuffled, Order::Listed, Order::OneRandom, Order::AllAtOnce]);
    let switches = (order, any::<bool>(), any::<bool>(), any::<bool>());
    (phones, levels, prop::option::of(0..6_u32), 0..4_u8, switches).prop_map(
        |(phones, levels, max_people, repeat, (order, first, skip_dialled, skip_busy))| {
            let mut text = String::new();
            for (person, phones) in phones.iter().enumerate() {
                let phones: Vec<String> = phones.iter().map(|phone| format!("'+4910{phone}'")).collect();
                text += &format!("[[people]]\nid = 'p{person}'\nphones = [{}]\n", phones.join(", "));
            }
            let target = |person: &usize| format!("person:p{person}").parse().unwrap();
            let policy = DialPolicy {
                levels: levels.iter().map(|level| level.iter().map(target).collect()).collect(),
                order,
                phones: if first { PhoneChoice::First } else { PhoneChoice::All },
                max_people,
                repeat: Repeat::Times(repeat),
                skip_dialled,
                skip_busy,
            };
            (roster(&text), policy)
        },
    )
}

fn results() -> impl Strategy<Value = Rung> {
    prop_oneof![
        4 => Just(Rung::NoAnswer),
        2 => Just(Rung::Busy),
        1 => Just(Rung::Declined),
        1 => Just(Rung::NotAccepted),
        1 => Just(Rung::Failed),
        1 => Just(Rung::NoLine),
        1 => Just(Rung::Accepted),
    ]
}

proptest! {
    #[test]
    fn a_walk_keeps_the_rules_whatever_happens(
        (roster, policy) in plans(),
        seed in any::<u64>(),
        busy in prop::collection::vec(prop::bool::weighted(0.3), 1..40),
        results in prop::collection::vec(results(), 1..40),
        order in prop::collection::vec(0..6_usize, 1..40),
    ) {
        let chain = resolve(&roster, &policy, at(NOW), &mut StdRng::seed_from_u64(seed));
        let everybody: BTreeSet<String> =
            chain.candidates.iter().map(|candidate| candidate.person.id.to_string()).collect();
        let mut walk = Walk::new(chain, &policy);
        let mut dice = busy.iter().cycle();
        let mut results = results.iter().cycle();
        let mut order = order.iter().cycle();
        let mut ringing: Vec<Attempt> = Vec::new();
        let mut attempts: Vec<(Attempt, Rung)> = Vec::new();
        loop {
            match walk.next(&mut |_, _, _| Standing::of(*dice.next().unwrap())) {
                Next::Ring(attempt) => {
                    check_beside(&attempt, &ringing, &policy)?;
                    prop_assert!(everybody.contains(attempt.person.id.as_str()), "nobody outside the chain");
                    ringing.push(attempt);
                }
                Next::Wait => {
                    prop_assert!(!ringing.is_empty(), "nobody waits for nothing");
                    let attempt = ringing.remove(order.next().unwrap() % ringing.len());
                    let result = *results.next().unwrap();
                    walk.report(attempt.order, result);
                    attempts.push((attempt, result));
                }
                Next::Over => break,
            }
            prop_assert!(attempts.len() < 1000, "a walk ends");
        }
        let accepted = attempts.last().is_some_and(|(_, result)| *result == Rung::Accepted);
        prop_assert!(ringing.is_empty() || accepted, "all are waited for, unless somebody has accepted");
        let still = ringing.into_iter().map(|attempt| (attempt, Rung::TooLate));
        let attempts: Vec<_> = attempts.into_iter().chain(still).filter(|(_, result)| *result != Rung::NoLine).collect();
        check_order_and_end(&attempts)?;
        check_declined(&attempts)?;
        check_repeats(&attempts, &policy)?;
        check_lots(&attempts, &policy)?;
        let rung: BTreeSet<String> = attempts.iter().map(|(attempt, _)| attempt.person.id.to_string()).collect();
        if let Some(most) = policy.max_people {
            prop_assert!(rung.len() <= most as usize);
        }
        let told: Vec<String> = walk.not_rung().iter().map(|entry| entry.person.clone().unwrap().to_string()).collect();
        let told_once: BTreeSet<String> = told.iter().cloned().collect();
        prop_assert_eq!(told.len(), told_once.len(), "one reason each");
        prop_assert!(told_once.is_disjoint(&rung));
        prop_assert_eq!(&told_once | &rung, everybody);
    }
}

/// Nobody is rung on two phones at a time, no phone for two people; and only those of one level together, where
/// the policy says so.
fn check_beside(attempt: &Attempt, ringing: &[Attempt], policy: &DialPolicy) -> Result<(), TestCaseError> {
    prop_assert!(ringing.is_empty() || policy.order == Order::AllAtOnce);
    for other in ringing {
        prop_assert_ne!(&other.person.id, &attempt.person.id);
        prop_assert_ne!(&other.phone, &attempt.phone);
        prop_assert_eq!(&other.level, &attempt.level);
    }
    Ok(())
}

fn check_order_and_end(attempts: &[(Attempt, Rung)]) -> Result<(), TestCaseError> {
    let orders: BTreeSet<u32> = attempts.iter().map(|(attempt, _)| attempt.order).collect();
    prop_assert_eq!(orders.len(), attempts.len(), "each attempt has a number of its own");
    let accepted = attempts.iter().filter(|(_, result)| *result == Rung::Accepted).count();
    prop_assert!(accepted <= 1, "accepted is the end");
    Ok(())
}

fn check_declined(attempts: &[(Attempt, Rung)]) -> Result<(), TestCaseError> {
    let mut declined = BTreeSet::new();
    for (attempt, result) in attempts {
        prop_assert!(!declined.contains(&attempt.person.id), "who declined is left alone");
        if *result == Rung::Declined {
            declined.insert(attempt.person.id.clone());
        }
    }
    Ok(())
}

/// Of each level one person alone in each pass, where the policy says so.
fn check_lots(attempts: &[(Attempt, Rung)], policy: &DialPolicy) -> Result<(), TestCaseError> {
    let mut lots: BTreeMap<(u32, &str), &PersonId> = BTreeMap::new();
    for (attempt, _) in attempts.iter().filter(|_| policy.order == Order::OneRandom) {
        let drawn = lots.entry((attempt.pass, &attempt.level)).or_insert(&attempt.person.id);
        prop_assert_eq!(*drawn, &attempt.person.id);
    }
    Ok(())
}

/// In a pass no number is rung twice, so none more often than there are passes.
fn check_repeats(attempts: &[(Attempt, Rung)], policy: &DialPolicy) -> Result<(), TestCaseError> {
    if !policy.skip_dialled {
        return Ok(());
    }
    let mut times: BTreeMap<&Phone, usize> = BTreeMap::new();
    for (attempt, _) in attempts {
        *times.entry(&attempt.phone).or_default() += 1;
    }
    let Repeat::Times(repeat) = policy.repeat else { panic!("the plans say how often") };
    prop_assert!(times.values().all(|times| *times <= usize::from(repeat) + 1));
    Ok(())
}
