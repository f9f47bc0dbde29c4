//! Teams and schedules that stand inside each other: in a circle, or too deep.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::oncall::compile::Mention;
use crate::oncall::name::Target;
use crate::oncall::unfold::DEEPEST;
use crate::problem::Problem;

/// What each team and schedule names.
type Graph = BTreeMap<Target, BTreeSet<Target>>;

/// Finds every circle once, and what is nested deeper than calls follow.
pub(super) fn find(mentions: &[Mention]) -> Vec<Problem> {
    let graph = graph(mentions);
    let deep = nested_deeper(&graph);
    let mut problems = Vec::new();
    let mut in_circle: BTreeSet<Target> = BTreeSet::new();
    for node in &deep {
        if in_circle.contains(node) {
            continue;
        }
        if let Some(way) = way_back(&graph, node) {
            problems.push(circle(mentions, &way));
            in_circle.extend(way);
        }
    }
    if in_circle.is_empty() {
        problems.extend(deep.iter().filter_map(|node| too_deep(mentions, node)));
    }
    problems
}

/// `everyone:x` stands for the participants of `schedule:x`, so both are one node.
fn node(target: &Target) -> Option<Target> {
    match target {
        Target::Person(_) => None,
        Target::Everyone(schedule) => Some(Target::Schedule(schedule.clone())),
        other => Some(other.clone()),
    }
}

fn graph(mentions: &[Mention]) -> Graph {
    let mut graph = Graph::new();
    for mention in mentions {
        if let (Some(inside), Some(named)) = (&mention.inside, node(&mention.target)) {
            graph.entry(inside.clone()).or_default().insert(named);
        }
    }
    graph
}

/// Those from which one can go down further than calls follow: each round takes one level off.
fn nested_deeper(graph: &Graph) -> BTreeSet<Target> {
    let mut deep: BTreeSet<Target> = graph.keys().cloned().collect();
    for _ in 1..DEEPEST {
        let names_one_of = |names: &BTreeSet<Target>| names.iter().any(|name| deep.contains(name));
        deep = graph.iter().filter(|(_, names)| names_one_of(names)).map(|(node, _)| node.clone()).collect();
    }
    deep
}

/// The shortest way from a node back to itself, the node at the beginning.
fn way_back(graph: &Graph, from: &Target) -> Option<Vec<Target>> {
    let mut came_from: BTreeMap<&Target, &Target> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        for next in graph.get(node).into_iter().flatten() {
            if next == from {
                return Some(trace(&came_from, from, node));
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    None
}

fn trace(came_from: &BTreeMap<&Target, &Target>, from: &Target, last: &Target) -> Vec<Target> {
    let steps = std::iter::successors(Some(last), |node| came_from.get(node).copied());
    let mut way: Vec<Target> = steps.take_while(|node| *node != from).cloned().collect();
    way.push(from.clone());
    way.reverse();
    way
}

fn circle(mentions: &[Mention], way: &[Target]) -> Problem {
    let names: Vec<String> = way.iter().chain(way.first()).map(Target::to_string).collect();
    let message = format!("these stand inside each other in a circle: {}", names.join(" -> "));
    let last = way.last();
    let mention = mentions
        .iter()
        .find(|mention| mention.inside.as_ref() == last && node(&mention.target).as_ref() == way.first());
    problem(mention, message).help("take one of them out")
}

fn too_deep(mentions: &[Mention], node: &Target) -> Option<Problem> {
    let mention = mentions.iter().find(|mention| mention.inside.as_ref() == Some(node))?;
    let message = format!("{node} has teams and schedules nested more than {DEEPEST} deep");
    Some(problem(Some(mention), message).help("name the people or the inner team directly"))
}

fn problem(mention: Option<&Mention>, message: String) -> Problem {
    let span = mention.map(|mention| mention.span.clone()).unwrap_or_default();
    Problem::error(span, message)
}
