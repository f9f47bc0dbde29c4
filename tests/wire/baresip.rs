//! `baresip`, a softphone of another house, driven over its control port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::daemon::Daemon;
use crate::foreign::{Account, Carrier, Handset, Words, end, folder, free_ports};
use crate::phone::Phone;
use crate::sipp::installed;
use crate::tones;

/// Each one sends another tone, in Hz.
const TONES: [f64; 4] = [440.0, 620.0, 800.0, 1300.0];
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// What it speaks, and nothing else.
#[derive(Clone, Copy, PartialEq)]
enum Codec {
    Pcma,
    G722,
}

impl Codec {
    fn name(self) -> &'static str {
        if self == Self::Pcma { "PCMA" } else { "G722/16000" }
    }

    /// In samples per second.
    fn rate(self) -> u32 {
        if self == Self::Pcma { 8_000 } else { 16_000 }
    }
}

/// A running baresip. It speaks a tone and keeps what it hears.
pub struct Baresip {
    folder: PathBuf,
    port: u16,
    tone: f64,
    codec: Codec,
    child: Child,
    control: TcpStream,
    events: Words,
}

impl Baresip {
    /// Starts one; with a certificate it trusts its authority.
    pub fn start(certificate: Option<&Certificate>) -> Self {
        Self::start_in(Codec::Pcma, certificate)
    }

    fn start_in(codec: Codec, certificate: Option<&Certificate>) -> Self {
        let (port, control) = (free_ports(), free_ports());
        let folder = folder("baresip", port);
        let tone = TONES[STARTED.fetch_add(1, Ordering::Relaxed) % TONES.len()];
        settings(&folder, (port, control), (codec, tone), certificate);
        let mut child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let control = connected(control, &mut child);
        let (say, events) = channel();
        let source = control.try_clone().unwrap();
        std::thread::spawn(move || read_events(source, &say));
        Self { folder, port, tone, codec, child, control, events: Words::from("baresip", events) }
    }

    /// An account that is reached without a carrier; `more` are parameters of the account, such as `;mediaenc=srtp`.
    pub fn has_account(&mut self, user: &str, more: &str) {
        self.says(
            "uanew",
            &format!("<sip:{user}@127.0.0.1>;regint=0;audio_codecs={}{more}", self.codec.name()),
        );
        self.events.expects("\"token\":\"uanew\"");
    }

    /// Where it takes calls by UDP and TCP; by TLS it is the next one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until its audio is protected (SRTP).
    pub fn is_protected(&mut self) {
        let event = self.events.expects("CALL_MENC");
        assert!(event.contains("AES_CM_128_HMAC_SHA1_80"), "{event}");
    }

    /// Waits until its call has been refused with a status.
    pub fn is_refused_with(&mut self, status: u16) {
        let event = self.events.expects("CALL_CLOSED");
        assert!(event.contains(&format!("\"param\":\"{status} ")), "{event}");
    }

    /// What it has heard until now, at 8 kHz: beyond 4 kHz there is next to nothing.
    fn heard(&self) -> Vec<f64> {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let kept = files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).max();
        let samples = kept.map(|path| read_samples(&path)).unwrap_or_default();
        samples.into_iter().step_by(self.codec.rate() as usize / 8_000).collect()
    }

    /// A command, as a netstring of JSON. What comes of it is told by an event, which may come before its answer.
    fn says(&mut self, command: &str, parameters: &str) {
        let text = json!({"command": command, "params": parameters, "token": command}).to_string();
        write!(self.control, "{}:{text},", text.len()).unwrap();
    }
}

/// Its control port, once it listens.
fn connected(port: u16, child: &mut Child) -> TcpStream {
    for _ in 0..1_000_000 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            return stream;
        }
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "baresip ended with {ended:?}");
        std::thread::yield_now();
    }
    panic!("baresip never listened");
}

