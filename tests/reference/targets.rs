//! The page of targets has each kind with what the code knows of it.

use nightbell::notify::{FACTS, Facts, Scale};

use crate::{first_cell, read};

/// The row of a kind, as the page has it.
fn row(facts: &Facts) -> String {
    let yes = |known: bool| if known { "yes" } else { "no" };
    let keys = |keys: &[&str]| {
        keys.iter().map(|key| format!("`{}`", key.replace(" or ", "` or `"))).collect::<Vec<_>>().join(", ")
    };
    let scale = |scale: Scale| scale.of.join(", ");
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
        facts.kind,
        facts.service,
        yes(facts.acknowledges),
        yes(facts.resolves),
        yes(facts.updates),
        facts.scale.map_or_else(|| "none".to_owned(), scale),
        keys(facts.needs),
        keys(facts.takes),
    )
}

#[test]
fn the_page_of_targets_has_every_kind_as_it_is() {
    let page = read("docs/guide/notify.md");
    let (_, rest) = page.split_once("\n## Kinds\n").unwrap();
    let written: Vec<_> = rest
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .collect();
    let missing: Vec<_> = FACTS.iter().map(row).filter(|row| !written.contains(&row.as_str())).collect();
    assert!(missing.is_empty(), "docs/guide/notify.md lacks:\n{}", missing.join("\n"));
    let unknown: Vec<_> = written
        .iter()
        .filter_map(|line| first_cell(line))
        .filter(|kind| FACTS.iter().all(|facts| facts.kind != *kind))
        .collect();
    assert!(unknown.is_empty(), "no kind of target: {unknown:?}");
}

#[test]
fn the_page_of_targets_says_of_every_kind_how_it_is_set_up() {
    let page = read("docs/guide/notify.md");
    let headings: Vec<_> = page.lines().filter(|line| line.starts_with("### ")).collect();
    for facts in FACTS {
        let named = headings.iter().any(|heading| heading.contains(&format!("`{}`", facts.kind)));
        assert!(named, "no heading of docs/guide/notify.md names `{}`", facts.kind);
    }
}
