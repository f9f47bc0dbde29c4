//! Commands that do what no command should: nothing is left of them, and nothing waits for them.

use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::confine::Run;
use super::*;
use crate::problem::Problem;

/// A folder with a message.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nightbell-transcript-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("message.wav"), b"RIFF....WAVE").unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A shell's words, and what keeps them from running on.
fn run(folder: &Folder, words: &str, confinement: Confinement) -> (Run, PipeWriter) {
    let (leash, held) = io::pipe().unwrap();
    let run = Run {
        command: ["sh", "-c", words].map(str::to_owned).into(),
        input: folder.0.join("message.wav"),
        scratch: folder.0.join("scratch"),
        timeout: Duration::from_secs(30),
        memory: 256 << 20,
        network: false,
        confinement,
        leash,
    };
    (run, held)
}

/// What a command says, kept to itself in each way that this machine has.
fn says(name: &str, words: &str) -> Vec<Result<String, String>> {
    ways()
        .into_iter()
        .map(|confinement| {
            let folder = Folder::new(name);
            let (run, _held) = run(&folder, words, confinement);
            let said = run.go().map(|said| words::clean(&said));
            assert!(!folder.0.join("scratch").exists(), "its folder is gone");
            said
        })
        .collect()
}

fn ways() -> Vec<Confinement> {
    let both = [Confinement::Namespaces, Confinement::Group];
    both.into_iter().filter(|way| *way == Confinement::Group || own_namespaces()).collect()
}

fn own_namespaces() -> bool {
    probe(false) == Ok(Confinement::Namespaces)
}

