//! Calls over TLS with protected audio (SRTP), with `baresip` at both ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::baresip;
use crate::daemon::Daemon;
use crate::sipp::{free_port, installed};
use crate::tones;

const CALLER_HZ: f64 = 440.0;
const RESPONDER_HZ: f64 = 620.0;

/// Writes an authority and a certificate for 127.0.0.1, as PEM.
fn certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap().pem();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("ca.pem", &authority_pem);
    write("certificate.pem", &leaf);
    write("key.pem", &key.serialize_pem());
    write("both.pem", &format!("{}{leaf}", key.serialize_pem()));
}

/// A running baresip that sounds a tone and writes what it hears into its folder.
struct Softphone {
    folder: PathBuf,
    child: Child,
}

impl Softphone {
    /// `port` is for UDP and TCP; TLS is one above.
    fn start(folder: PathBuf, certificates: &Path, port: u16, account: &str, hz: f64, more: &[&str]) -> Self {
        baresip::settings(&folder, port, hz);
        let at = certificates.display();
        let secured = format!(
            "sip_certificate {at}/both.pem\nsip_cafile {at}/ca.pem\nmodule srtp.so\nmodule sndfile.so\nsnd_path {}\n",
            folder.display()
        );
        let config = folder.join("config");
        let plain = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, plain.replace("module g711.so", &format!("{secured}module g711.so")))
            .unwrap();
        std::fs::write(folder.join("accounts"), format!("{account}\n")).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { folder, child }
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("log")).unwrap()).into_owned()
    }

    /// What it heard: the recording after its decoder.
    fn heard(&self) -> Vec<f64> {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let dump = files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).max();
        tones::read(&dump.unwrap_or_else(|| panic!("no recording: {}", self.log())))
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(port: u16, responder: u16, srtp: &str) -> String {
    format!(
        r#"
data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["tls:127.0.0.1:{port}"]
[sip.tls]
certificate = "certificate.pem"
key = "key.pem"
[media]
ports = "43000-53000"
[[trunks]]
name = "carrier"
server = "tls:127.0.0.1:{responder}"
sources = ["127.0.0.1/32"]
country = "49"
srtp = "{srtp}"
[trunks.tls]
ca_file = "ca.pem"
[[hotlines]]
name = "Emergency hotline"
numbers = ["+4930123456"]
trunks = ["carrier"]
[hotlines.menu]
timeout = "2s"
silence = "route:1"
[[hotlines.routes]]
key = "1"
name = "Production"
levels = [["person:anna"]]
ring = "10s"
[hotlines.routes.accept]
key = "none"
"#
    )
}

const ONCALL: &str = "[[people]]\nid = \"anna\"\nname = \"anna\"\nphones = [\"+4915112345678\"]\n";

/// A call from one baresip through the daemon to another, both with this protection.
fn call(srtp: &str, encryption: &str) {
    let (port, responder_port, caller_port) = (free_port(), free_port(), free_port());
    let daemon = Daemon::with(port, certificates, &config(port, responder_port + 1, srtp), ONCALL);
    let folder = daemon.folder().to_owned();
    let account = |user: &str, more: &str| {
        format!("<sip:{user}@127.0.0.1;transport=tls>;regint=0;audio_codecs=PCMA;mediaenc={encryption}{more}")
    };
    let responder = Softphone::start(
        folder.join("responder"),
        &folder,
        responder_port,
        &account("+4915112345678", ";answermode=auto"),
        RESPONDER_HZ,
        &["-t", "40"],
    );
    let dial = format!("/dial sip:+4930123456@127.0.0.1:{port};transport=tls");
    let mut caller = Softphone::start(
        folder.join("caller"),
        &folder,
        caller_port,
        &account("+4915199887766", ""),
        CALLER_HZ,
        &["-e", &dial, "-t", "20"],
    );
    daemon.wait_for_step("Bridge");
    caller.child.wait().unwrap();
    let record = daemon.only_call();
    assert_eq!(record["outcome"], "accepted", "{record:#}\n{}\n{}", caller.log(), responder.log());
    for phone in [&caller, &responder] {
        assert!(
            phone.log().contains("SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)"),
            "{}",
            phone.log()
        );
    }
    for (phone, hz) in [(&caller, RESPONDER_HZ), (&responder, CALLER_HZ)] {
        let heard = phone.heard();
        let seconds = heard.chunks_exact(8000).filter(|second| tones::share(second, hz) > 0.9).count();
        assert!(seconds >= 3, "{hz} Hz was heard for {seconds} s: {}", phone.log());
    }
}

#[test]
fn over_tls_with_protected_audio_two_softphones_hear_each_other() {
    if installed("baresip", "baresip-core", "over_tls_with_protected_audio_two_softphones_hear_each_other") {
        call("required", "srtp-mand");
    }
}

#[test]
fn audio_is_protected_where_it_is_optional_for_both() {
    if installed("baresip", "baresip-core", "audio_is_protected_where_it_is_optional_for_both") {
        call("optional", "srtp");
    }
}

#[test]
fn a_call_in_the_clear_is_refused_where_audio_must_be_protected() {
    if !installed("baresip", "baresip-core", "a_call_in_the_clear_is_refused_where_audio_must_be_protected") {
        return;
    }
    let (port, caller_port) = (free_port(), free_port());
    let daemon = Daemon::with(port, certificates, &config(port, free_port(), "required"), ONCALL);
    let folder = daemon.folder().to_owned();
    let dial = format!("/dial sip:+4930123456@127.0.0.1:{port};transport=tls");
    let account = "<sip:+4915199887766@127.0.0.1;transport=tls>;regint=0;audio_codecs=PCMA";
    let more = ["-e", &dial, "-t", "4"];
    let mut caller = Softphone::start(folder.join("caller"), &folder, caller_port, account, CALLER_HZ, &more);
    caller.child.wait().unwrap();
    assert!(caller.log().contains("488"), "{}", caller.log());
    assert_eq!(daemon.calls().len(), 0);
}
