//! `linphone-daemon`, a softphone of another house, driven over its standard input.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::certificate::Certificate;
use crate::foreign::{Account, Carrier, Handset, Words, end, folder, free_ports};

/// A running Linphone, without sound card.
pub struct Linphone {
    folder: PathBuf,
    child: Child,
    commands: ChildStdin,
    words: Words,
}

impl Linphone {
    /// Starts one that trusts this authority, and speaks A-law only.
    pub fn start(certificate: &Certificate) -> Self {
        let port = free_ports();
        let folder = folder("linphone", port);
        // It wants to keep a history there.
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let file = folder.join("linphonerc");
        std::fs::write(&file, settings(port, certificate)).unwrap();
        crate::baresip::write_tone(&folder.join("tone.wav"), TONE, 8_000);
        let mut child = Command::new("linphone-daemon")
            .arg("--config")
            .arg(&file)
            .arg("--log")
            .arg(folder.join("log"))
            .arg("--disable-stats-events")
            .env("HOME", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let words = Words::of("linphone", child.stdout.take().unwrap());
        let commands = child.stdin.take().unwrap();
        let mut phone = Self { folder, child, commands, words };
        phone.says("audio-codec-disable ALL");
        phone.says("audio-codec-enable PCMA/8000/1");
        phone
    }

    /// A command that has to succeed.
    fn says(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        self.words.expects("Status: Ok");
    }
}

/// The tone it sends, in Hz.
const TONE: f64 = 1000.0;

fn settings(port: u16, certificate: &Certificate) -> String {
    let (tls, media, last) = (port + 1, 44_000, 52_000);
    format!(
        "[sip]\nsip_port={port}\nsip_tcp_port={port}\nsip_tls_port={tls}\nbind_address=127.0.0.1\nroot_ca={root}\n\
         verify_server_certs=1\nverify_server_cn=0\nguess_hostname=0\nuse_info=0\nuse_rfc2833=1\n\
         register_only_when_network_is_up=0\nmedia_encryption_mandatory=1\n[net]\nmtu=1300\nfirewall_policy=0\n\
         [rtp]\naudio_rtp_port={media}-{last}\n[sound]\nplayback_dev_id=ANULL: null device\n\
         capture_dev_id=ANULL: null device\nringer_dev_id=ANULL: null device\nechocancellation=0\n[misc]\nstore_friends=0\n",
        root = certificate.authority.display()
    )
}

impl Handset for Linphone {
    fn registers(&mut self, account: &Account, carrier: Carrier) {
        let Account { number, password } = account;
        if carrier.is_secure() {
            self.says("media-encryption srtp");
        }
        self.says(&format!("register sip:{number}@carrier.test {} {password} {number}", carrier.uri()));
    }

    fn dials(&mut self, uri: &str) {
        self.says(&format!("call {uri}"));
    }

    fn is_rung(&mut self) {
        self.words.expects("LinphoneCallIncomingReceived");
    }

    fn picks_up(&mut self) {
        self.says("answer");
    }

    fn is_connected(&mut self) {
        self.words.expects("LinphoneCallStreamsRunning");
        let tone = self.folder.join("tone.wav");
        self.says(&format!("incall-player-start {}", tone.display()));
    }

    fn presses(&mut self, key: char) {
        self.says(&format!("dtmf {key}"));
    }

    fn hangs_up(&mut self) {
        self.says("terminate");
    }

    fn is_hung_up_on(&mut self) {
        self.words.expects("LinphoneCallEnd");
    }

    fn tone(&self) -> f64 {
        TONE
    }

    /// It keeps nothing of what it hears.
    fn hears(&mut self, _hz: f64) {}
}

impl Drop for Linphone {
    fn drop(&mut self) {
        end(&mut self.child, &self.folder);
    }
}
