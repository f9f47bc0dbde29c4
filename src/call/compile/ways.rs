//! Ways through the hotlines: none goes round in circles, and to each route there is one.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::call::choice::{Choice, Goal, Place};
use crate::call::opening::Instead;
use crate::call::plan::Hotline;
use crate::call::settings::{HotlineSettings, RouteSettings};
use crate::problem::Problem;

/// A place of a hotline, both by their index; no place: the hotline as a caller finds it.
type Spot = (usize, Option<Place>);

/// All hotlines, as they are written and as they are compiled.
pub(super) struct Ways<'a> {
    pub(super) settings: &'a [HotlineSettings],
    pub(super) hotlines: &'a [Hotline],
}

impl Ways<'_> {
    /// Everything that is wrong with them.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, hotline) in self.hotlines.iter().enumerate() {
            problems.extend(self.circles(index, hotline));
        }
        let reached = self.reached();
        for (index, hotline) in self.hotlines.iter().enumerate().filter(|(_, known)| known.menu.is_none()) {
            let left = (1..hotline.choices.len())
                .find(|choice| !reached.contains(&(index, Some(Place(vec![*choice])))));
            problems.extend(left.and_then(|_| self.settings.get(index)).map(no_menu));
        }
        problems
    }

    /// Choices from which a caller comes back to them without pressing a key.
    fn circles(&self, index: usize, hotline: &Hotline) -> Vec<Problem> {
        let comes_back = |place: &Place| {
            let start = (index, Some(place.clone()));
            let mut open = self.onward(&start);
            let mut seen = HashSet::new();
            while let Some(spot) = open.pop() {
                if spot == start {
                    return true;
                }
                if seen.insert(spot.clone()) {
                    open.extend(self.onward(&spot));
                }
            }
            false
        };
        let round = places(&hotline.choices).into_iter().filter(comes_back);
        let told = round.filter_map(|place| {
            let (name, at) = self.written(index, &place)?;
            let message = format!("callers of `{name}` go round in circles");
            Some(Problem::error(at, message).help("let one of its `outside` or `redirect` lead elsewhere"))
        });
        told.take(1).collect()
    }

    /// Where a caller may get to from a spot without pressing a key.
    fn onward(&self, (index, place): &Spot) -> Vec<Spot> {
        let Some(hotline) = self.hotlines.get(*index) else { return Vec::new() };
        let mut onward = Vec::new();
        let mut instead = |instead: Option<&Instead>| {
            if let Some(Instead::Choice(place)) = instead {
                onward.push((*index, Some(place.clone())));
            }
        };
        let Some(place) = place else {
            instead(hotline.opening.as_ref().map(|opening| &opening.outside));
            instead(hotline.pin.as_ref().and_then(|gate| gate.fallback.as_ref()));
            if hotline.menu.is_none() {
                onward.push((*index, Some(Place(vec![0]))));
            }
            return onward;
        };
        let Some(choice) = hotline.at(place) else { return onward };
        instead(choice.opening.as_ref().map(|opening| &opening.outside));
        if !choice.pins.is_empty() {
            instead(hotline.pin.as_ref().and_then(|gate| gate.fallback.as_ref()));
        }
        onward.extend(self.redirected(choice));
        onward
    }

    fn redirected(&self, choice: &Choice) -> Option<Spot> {
        let Goal::Redirect(redirect) = &choice.goal else { return None };
        let index = self.hotlines.iter().position(|hotline| hotline.name == redirect.hotline)?;
        Some((index, redirect.place.clone()))
    }

    /// All places that something leads to but a key.
    fn reached(&self) -> HashSet<Spot> {
        let mut reached = HashSet::new();
        for (index, hotline) in self.hotlines.iter().enumerate() {
            reached.extend(self.onward(&(index, None)));
            let codes = hotline.pin.iter().flat_map(|gate| &gate.codes).filter_map(|code| code.place.clone());
            let rules = hotline.callers.iter().filter_map(|rule| rule.place.clone());
            let repeated = hotline.repeated.iter().filter_map(|rule| rule.place.clone());
            reached.extend(codes.chain(rules).chain(repeated).map(|place| (index, Some(place))));
            let all = places(&hotline.choices).into_iter();
            reached.extend(all.flat_map(|place| self.onward(&(index, Some(place)))));
        }
        reached
    }

    fn written(&self, index: usize, place: &Place) -> Option<(&str, Range<usize>)> {
        let (last, way) = place.0.split_last()?;
        let top: &[RouteSettings] = &self.settings.get(index)?.routes;
        let routes = way.iter().try_fold(top, |routes, step| Some(&*routes.get(*step)?.routes))?;
        let name = &routes.get(*last)?.name;
        Some((name.get_ref(), name.span()))
    }
}

/// The places of all choices.
fn places(choices: &[Arc<Choice>]) -> Vec<Place> {
    let own = |(index, choice): (usize, &Arc<Choice>)| {
        let below = places(choice.choices()).into_iter();
        let below = below.map(move |Place(way)| Place(std::iter::once(index).chain(way).collect()));
        std::iter::once(Place(vec![index])).chain(below).collect::<Vec<_>>()
    };
    choices.iter().enumerate().flat_map(own).collect()
}

fn no_menu(settings: &HotlineSettings) -> Problem {
    Problem::error(settings.name.span(), "the hotline has several routes but no menu")
        .help("add [hotlines.menu], so that callers can choose")
}
