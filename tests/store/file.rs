//! The file itself: who may read it, who may open it, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nightbell::call::journal::Outcome;
use nightbell::store::{CallFilter, Store, StoreError};

use crate::scratch::Scratch;
use crate::story::{Story, run};

fn database(folder: &Path) -> PathBuf {
    folder.join("nightbell.db")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_can_read_the_data() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("a/b");
    let store = Store::open(&folder).unwrap();
    run(&store, Story::of(1).records);
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "database, lock and the two side files of a WAL: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_database_that_others_could_read_is_closed_to_them() {
    let scratch = Scratch::new();
    drop(Store::open(scratch.path()).unwrap());
    fs::set_permissions(database(scratch.path()), fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(scratch.path()).unwrap());
    assert_eq!(mode(&database(scratch.path())), 0o600);
}

#[test]
fn a_second_daemon_is_turned_away_and_told_by_whom() {
    let scratch = Scratch::new();
    let first = Store::open(scratch.path()).unwrap();
    let refusal = Store::open(scratch.path()).unwrap_err();
    let us = std::process::id();
    assert!(matches!(refusal, StoreError::InUse { owner: Some(pid), .. } if pid == us), "{refusal}");
    drop(first);
    Store::open(scratch.path()).unwrap();
}

#[test]
fn commands_read_beside_a_running_daemon_and_without_one() {
    let scratch = Scratch::new();
    assert!(matches!(Store::open_read_only(scratch.path()), Err(StoreError::Missing { .. })));
    let store = Store::open(scratch.path()).unwrap();
    run(&store, Story::of(1).ended(Outcome::Missed).records);
    let count =
        || Store::open_read_only(scratch.path()).unwrap().calls(&CallFilter::default()).unwrap().len();
    assert_eq!(count(), 1);
    drop(store);
    assert_eq!(count(), 1);
    assert_eq!(Store::open(scratch.path()).unwrap().reader().calls(&CallFilter::default()).unwrap().len(), 1);
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let garbage = b"this is not a database, but a text that somebody has put here".repeat(100);
    fs::write(database(scratch.path()), &garbage).unwrap();
    let refusal = Store::open(scratch.path()).unwrap_err();
    assert!(matches!(refusal, StoreError::Damaged { .. }), "{refusal}");
    assert!(refusal.to_string().contains("left untouched"));
    assert!(matches!(Store::open_read_only(scratch.path()), Err(StoreError::Damaged { .. })));
    assert_eq!(fs::read(database(scratch.path())).unwrap(), garbage);
}

#[test]
fn a_damaged_schema_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    drop(Store::open(scratch.path()).unwrap());
    let path = database(scratch.path());
    let mut bytes = fs::read(&path).unwrap();
    // The header of the page that holds the schema follows the file's header of 100 bytes.
    bytes[100..120].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let refusal = Store::open(scratch.path()).unwrap_err();
    assert!(matches!(refusal, StoreError::Damaged { .. }), "{refusal}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let path = database(scratch.path());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('cat')").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let refusal = Store::open(scratch.path()).unwrap_err();
    assert!(matches!(refusal, StoreError::Foreign { .. }), "{refusal}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named_in_the_error() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    let refusal = Store::open(&file.join("data")).unwrap_err().to_string();
    assert!(refusal.contains("file/data"), "{refusal}");
}

#[test]
fn every_table_and_column_is_explained_in_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 1);
    for file in files {
        explained_in(&fs::read_to_string(file).unwrap());
    }
}

fn explained_in(schema: &str) {
    let mut explained = false;
    for line in schema.lines() {
        let text = line.trim();
        let starts_entry = text.starts_with("CREATE ")
            || text.starts_with("ALTER ")
            || (line.starts_with("    ")
                && !line.starts_with("     ")
                && text
                    .split(' ')
                    .next()
                    .is_some_and(|word| word.chars().all(|c| c.is_lowercase() || c == '_'))
                && (text.contains(" TEXT") || text.contains(" INTEGER")));
        assert!(!starts_entry || explained, "without a comment: {line}");
        explained = text.starts_with("--");
    }
}