/// Whether all processes whose command line has this in it are gone, in a moment at the latest: they are killed, and the
/// kernel clears them away.
fn are_gone(mark: &str) -> bool {
    let lives = |entry: std::fs::DirEntry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
    };
    let late = std::time::Instant::now() + Duration::from_secs(20);
    while std::fs::read_dir("/proc").unwrap().flatten().any(lives) {
        if std::time::Instant::now() > late {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn what_a_command_says_of_its_input_is_the_text() {
    for said in says("text", "head -c 4; printf '\\n\\n  is\\033[31m  \\200 h\\303\\266rbar\\r\\n'") {
        assert_eq!(said.as_deref(), Ok("RIFF is [31m hörbar"));
    }
}

#[test]
fn a_command_has_neither_our_environment_nor_our_files() {
    let folder = Folder::new("ours");
    let ours = std::fs::File::create(folder.0.join("a-file-of-ours")).unwrap();
    for said in says("environment", "env | cut -d= -f1 | tr '\\n' ' '; pwd") {
        let said = said.unwrap();
        // The shell adds PWD, and other shells SHLVL, OLDPWD and _.
        let expected = ["HOME", "LANG", "PATH", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "_"];
        for word in said.split(' ').filter(|word| !word.ends_with("/scratch")) {
            assert!(expected.contains(&word), "{word} in {said}");
        }
        assert!(said.ends_with("/scratch"), "{said}");
    }
    for said in says("files", "ls -l /proc/self/fd") {
        assert!(!said.unwrap().contains("a-file-of-ours"));
    }
    drop(ours);
}

#[test]
fn a_command_that_fails_crashes_or_is_not_there_says_why() {
    for said in says("fails", "echo half; echo 'no model here' >&2; exit 3") {
        let why = said.unwrap_err();
        assert!(why.contains("exit status: 3") && why.contains("no model here"), "{why}");
    }
    assert!(says("crashes", "echo half; kill -9 $$").into_iter().all(|said| said.is_err()));
    assert!(says("missing", "exec /nowhere/at/all").into_iter().all(|said| said.is_err()));
}

#[test]
fn a_command_that_prints_without_end_is_killed() {
    for words in ["yes", "head -c 1000000000 /dev/zero", "yes >&2 & yes"] {
        for said in says("prints", words) {
            assert_eq!(said.unwrap_err(), "it said more than 64 KiB", "{words}");
        }
    }
}

#[test]
fn a_command_that_complains_without_end_costs_nothing() {
    for said in says("complains", "head -c 50000000 /dev/zero | tr '\\0' x >&2; echo done") {
        assert_eq!(said.as_deref(), Ok("done"));
    }
}

#[test]
fn a_command_that_hangs_and_heeds_no_signal_is_killed_with_its_children() {
    for confinement in ways() {
        let folder = Folder::new("hangs");
        let mark = format!("9{}{}", std::process::id(), confinement as u8);
        let words = format!("trap '' TERM INT HUP; sleep {mark} & sleep {mark}");
        let (mut run, _held) = run(&folder, &words, confinement);
        run.timeout = Duration::from_millis(500);
        assert_eq!(run.go(), Err("it was not done after 0 s".to_owned()));
        assert!(are_gone(&mark));
    }
}

#[test]
fn a_child_that_leaves_its_group_ends_with_the_command_and_nobody_waits_for_it() {
    let folder = Folder::new("leaves");
    let mark = format!("8{}", std::process::id());
    let words = format!("setsid sh -c 'sleep {mark} & sleep {mark}' & echo said");
    let confinement = if own_namespaces() { Confinement::Namespaces } else { return };
    let (run, _held) = run(&folder, &words, confinement);
    assert_eq!(run.go(), Ok(b"said\n".to_vec()));
    assert!(are_gone(&mark));
}

#[test]
fn a_command_takes_no_more_memory_and_writes_no_larger_file_than_it_may() {
    for said in says("memory", "head -c 600000000 /dev/zero | tail -c 500000000 | wc -c") {
        assert!(said.as_deref() != Ok("500000000"), "{said:?}");
    }
    for said in says("file", "head -c 400000000 /dev/zero > file; wc -c < file") {
        let octets: u64 = said.as_deref().unwrap_or("0").parse().unwrap();
        assert!(octets <= 256 << 20, "{octets}");
    }
}

#[test]
fn a_command_reaches_no_network() {
    if !own_namespaces() {
        return;
    }
    let folder = Folder::new("network");
    let (run, _held) = run(&folder, "tail -n +3 /proc/self/net/dev | cut -d: -f1", Confinement::Namespaces);
    assert_eq!(run.go().map(|said| words::clean(&said)), Ok("lo".to_owned()));
}

#[test]
fn a_command_ends_when_the_daemon_does() {
    for confinement in ways() {
        let folder = Folder::new("stopped");
        let (run, held) = run(&folder, "sleep 1000", confinement);
        drop(held);
        assert_eq!(run.go(), Err("it was stopped".to_owned()));
    }
}

#[test]
fn what_cannot_work_is_told_when_the_settings_are_read() {
    let faults = |text: &str| -> Vec<String> {
        let mut problems: Vec<Problem> = Vec::new();
        let settings: TranscriptSettings = toml::from_str(text).unwrap();
        settings.compile(Path::new("/"), &mut problems);
        problems.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(faults("command = [\"sh\"]"), Vec::<String>::new());
    for (text, part) in [
        ("command = []", "names no program"),
        ("command = [\"no-such-program\"]", "there is no program `no-such-program`"),
        ("command = [\"bin/no-such-program\"]", "there is no program"),
        ("command = [\"sh\"]\ntimeout = \"5s\"", "10s to 1h"),
        ("command = [\"sh\"]\nmemory = \"1 MiB\"", "so little memory"),
    ] {
        assert!(faults(text).concat().contains(part), "{text}: {:?}", faults(text));
    }
}

/// The program of Debian, where it is installed: our script, a message as calls have it, and silence.
#[test]
fn pocketsphinx_writes_out_what_is_said_and_nothing_of_silence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = [
        "/usr/bin/pocketsphinx_continuous",
        "/usr/bin/sox",
        "/usr/share/pocketsphinx/model/en-us/en-us.lm.bin",
    ];
    if !tools.iter().all(|tool| Path::new(tool).exists()) {
        return;
    }
    let confinement = if own_namespaces() { Confinement::Namespaces } else { Confinement::Group };
    let hear = |name: &str, input: &str, effect: &[&str]| {
        let folder = Folder::new(name);
        let mut sox = std::process::Command::new("sox");
        sox.arg(input).args(["-r", "8000", "-b", "16", "-c", "1"]).arg(folder.0.join("message.wav"));
        assert!(sox.args(effect).status().unwrap().success());
        let (run, _held) = run(&folder, "", confinement);
        let command = vec![root.join("config/transcript/pocketsphinx").display().to_string()];
        let run = Run { command, memory: 2 << 30, timeout: Duration::from_secs(120), ..run };
        run.go().map(|said| words::clean(&said))
    };
    let speech = root.join("tests/audio/sentence/sentence.wav").display().to_string();
    let heard = hear("speech", &speech, &[]).unwrap();
    assert!(heard.split(' ').filter(|word| word.chars().all(char::is_alphabetic)).count() > 1, "{heard}");
    assert_eq!(hear("silence", "-n", &["trim", "0", "2"]).as_deref(), Ok(""));
}
