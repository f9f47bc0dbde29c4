//! `baresip`, a softphone of another house, as a caller who leaves a message.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::Daemon;
use crate::sipp::{free_port, installed};
use crate::tones;

/// A baresip that speaks a tone and throws away what it hears.
pub fn settings(folder: &Path, port: u16, hz: f64) {
    let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    let modules =
        modules.into_iter().find(|path| Path::new(path).exists()).unwrap_or("/usr/lib/baresip/modules");
    std::fs::create_dir_all(folder).unwrap();
    let tone = folder.join("tone.wav");
    write_tone(&tone, hz);
    let config = format!(
        "sip_listen 127.0.0.1:{port}\naudio_player aubridge,none\naudio_source aufile,{tone}\naudio_alert aubridge,none\n\
         module_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule_app account.so\n\
         module_app menu.so\n",
        tone = tone.display()
    );
    std::fs::write(folder.join("config"), config).unwrap();
    std::fs::write(folder.join("accounts"), "<sip:+4915199887766@127.0.0.1>;regint=0;audio_codecs=PCMA\n")
        .unwrap();
    std::fs::write(folder.join("contacts"), "").unwrap();
}

/// A minute of a tone, at 8 kHz.
fn write_tone(path: &Path, hz: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..8000 * 60 {
        let phase = std::f64::consts::TAU * hz * f64::from(n) / 8000.0;
        wav.write_sample((8000.0 * phase.sin()) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

#[test]
fn a_softphone_of_another_house_leaves_a_message() {
    if !installed("baresip", "baresip-core", "a_softphone_of_another_house_leaves_a_message") {
        return;
    }
    let daemon = Daemon::start(&[("anna", 9)], "direct = \"voicemail\"\n[hotlines.routes.fallback]\n");
    let folder = daemon.folder().join("baresip");
    settings(&folder, free_port(), 440.0);
    // It calls, says its tone, and hangs up when its time is over. Silence in the menu leads on.
    let uri = format!("/dial sip:+4930123456@{}", daemon.address());
    let status = Command::new("baresip")
        .arg("-f")
        .arg(&folder)
        .args(["-e", &uri, "-t", "25"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "voicemail", "baresip ended with {status}: {call:#}");
    let message = tones::read(&daemon.message());
    assert!(message.len() > 3 * 8000, "{} samples were recorded", message.len());
    let share = tones::share(&message, 440.0);
    assert!(share > 0.9, "the caller's tone is in the message: {share:.2}");
}
