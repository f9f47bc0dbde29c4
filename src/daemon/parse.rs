//! Reads a settings file to its last fault. What toml cannot take is told and left out, and the rest is read
//! again, so that one run names everything that has to be put right.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use crate::daemon::reading::unreadable;
use crate::problem::Problem;

/// So many faults of one file are told; a file with more is something else.
const MOST: usize = 100;

/// What a text says, as far as it can be read, and all that is wrong with it. Nothing where so much is missing
/// that the rest would be judged wrongly.
pub fn parse<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<Problem>) {
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors.iter().take(MOST).map(|error| unreadable(error, text)).collect();
    if !problems.is_empty() {
        return (None, problems);
    }
    let mut lacking: Vec<Range<usize>> = Vec::new();
    let mut is_whole = true;
    loop {
        let error = match T::deserialize(Deserializer::from(tree.clone())) {
            Ok(file) => return (is_whole.then_some(file), problems),
            Err(error) => error,
        };
        let is_missing = error.message().starts_with("missing field");
        let span = error.span();
        // A key that was left out here, because it is misspelt, is not to be told as missing once more.
        let is_told = is_missing && span.as_ref().is_some_and(|span| lacking.contains(span));
        if !is_told {
            problems.push(unreadable(&error, text));
        }
        is_whole &= !is_missing;
        let own = tree.span();
        let from = span.and_then(|span| leave_out_of_table(tree.get_mut(), &own, &span));
        match from {
            Some(table) if problems.len() < MOST => lacking.push(table),
            _ => return (None, problems),
        }
    }
}

/// Takes away what stands at a place, and says where the table or list is that had it.
fn leave_out_of_table(
    table: &mut DeTable<'_>,
    own: &Range<usize>,
    at: &Range<usize>,
) -> Option<Range<usize>> {
    // From the inside out: a list of tables and its first table may have one place.
    if let Some(from) = table.iter_mut().find_map(|(_, value)| leave_out(value, at)) {
        return Some(from);
    }
    let is_there = |(key, value): &(&Spanned<_>, &Spanned<_>)| key.span() == *at || value.span() == *at;
    let key = table.iter().find(is_there).map(|(key, _)| key.clone())?;
    table.remove(&key);
    Some(own.clone())
}

fn leave_out(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<Range<usize>> {
    let own = value.span();
    match value.get_mut() {
        DeValue::Table(table) => leave_out_of_table(table, &own, at),
        DeValue::Array(list) => {
            if let Some(from) = list.iter_mut().find_map(|item| leave_out(item, at)) {
                return Some(from);
            }
            let before = list.len();
            *list = std::mem::replace(list, DeArray::new())
                .into_iter()
                .filter(|item| item.span() != *at)
                .collect();
            (list.len() < before).then_some(own)
        }
        _ => None,
    }
}
