//! A room names the rooms below it, and never one beside or above it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that breaks says so")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Each room and the rooms it may name beside itself and `problem`.
const ROOMS: [(&str, &[&str]); 14] = [
    ("problem", &[]),
    ("oncall", &[]),
    ("sip", &[]),
    ("rtp", &[]),
    ("audio", &[]),
    ("incident", &[]),
    ("call", &["incident", "oncall"]),
    ("import", &["oncall"]),
    ("switch", &["call", "oncall", "sip", "rtp", "audio"]),
    ("store", &["call", "incident", "oncall"]),
    ("web", &[]),
    ("notify", &["incident", "web"]),
    (
        "daemon",
        &[
            "audio", "call", "cli", "import", "incident", "notify", "oncall", "rtp", "sip", "store",
            "switch", "web",
        ],
    ),
    (
        "cli",
        &[
            "audio", "call", "daemon", "import", "incident", "notify", "oncall", "rtp", "sip", "store",
            "switch", "web",
        ],
    ),
];

/// What floor 0 must not name outside its tests: there, time and bytes are arguments.
const IMPURE: [&str; 9] = [
    "tokio",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::fs",
    "std::thread",
    "Instant::now",
    "Timestamp::now",
    "SystemTime",
];
/// The rooms of floor 0, and those that are as pure.
const FLOOR_0: [&str; 7] = ["problem", "incident", "oncall", "sip", "rtp", "audio", "import"];

#[test]
fn no_room_names_a_room_beside_or_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap();
        if ["main", "lib"].contains(&room) {
            continue;
        }
        let known = ROOMS.iter().find(|(name, _)| *name == room);
        let (_, below) = known.unwrap_or_else(|| panic!("the room `{room}` is not in the table"));
        for (file, code) in files(&path) {
            for named in rooms_named(&code) {
                let allowed = named == room || named == "problem" || below.contains(&named.as_str());
                assert!(allowed, "{file}: {room} must not name {named}");
            }
        }
    }
}

#[test]
fn floor_0_knows_no_socket_no_file_and_no_clock() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in FLOOR_0 {
        for (file, code) in files(&src.join(room)).into_iter().chain(files(&src.join(format!("{room}.rs")))) {
            // Tests may ask for the time it is: as a file of their own, or behind the code.
            if file.ends_with("tests.rs") {
                continue;
            }
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let impure = IMPURE.iter().find(|word| code.contains(**word));
            assert!(impure.is_none(), "{file}: {room} must not name {}", impure.unwrap());
        }
    }
}

#[test]
fn rooms_are_found_in_single_and_in_grouped_paths() {
    let code = "use crate::call::{leg::Leg, run};\nuse crate::{\n    sip::{uri, sdp},\n    oncall,\n};\nlet a = crate::rtp::A;";
    let named: Vec<_> = rooms_named(code).into_iter().collect();
    assert_eq!(named, ["call", "oncall", "rtp", "sip"]);
}

/// All Rust files below a path, without their comments.
fn files(path: &Path) -> Vec<(String, String)> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect();
    }
    let Ok(text) = fs::read_to_string(path) else { return Vec::new() };
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    vec![(path.display().to_string(), code)]
}

/// The rooms that follow `crate::`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    code.split("crate::").skip(1).flat_map(first_names).collect()
}

/// The first name of a path, or of each path of a group.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut item) = (1, Vec::new(), String::new());
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(name(&std::mem::take(&mut item)));
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name: &String| !name.is_empty());
    names
}
