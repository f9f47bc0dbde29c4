//! What may stand only once in the whole file: names of hotlines, and their numbers.

use std::collections::{HashMap, HashSet};

use crate::call::plan::HotlineNumber;
use crate::call::settings::HotlineSettings;
use crate::problem::Problem;

/// The log names a hotline, and its lines are counted by its name.
pub(super) fn name_used_twice(settings: &[HotlineSettings], problems: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for name in settings.iter().map(|hotline| &hotline.name).filter(|name| !seen.insert(name.get_ref())) {
        let message = format!("there are two hotlines `{}`", name.get_ref());
        problems.push(Problem::error(name.span(), message).help("give each a name of its own"));
    }
}

/// Two hotlines cannot answer the same number over the same trunk.
pub(super) fn number_used_twice(settings: &[HotlineSettings], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<HotlineNumber, &str> = HashMap::new();
    for hotline in settings {
        for number in &hotline.numbers {
            let Ok(parsed) = HotlineNumber::parse(number.get_ref()) else { continue };
            if let Some(other) = seen.insert(parsed, hotline.name.get_ref()) {
                problems.push(
                    Problem::error(
                        number.span(),
                        format!("the number {} already belongs to the hotline `{other}`", number.get_ref()),
                    )
                    .help("a number leads to one hotline; give one of the two another number"),
                );
            }
        }
    }
}
