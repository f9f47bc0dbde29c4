use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::file::{Growing, Recording};
use super::*;
use crate::audio::tone::{Sine, tone};
use crate::audio::wav;
use crate::switch::scratch::Scratch;

const SECOND: usize = 8000;

fn speech(ms: u32) -> Vec<i16> {
    tone(&[Sine { frequency: 300.0, level: -20.0 }], ms, 0)
}

/// Records with a real recorder: what was heard, when, and how much to cut at the end.
fn record(scratch: &Scratch, heard: &[(u64, Vec<i16>)], cut: u64) -> Recorded {
    let recorder = Recorder::start().unwrap();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder.open(scratch.path().join("x.wav"), done);
    for (at, samples) in heard {
        for (n, packet) in samples.chunks(160).enumerate() {
            tap.write(at + 160 * n as u64, packet);
        }
    }
    tap.finish(cut);
    recorded.blocking_recv().unwrap()
}

fn read(scratch: &Scratch) -> Vec<i16> {
    let mut reader = hound::WavReader::open(scratch.path().join("x.wav")).unwrap();
    assert_eq!(reader.spec().sample_rate, 8000);
    reader.samples().map(Result::unwrap).collect()
}

fn names(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(scratch.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn kept(duration_ms: u64) -> Recorded {
    Recorded { kept: true, duration_ms, truncated: false }
}

const DROPPED: Recorded = Recorded { kept: false, duration_ms: 0, truncated: false };

#[test]
fn what_was_said_is_in_the_file_and_only_we_may_read_it() {
    let scratch = Scratch::new();
    assert_eq!(record(&scratch, &[(0, speech(1000))], 0), kept(1000));
    assert_eq!(read(&scratch), speech(1000));
    assert_eq!(names(&scratch), ["x.wav"]);
    let mode = fs::metadata(scratch.path().join("x.wav")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn lost_packets_are_silence_of_their_length() {
    let scratch = Scratch::new();
    record(&scratch, &[(800, speech(100)), (3200, speech(100))], 0);
    let expected = [vec![0; 800], speech(100), vec![0; 1600], speech(100)].concat();
    assert_eq!(read(&scratch), expected);
}

#[test]
fn the_finishing_key_and_the_silence_before_it_are_cut() {
    let scratch = Scratch::new();
    let heard = [speech(500), vec![0; 2 * SECOND], speech(100)].concat();
    assert_eq!(record(&scratch, &[(0, heard)], 800), kept(800));
    assert_eq!(read(&scratch), [speech(500), vec![0; 2400]].concat());
}

#[test]
fn a_short_word_is_kept() {
    let scratch = Scratch::new();
    let recorded = record(&scratch, &[(0, [vec![0; SECOND], speech(80), vec![0; 80]].concat())], 0);
    assert_eq!(recorded, kept(1090));
}

#[test]
fn a_whisper_is_not_taken_for_silence() {
    let scratch = Scratch::new();
    let whisper = tone(&[Sine { frequency: 300.0, level: -58.0 }], 2000, 0);
    assert_eq!(record(&scratch, &[(0, whisper)], 0), kept(2000));
}

#[test]
fn a_recording_of_nothing_leaves_no_file() {
    let digital_silence = [8, -8, 0].repeat(SECOND);
    let only_the_key = [vec![0; SECOND], speech(100)].concat();
    for (heard, cut) in [(vec![], 0), (digital_silence, 0), (only_the_key, 800), (speech(10), u64::MAX)] {
        let scratch = Scratch::new();
        assert_eq!(record(&scratch, &[(0, heard)], cut), DROPPED);
        assert_eq!(names(&scratch), [""; 0]);
    }
}

#[test]
fn a_tap_that_is_let_go_of_ends_its_recording() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let mut tap = Recorder::start().unwrap().open(scratch.path().join("x.wav"), done);
    tap.write(0, &speech(200));
    drop(tap);
    assert_eq!(recorded.blocking_recv().unwrap(), kept(200));
}

#[test]
fn a_clock_that_jumps_neither_fills_the_disk_nor_drowns_what_is_said_next() {
    let scratch = Scratch::new();
    let heard = [(0, speech(100)), (u64::MAX - 80, speech(20)), (1 << 40, speech(20)), (800, speech(100))];
    assert_eq!(record(&scratch, &heard, 0), kept(200));
    assert_eq!(read(&scratch), speech(100).repeat(2));
}

#[test]
fn a_recording_has_an_end_even_if_nobody_ends_it() {
    let scratch = Scratch::new();
    let mut growing = Growing::create(&scratch.path().join("x.wav")).unwrap();
    for _ in 0..2 {
        growing.write(15 * 60 * SECOND as u64 - 100, &speech(100)).unwrap();
    }
    growing.sync().unwrap();
    drop(growing);
    assert_eq!(read(&scratch).len(), 15 * 60 * SECOND);
}

#[test]
fn samples_the_disk_has_no_time_for_are_dropped_and_told() {
    let scratch = Scratch::new();
    let recorder = Recorder::start().unwrap();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder.open(scratch.path().join("x.wav"), done);
    tap.write(0, &speech(100));
    tap.hand_over();
    recorder.queue.waiting.fetch_add(MAX_WAITING, Ordering::Relaxed);
    tap.write(800, &speech(100));
    tap.hand_over();
    recorder.queue.waiting.fetch_sub(MAX_WAITING, Ordering::Relaxed);
    tap.write(1600, &speech(100));
    tap.finish(0);
    assert_eq!(recorded.blocking_recv().unwrap(), Recorded { truncated: true, ..kept(300) });
    assert_eq!(read(&scratch), [speech(100), vec![0; 800], speech(100)].concat());
}

#[test]
fn a_folder_that_is_not_there_is_told_and_nothing_breaks() {
    let scratch = Scratch::new();
    let recorder = Recorder::start().unwrap();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder.open(scratch.path().join("none/x.wav"), done);
    tap.write(0, &speech(100));
    drop(tap);
    assert_eq!(recorded.blocking_recv().unwrap(), Recorded { truncated: true, ..DROPPED });
    assert_eq!(record(&scratch, &[(0, speech(100))], 0), kept(100), "the next one is recorded");
}

#[test]
fn when_the_disk_fails_what_is_on_it_is_kept() {
    let scratch = Scratch::new();
    let mut recording = Recording::create(scratch.path().join("x.wav"));
    recording.write(0, &speech(700));
    recording.sync();
    // From here on writing fails: the file can only be read.
    let broken = File::open(scratch.path().join("x.wav.part")).unwrap();
    recording.break_with(wav::Writer::new(BufWriter::new(broken), 8000).unwrap());
    recording.write(0, &speech(700));
    recording.sync();
    assert_eq!(recording.finish(0, 0), Recorded { truncated: true, ..kept(700) });
    assert_eq!(read(&scratch), speech(700));
}

#[test]
fn a_message_of_which_nothing_reached_the_disk_is_lost_and_not_called_kept() {
    let scratch = Scratch::new();
    let mut recording = Recording::create(scratch.path().join("x.wav"));
    let broken = File::open(scratch.path().join("x.wav.part")).unwrap();
    recording.break_with(wav::Writer::new(BufWriter::new(broken), 8000).unwrap());
    File::options().write(true).open(scratch.path().join("x.wav.part")).unwrap().set_len(0).unwrap();
    recording.write(0, &speech(700));
    recording.sync();
    assert_eq!(recording.finish(0, 0), Recorded { truncated: true, ..DROPPED });
    assert!(names(&scratch).is_empty(), "no empty file is left behind");
}

/// Leaves a file as a killed daemon does.
fn crash(scratch: &Scratch, synced: &[i16], written: &[i16]) {
    let mut recording = Recording::create(scratch.path().join("x.wav"));
    recording.write(0, synced);
    recording.sync();
    recording.write(synced.len() as u64, written);
    std::mem::forget(recording);
}

#[test]
fn after_a_crash_all_that_was_synced_is_in_the_repaired_file() {
    let scratch = Scratch::new();
    crash(&scratch, &speech(1000), &[]);
    let repaired = repair_all(scratch.path()).unwrap();
    assert_eq!(repaired, [Repaired { name: "x.wav".to_owned(), duration_ms: 1000, kept: true }]);
    assert_eq!(read(&scratch), speech(1000));
    assert_eq!(names(&scratch), ["x.wav"]);
    assert_eq!(repair_all(scratch.path()).unwrap(), [], "once is enough");
}

#[test]
fn what_reached_the_disk_after_the_last_sync_counts_too() {
    let scratch = Scratch::new();
    crash(&scratch, &speech(1000), &speech(1000));
    let repaired = repair_all(scratch.path()).unwrap();
    // The last octets were still in the daemon's buffer of 8 KiB.
    assert!((1480..2000).contains(&repaired[0].duration_ms), "{repaired:?}");
    assert_eq!(read(&scratch).len() as u64, repaired[0].duration_ms * 8);
}

#[test]
fn a_crash_before_the_first_word_leaves_no_file() {
    let scratch = Scratch::new();
    crash(&scratch, &[], &[]);
    File::create(scratch.path().join("y.wav.part")).unwrap();
    let repaired = repair_all(scratch.path()).unwrap();
    let none = |name: &str| Repaired { name: name.to_owned(), duration_ms: 0, kept: false };
    assert_eq!(repaired, [none("x.wav"), none("y.wav")]);
    assert_eq!(names(&scratch), [""; 0]);
}

#[test]
fn what_is_no_recording_of_ours_stays_untouched() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("notes.wav.part"), [7; 100]).unwrap();
    fs::write(scratch.path().join("other.part"), "hands off").unwrap();
    fs::write(scratch.path().join("old.wav"), "hands off").unwrap();
    assert!(!repair_all(scratch.path()).unwrap()[0].kept);
    assert_eq!(names(&scratch), ["notes.wav.part", "old.wav", "other.part"]);
}

#[test]
fn a_repair_never_overwrites_a_recording() {
    let scratch = Scratch::new();
    crash(&scratch, &speech(100), &[]);
    fs::write(scratch.path().join("x.wav"), "the first").unwrap();
    assert!(!repair_all(scratch.path()).unwrap()[0].kept);
    assert_eq!(fs::read(scratch.path().join("x.wav")).unwrap(), b"the first");
    assert_eq!(names(&scratch), ["x.wav", "x.wav.part"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Packets in any order, with gaps and copies: each sample is the first that came for its
    /// place, unless something later in time came before it.
    #[test]
    fn every_sample_has_its_place(packets in prop::collection::vec((0_u64..3000, 1_usize..400), 1..12)) {
        let scratch = Scratch::new();
        let mut growing = Growing::create(&scratch.path().join("x.wav")).unwrap();
        let mut expected: Vec<i16> = Vec::new();
        for (n, (at, len)) in packets.into_iter().enumerate() {
            let packet = vec![1000 + n as i16; len];
            growing.write(at, &packet).unwrap();
            expected.resize(expected.len().max(at as usize), 0);
            let known = expected.len() - at as usize;
            expected.extend(packet.get(known..).unwrap_or_default());
        }
        growing.sync().unwrap();
        drop(growing);
        prop_assert_eq!(read(&scratch), expected);
    }
}
