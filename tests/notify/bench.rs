//! What tests of messengers have in common: a folder with settings and secrets, a target, and something to tell.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nightbell::daemon::reading;
use nightbell::incident::{Event, Notice, Party, Severity, Sound};
use nightbell::notify::compile::Reading;
use nightbell::notify::http::Client;
use nightbell::notify::{Delivering, Target, TargetSettings};

/// A folder of its own.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nightbell-messengers-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file that nobody else can read.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A target, or what is wrong with it.
pub fn compiled(folder: &Folder, settings: &str) -> Result<Target, String> {
    let settings: TargetSettings = toml::from_str(&format!("name = \"target\"\n{settings}")).unwrap();
    let mut problems = Vec::new();
    let mut reading = Reading { folder: folder.path(), secret: reading::secret, problems: &mut problems };
    let found = Target::compile(&settings, &mut reading);
    found
        .filter(|_| problems.is_empty())
        .ok_or_else(|| problems.iter().map(|problem| format!("{problem:?}")).collect::<Vec<_>>().join("\n"))
}

pub fn target(folder: &Folder, settings: &str) -> Target {
    compiled(folder, settings).unwrap()
}

pub fn delivering(folder: &Folder) -> Delivering {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(Client::new).clone();
    Delivering { client, recordings: folder.path().join("recordings"), link: None }
}

/// A notice with all there can be.
pub fn notice(event: Event) -> Notice {
    let party = |id: &str, name: &str| Party {
        id: id.to_owned(),
        name: name.to_owned(),
        email: Some(format!("{id}@acme.example")),
    };
    Notice {
        event,
        id: format!("hotline-c1-{event}-1"),
        dedup_key: "hotline-c1".to_owned(),
        incident: Some("7".to_owned()),
        at: "2026-01-05T02:00:00Z".parse().unwrap(),
        title: "Nobody answered a call to Emergency hotline".to_owned(),
        text: "The caller left a message.".to_owned(),
        severity: Severity::Critical,
        status: "triggered".to_owned(),
        by: (event != Event::Trigger).then(|| "Anna Schmidt".to_owned()),
        assigned: vec![party("anna", "Anna Schmidt"), party("bob", "Bob")],
        hotline: Some("Emergency hotline".to_owned()),
        number: Some("+4930123456".to_owned()),
        route: Some("Production".to_owned()),
        call: Some("c1".to_owned()),
        started_at: Some("2026-01-05T01:59:00Z".parse().unwrap()),
        caller: Some("+4915112345678".to_owned()),
        caller_name: Some("Carla".to_owned()),
        voicemail: Some(Sound { file: "c1.wav".to_owned(), duration_ms: 64_400, truncated: false }),
        transcript: Some("The pump has stopped.".to_owned()),
        link: Some("https://wiki.acme.example/calls/c1".to_owned()),
        to: None,
    }
}

/// What a caller may call himself.
pub fn hostile() -> String {
    let nasty = "@channel <!everyone> <at>all</at> <script>alert(1)</script> [x](http://evil.example) *_~`|>#\\ \
                 {{ 7*7 }}\r\nBcc: all@acme.example\r\n\r\n\0\u{1b}[2J\u{202e}\"'&%n 😀 ";
    nasty.repeat(100)
}
