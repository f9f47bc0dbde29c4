//! The rows of the five services: each is on the page, and each test the page names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{read, root};

/// The rows that are about calls and what comes of them: filter, prompts, menu, targets, accepting, voicemail, incidents.
const ROWS: std::ops::RangeInclusive<u32> = 13..=92;

/// Speech and the browser come later.
const TO_COME: [u32; 2] = [31, 67];

/// A row of the page: its number, and its last cell.
fn rows(page: &str) -> Vec<(u32, String)> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix('|')?.split(" | ").collect();
        Some((cells.first()?.parse().ok()?, cells.last()?.trim().trim_matches('`').to_owned()))
    };
    page.lines().filter_map(row).collect()
}

/// The text of all sources below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    text
}

#[test]
fn every_row_of_the_five_services_is_told_once() {
    let mut told: BTreeMap<u32, usize> = BTreeMap::new();
    for (number, _) in rows(&read("docs/five-services.md")) {
        *told.entry(number).or_default() += 1;
    }
    let wrong: Vec<_> = ROWS.filter(|number| told.remove(number) != Some(1)).collect();
    assert!(wrong.is_empty(), "rows that are missing, or there twice: {wrong:?}");
    assert!(told.is_empty(), "rows that are about something else: {told:?}");
}

#[test]
fn every_test_of_a_row_exists_and_bears_its_number() {
    let known = sources(&root().join("tests")) + &sources(&root().join("src"));
    let named = rows(&read("docs/five-services.md")).into_iter();
    let (to_come, named): (Vec<_>, Vec<_>) = named.partition(|(_, test)| test == "to come");
    let to_come: Vec<_> = to_come.into_iter().map(|(number, _)| number).collect();
    assert_eq!(to_come, TO_COME);
    let wrong = named.iter().filter(|(number, test)| {
        !test.starts_with(&format!("row_{number}_")) || !known.contains(&format!("fn {test}("))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "rows whose test does not exist, or has another number: {wrong:?}");
}

#[test]
fn row_19_the_guide_warns_of_a_filter_of_the_carriers_that_comes_before_ours() {
    let page = read("docs/guide/config.md");
    let (_, section) = page.split_once("### Caller lists").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    assert!(section.contains("A filter of your carrier's comes before this one"), "{section}");
}
