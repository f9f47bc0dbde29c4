//! `baresip`, a softphone of another house, as a caller: who leaves a message, and who speaks G.722.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::sipp::{free_port, installed};
use crate::tones;

/// A baresip that speaks a tone and throws away what it hears.
pub fn settings(folder: &Path, port: u16, hz: f64) {
    let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    let modules =
        modules.into_iter().find(|path| Path::new(path).exists()).unwrap_or("/usr/lib/baresip/modules");
    std::fs::create_dir_all(folder).unwrap();
    let tone = folder.join("tone.wav");
    write_tone(&tone, hz, 8000);
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

/// A minute of a tone, at this rate.
fn write_tone(path: &Path, hz: f64, rate: u32) {
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

/// A baresip that speaks 440 Hz in G.722 and nothing else, and keeps what it hears.
fn wide_band_settings(folder: &Path) {
    settings(folder, free_port(), 440.0);
    write_tone(&folder.join("tone.wav"), 440.0, 16_000);
    let config = std::fs::read_to_string(folder.join("config")).unwrap();
    let config = config.replace("module g711.so", "module g722.so\nmodule sndfile.so");
    std::fs::write(folder.join("config"), format!("{config}snd_path {}\n", folder.display())).unwrap();
    let account = "<sip:+4915199887766@127.0.0.1>;regint=0;audio_codecs=G722/16000\n";
    std::fs::write(folder.join("accounts"), account).unwrap();
}

/// What it heard, at 8 kHz: every other sample, for above 4 kHz there is next to nothing.
fn what_it_heard(folder: &Path) -> Vec<f64> {
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let heard =
        files.filter(|path| path.to_string_lossy().ends_with("dec.wav")).max().expect("it heard something");
    tones::read(&heard).into_iter().step_by(2).collect()
}

#[test]
fn a_caller_in_g722_and_a_responder_in_a_law_hear_each_other() {
    if !installed("baresip", "baresip-core", "a_caller_in_g722_and_a_responder_in_a_law_hear_each_other") {
        return;
    }
    let mut anna = Phone::ordinary();
    let trunk = "codecs = [\"PCMA\", \"PCMU\", \"G722\"]";
    let daemon = Daemon::start_with(&[("anna", anna.port())], trunk, "", "");
    let folder = daemon.folder().join("baresip");
    wide_band_settings(&folder);
    let uri = format!("/dial sip:+4930123456@{}", daemon.address());
    let mut baresip = Command::new("baresip")
        .arg("-f")
        .arg(&folder)
        .args(["-e", &uri, "-t", "30"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its caller presses nothing: the menu leads on to anna by itself.
    anna.picks_up(1000.0);
    anna.presses('1');
    daemon.wait_for_step("Bridge");
    let share = (0..3).map(|_| anna.share_of(440.0)).fold(0.0, f64::max);
    assert!(share > 0.95, "anna hears the caller: {share:.2}");
    baresip.wait().unwrap();
    let heard = what_it_heard(&folder);
    let end = &heard[heard.len().saturating_sub(8000)..];
    let share = tones::share(end, 1000.0);
    assert!(share > 0.95, "the caller hears anna: {share:.2}");
    assert_eq!(daemon.only_call()["outcome"], "accepted");
}
