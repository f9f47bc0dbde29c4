//! What lands in the files of what phones say, through the media threads and the recorder.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::tests::{Bench, Phone};
use super::*;
use crate::audio::dtmf::{Detector, frequencies};
use crate::audio::g711::linear_to_alaw;
use crate::audio::tone::{Sine, tone};
use crate::call::leg::{Cut, Recorded};
use crate::switch::clip::FRAME;
use crate::switch::recorder::Recorder;
use crate::switch::scratch::Scratch;

const LONGEST: Duration = Duration::from_secs(60);

fn sound(sines: &[f64], ms: u32) -> Vec<i16> {
    let sines: Vec<_> = sines.iter().map(|frequency| Sine { frequency: *frequency, level: -12.0 }).collect();
    tone(&sines, ms, 2)
}

/// Says something in packets of 20 ms, in its own time: another leg, which hears a packet every 20 ms, sets
/// the pace. Of the packets but the first and the last, those are lost that `lost` says.
fn say(phone: &mut Phone, pace: &Phone, samples: &[i16], mut lost: impl FnMut() -> bool) {
    let frames = samples.chunks(FRAME).count();
    for (n, frame) in samples.chunks(FRAME).enumerate() {
        pace.hear();
        let octets: Vec<u8> = frame.iter().map(|sample| linear_to_alaw(*sample)).collect();
        if n > 0 && n + 1 < frames && lost() {
            phone.leave_out(1);
        } else {
            phone.say(8, 7000 + (n * FRAME) as u32, &octets);
        }
    }
}

/// Waits until the thread has taken the newest packet of a phone: an order given then comes after it.
fn settle(phone: &Phone, sent: u64) {
    let statistics = phone.stream.statistics();
    while statistics.packets_received.get() < sent {
        phone.hear();
    }
}

fn read(folder: &Scratch, name: &str) -> Vec<i16> {
    let reader = hound::WavReader::open(folder.path().join(name)).expect("a WAV");
    reader.into_samples().map(|sample| sample.expect("whole")).collect()
}

#[test]
fn with_a_third_of_the_packets_lost_a_message_has_its_true_length() {
    let bench = Bench::new(25_500..=25_519);
    let (folder, mut rng) = (Scratch::new(), StdRng::seed_from_u64(40));
    let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
    let (mut phone, pace) = (bench.configured(|_| {}), bench.configured(|_| {}));
    let (done, recorded) = oneshot::channel();
    phone.stream.record(recorder.message("a.wav", crate::call::leg::Limits::longest(LONGEST), done));
    let mut gone = 0;
    say(&mut phone, &pace, &sound(&[300.0], 3000), || {
        let lost = rng.random_range(0..10) < 3;
        gone += u64::from(lost);
        lost
    });
    assert!((30..60).contains(&gone), "{gone} of 150 were lost");
    settle(&phone, 150 - gone);
    phone.stream.stop_recording(Cut::Nothing);
    let recorded = recorded.blocking_recv().expect("told");
    assert!(recorded.kept && !recorded.truncated, "{recorded:?}");
    let samples = read(&folder, "a.wav");
    let sounds = |sample: &i16| sample.unsigned_abs() > 100;
    let (first, last) = (samples.iter().position(sounds), samples.iter().rposition(sounds));
    let length = last.expect("heard") - first.expect("heard");
    assert!(length.abs_diff(3000 * 8) <= 160, "{length} samples instead of 24000");
}

#[test]
fn a_call_is_recorded_with_both_sides_in_step_and_without_the_keys() {
    let bench = Bench::new(25_520..=25_539);
    let folder = Scratch::new();
    let recorder = Recorder::start(folder.path().to_owned()).expect("a recorder");
    let mut caller = bench.configured(|p| {
        p.telephone_event = None;
        p.in_band = InBand::WhenNoEventsAgreed;
    });
    let (mut responder, pace) = (bench.configured(|_| {}), bench.configured(|_| {}));
    let (done, recorded) = oneshot::channel();
    caller.stream.bridge(&responder.stream);
    let ([left, right], _) = recorder.call("a.call.wav", done);
    caller.stream.record(left);
    responder.stream.record(right);
    let pin: Vec<i16> = "4711"
        .chars()
        .flat_map(|key| [sound(&frequencies(key).expect("a key"), 80), vec![0; 640]].concat())
        .collect();
    say(&mut caller, &pace, &[sound(&[300.0], 200), pin, sound(&[300.0], 200)].concat(), || false);
    say(&mut responder, &pace, &sound(&[500.0], 200), || false);
    settle(&caller, 52);
    settle(&responder, 10);
    drop((caller, responder));
    let recorded = recorded.blocking_recv().expect("told");
    assert_eq!(recorded, Recorded { duration_ms: recorded.duration_ms, kept: true, ..Recorded::NOTHING });
    let frames = read(&folder, "a.call.wav");
    let [left, right]: [Vec<i16>; 2] =
        [0, 1].map(|side| frames.chunks_exact(2).map(|frame| frame[side]).collect());
    let loud = |samples: &[i16]| samples.iter().filter(|sample| sample.unsigned_abs() > 1000).count();
    assert_eq!(Detector::new(8000).process(&left), [], "a key can be read out of the recording");
    let begin = left.iter().position(|sample| sample.unsigned_abs() > 1000).expect("the caller is heard");
    // 20 ms may be silent at either end of a key.
    assert_eq!(loud(&left[begin + 1600 + 160..begin + 6720 - 320]), 0, "the tone of a key can be heard");
    assert!(loud(&left[begin..begin + 1600]) > 800 && loud(&left[begin + 6720..begin + 8320]) > 800);
    // The responder spoke when the caller was done.
    let answer =
        right.iter().position(|sample| sample.unsigned_abs() > 1000).expect("the responder is heard");
    assert!((answer - begin).abs_diff(8320) <= 800, "{} samples apart", answer - begin);
}
