//! `linphonec`, a softphone of another house, driven over its standard input.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::baresip::{read_samples, until_heard, write_tone};
use crate::certificate::Certificate;
use crate::foreign::{Account, Carrier, Handset, Words, end, folder, free_ports};

/// The tone it sends, in Hz.
const TONE: f64 = 1000.0;

/// A customer of a carrier with Linphone, which is started when it registers. Sound files take the place of a
/// sound card.
pub struct Linphone {
    port: u16,
    folder: PathBuf,
    authority: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    commands: ChildStdin,
    words: Words,
}

impl Linphone {
    /// One that trusts the authority of this certificate.
    pub fn new(certificate: &Certificate) -> Self {
        let port = free_ports();
        let folder = folder("linphone", port);
        // It wants to keep a history there.
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        write_tone(&folder.join("tone.wav"), TONE, 8_000);
        Self { port, folder, authority: certificate.authority.clone(), running: None }
    }

    fn says(&mut self, command: &str) {
        writeln!(self.running().commands, "{command}").unwrap();
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it has registered")
    }

    fn settings(&self, account: &Account, carrier: Carrier) -> String {
        let Account { number, password } = account;
        let (port, tls, proxy) = (self.port, self.port + 1, carrier.uri());
        let encryption = if carrier.is_secure() { "srtp" } else { "none" };
        format!(
            "[sip]\nsip_port={port}\nsip_tcp_port={port}\nsip_tls_port={tls}\nbind_address=127.0.0.1\n\
             ipv6_migration_done=1\nuse_ipv6=0\nroot_ca={root}\nverify_server_certs=1\nverify_server_cn=0\n\
             guess_hostname=0\nuse_info=0\nuse_rfc2833=1\nregister_only_when_network_is_up=0\ndefault_proxy=0\n\
             media_encryption={encryption}\nmedia_encryption_mandatory={secure}\n\
             [auth_info_0]\nusername={number}\npasswd={password}\nrealm=carrier.test\n\
             [proxy_0]\nreg_proxy=<{proxy}>\nreg_route=<{proxy}>\nreg_identity=sip:{number}@carrier.test\n\
             reg_expires=60\nreg_sendregister=1\npublish=0\n[net]\nmtu=1300\nfirewall_policy=0\n\
             [rtp]\naudio_rtp_port=44000-52000\n[sound]\nechocancellation=0\n[misc]\nstore_friends=0\n",
            root = self.authority.display(),
            secure = u8::from(carrier.is_secure())
        )
    }
}

impl Handset for Linphone {
    fn registers(&mut self, account: &Account, carrier: Carrier) {
        let file = self.folder.join("linphonerc");
        std::fs::write(&file, self.settings(account, carrier)).unwrap();
        let mut child = Command::new("linphonec")
            .arg("-c")
            .arg(&file)
            .arg("-l")
            .arg(self.folder.join("log"))
            .args(["-d", "6"])
            .env("HOME", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let words = Words::of("linphone", child.stdout.take().unwrap());
        let commands = child.stdin.take().unwrap();
        self.running = Some(Running { child, commands, words });
        self.says("soundcard use files");
        self.running().words.expects("Using wav files");
    }

    fn dials(&mut self, uri: &str) {
        self.says(&format!("call {uri}"));
    }

    fn is_rung(&mut self) {
        self.running().words.expects("new incoming call");
    }

    fn picks_up(&mut self) {
        self.says("answer");
    }

    fn is_connected(&mut self) {
        self.running().words.expects("Media streams established");
        let (tone, heard) = (self.folder.join("tone.wav"), self.folder.join("heard.wav"));
        self.says(&format!("play {}", tone.display()));
        self.says(&format!("record {}", heard.display()));
    }

    fn presses(&mut self, key: char) {
        self.says(&key.to_string());
    }

    fn hangs_up(&mut self) {
        self.says("terminate");
    }

    fn is_hung_up_on(&mut self) {
        self.running().words.expects("ended");
    }

    fn tone(&self) -> f64 {
        TONE
    }

    fn hears(&mut self, hz: f64) {
        let heard = self.folder.join("heard.wav");
        until_heard(hz, || read_samples(&heard));
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            end(&mut running.child, &self.folder);
        }
    }
}