/// Netstrings of JSON: events, and answers to commands.
fn read_events(mut source: TcpStream, say: &Sender<String>) {
    let (mut octets, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = source.read(&mut buffer) {
        octets.extend_from_slice(&buffer[..length]);
        while let Some(colon) = octets.iter().position(|octet| *octet == b':') {
            let size: usize = std::str::from_utf8(&octets[..colon]).unwrap().parse().unwrap();
            let end = colon + 1 + size;
            if octets.len() <= end {
                break;
            }
            let text: Value = serde_json::from_slice(&octets[colon + 1..end]).unwrap_or_default();
            octets.drain(..=end);
            if say.send(text.to_string()).is_err() {
                return;
            }
        }
    }
}

fn settings(
    folder: &Path,
    (port, control): (u16, u16),
    (codec, hz): (Codec, f64),
    certificate: Option<&Certificate>,
) {
    let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    let modules =
        modules.into_iter().find(|path| Path::new(path).exists()).unwrap_or("/usr/lib/baresip/modules");
    let tone = folder.join("tone.wav");
    write_tone(&tone, hz, codec.rate());
    let tls = certificate.map_or(String::new(), |certificate| {
        let (both, root) = (certificate.both.display(), certificate.authority.display());
        format!("sip_certificate {both}\nsip_cafile {root}\nsip_verify_server yes\n")
    });
    let config = format!(
        "sip_listen 127.0.0.1:{port}\n{tls}audio_player aubridge,none\naudio_source aufile,{tone}\n\
         audio_alert aubridge,none\nmodule_path {modules}\nmodule g711.so\nmodule g722.so\nmodule aufile.so\nmodule aubridge.so\n\
         module srtp.so\nmodule sndfile.so\nsnd_path {folder}\nmodule_app account.so\nmodule_app menu.so\n\
         module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n",
        tone = tone.display(),
        folder = folder.display()
    );
    std::fs::write(folder.join("config"), config).unwrap();
    std::fs::write(folder.join("accounts"), "").unwrap();
    std::fs::write(folder.join("contacts"), "").unwrap();
}

/// A minute of a tone, at a rate in samples per second.
pub fn write_tone(path: &Path, hz: f64, rate: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..rate * 60 {
        let phase = std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate);
        wav.write_sample((8000.0 * phase.sin()) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

impl Handset for Baresip {
    fn registers(&mut self, account: &Account, carrier: Carrier) {
        let Account { number, password } = account;
        let secure = if carrier.is_secure() { ";mediaenc=srtp-mand" } else { "" };
        let account = format!(
            "<sip:{number}@carrier.test>;auth_user={number};auth_pass={password};outbound=\"{}\";regint=60;\
             audio_codecs={}{secure}",
            carrier.uri(),
            self.codec.name()
        );
        self.says("uanew", &account);
        self.events.expects("REGISTER_OK");
    }

    fn dials(&mut self, uri: &str) {
        self.says("dial", uri);
    }

    fn is_rung(&mut self) {
        self.events.expects("CALL_INCOMING");
    }

    fn picks_up(&mut self) {
        self.says("accept", "");
    }

    fn is_connected(&mut self) {
        self.events.expects("CALL_ESTABLISHED");
    }

    fn presses(&mut self, key: char) {
        self.says("sndcode", &key.to_string());
    }

    fn hangs_up(&mut self) {
        self.says("hangup", "");
    }

    fn is_hung_up_on(&mut self) {
        self.events.expects("CALL_CLOSED");
    }

    fn tone(&self) -> f64 {
        self.tone
    }

    fn hears(&mut self, hz: f64) {
        until_heard(hz, || self.heard());
    }
}

/// Waits until half a second of a tone is the last that was heard.
pub fn until_heard(hz: f64, heard: impl Fn() -> Vec<f64>) {
    let started = Instant::now();
    loop {
        let heard = heard();
        let last = heard.get(heard.len().saturating_sub(4000)..).unwrap_or_default();
        if last.len() == 4000 && tones::share(last, hz) > 0.9 {
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "{hz} Hz was never heard in {} samples", heard.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The samples of a file that is being written: its header tells its length only at its end.
pub fn read_samples(path: &Path) -> Vec<f64> {
    let octets = std::fs::read(path).unwrap_or_default();
    let samples = octets.get(44..).unwrap_or_default().chunks_exact(2);
    samples.map(|sample| f64::from(i16::from_le_bytes([sample[0], sample[1]]))).collect()
}

impl Drop for Baresip {
    fn drop(&mut self) {
        end(&mut self.child, &self.folder);
    }
}

#[test]
fn a_softphone_of_another_house_leaves_a_message() {
    if !installed("baresip", "baresip-core", "a_softphone_of_another_house_leaves_a_message") {
        return;
    }
    let more = "direct = \"voicemail\"\n[hotlines.routes.fallback]\nmax_length = \"8s\"\n";
    let daemon = Daemon::start(&[("anna", 9)], more);
    let mut caller = Baresip::start(None);
    caller.has_account("+4915199887766", "");
    // It calls and says its tone until the message is full. Silence in the menu leads on.
    caller.dials(&format!("sip:+4930123456@{}", daemon.address()));
    caller.is_connected();
    caller.is_hung_up_on();
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "voicemail", "{call:#}");
    let message = tones::read(&daemon.message());
    assert!(message.len() > 3 * 8000, "{} samples were recorded", message.len());
    let share = tones::share(&message, caller.tone());
    assert!(share > 0.9, "the caller's tone is in the message: {share:.2}");
}

#[test]
fn a_caller_in_g722_and_a_responder_in_a_law_hear_each_other() {
    if !installed("baresip", "baresip-core", "a_caller_in_g722_and_a_responder_in_a_law_hear_each_other") {
        return;
    }
    let mut anna = Phone::ordinary();
    let trunk = "codecs = [\"PCMA\", \"PCMU\", \"G722\"]";
    let daemon = Daemon::start_with(&[("anna", anna.port())], trunk, "", "");
    let mut caller = Baresip::start_in(Codec::G722, None);
    caller.has_account("+4915199887766", "");
    caller.dials(&format!("sip:+4930123456@{}", daemon.address()));
    // It presses nothing: the menu leads on to anna by itself.
    anna.picks_up(1000.0);
    anna.accepts();
    daemon.wait_for_step("Bridge");
    caller.hears(1000.0);
    let share = (0..3).map(|_| anna.share_of(caller.tone())).fold(0.0, f64::max);
    assert!(share > 0.95, "anna hears the caller: {share:.2}");
    caller.hangs_up();
    assert_eq!(daemon.only_call()["outcome"], "accepted");
    let legs = daemon.legs(2);
    for (leg, (who, codec)) in legs.iter().zip([("caller", "G722"), ("anna", "PCMA")]) {
        assert_eq!((&leg["who"], &leg["codec"]), (&who.into(), &codec.into()), "{leg:#}");
        assert!(leg["packets_received"].as_u64() > Some(50), "{leg:#}");
        assert!(leg["mos_in"].as_f64() > Some(1.0) && leg["no_rtp_in"] == false, "{leg:#}");
    }
    let id = daemon.only_call()["id"].as_str().unwrap().to_owned();
    let shown = String::from_utf8(daemon.prints(&["calls", &id])).unwrap();
    assert!(shown.lines().any(|line| line.starts_with("anna") && line.contains("PCMA")), "{shown}");
}
