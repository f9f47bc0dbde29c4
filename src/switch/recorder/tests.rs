use std::fs;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::file::Growing;
use super::inbox::MAX_WAITING;
use super::recording::Recording;
use super::*;
use crate::audio::tone::{Sine, tone};
use crate::audio::wav;
use crate::switch::scratch::Scratch;

const SECOND: usize = 8000;
const LONGEST: Duration = Duration::from_secs(15 * 60);

fn recorder(scratch: &Scratch) -> Recorder {
    Recorder::start(scratch.path().to_owned()).unwrap()
}

fn speech(ms: u32) -> Vec<i16> {
    tone(&[Sine { frequency: 300.0, level: -20.0 }], ms, 0)
}

/// Records with a real recorder: what was heard, when, and where the recording ends.
fn record(scratch: &Scratch, heard: &[(u64, Vec<i16>)], end: u64) -> Recorded {
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder(scratch).message("x.wav", Limits::longest(LONGEST), done);
    for (at, samples) in heard {
        say(&mut tap, *at, samples);
    }
    tap.finish_at(end);
    recorded.blocking_recv().unwrap()
}

/// Says something from a place on, in packets of 20 ms.
fn say(tap: &mut Tap, at: u64, samples: &[i16]) {
    for (n, packet) in samples.chunks(160).enumerate() {
        tap.write(at.saturating_add(160 * n as u64), packet);
    }
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
    Recorded { kept: true, duration_ms, ..Recorded::NOTHING }
}

const ALL: u64 = u64::MAX;

#[test]
fn what_was_said_is_in_the_file_and_only_we_may_read_it() {
    let scratch = Scratch::new();
    assert_eq!(record(&scratch, &[(0, speech(1000))], ALL), kept(1000));
    assert_eq!(read(&scratch), speech(1000));
    assert_eq!(names(&scratch), ["x.wav"]);
    let mode = fs::metadata(scratch.path().join("x.wav")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn lost_packets_are_silence_of_their_length() {
    let scratch = Scratch::new();
    record(&scratch, &[(800, speech(100)), (3200, speech(100))], ALL);
    let expected = [vec![0; 800], speech(100), vec![0; 1600], speech(100)].concat();
    assert_eq!(read(&scratch), expected);
}

#[test]
fn the_finishing_key_and_the_silence_before_it_are_cut() {
    let scratch = Scratch::new();
    let heard = [speech(500), vec![0; 2 * SECOND], speech(100)].concat();
    assert_eq!(record(&scratch, &[(0, heard)], 20_000), kept(800));
    assert_eq!(read(&scratch), [speech(500), vec![0; 2400]].concat());
}

#[test]
fn a_short_word_is_kept() {
    let scratch = Scratch::new();
    let recorded = record(&scratch, &[(0, [vec![0; SECOND], speech(80), vec![0; 80]].concat())], ALL);
    assert_eq!(recorded, kept(1090));
}

/// A message with this sound in it, of which so much at least is kept.
fn kept_from(scratch: &Scratch, sound: &[i16], least: u64) -> Recorded {
    let (done, recorded) = oneshot::channel();
    let limits = Limits { least: Duration::from_millis(least), ..Limits::longest(LONGEST) };
    let mut tap = recorder(scratch).message("x.wav", limits, done);
    say(&mut tap, 8000, sound);
    tap.finish_at(16_000);
    recorded.blocking_recv().unwrap()
}

#[test]
fn less_sound_than_a_message_needs_leaves_no_file_and_says_how_much_it_was() {
    let scratch = Scratch::new();
    assert_eq!(kept_from(&scratch, &speech(100), 200), Recorded { duration_ms: 100, ..Recorded::NOTHING });
    assert_eq!(names(&scratch), [""; 0]);
    assert!(kept_from(&scratch, &speech(300), 200).kept);
    assert_eq!(names(&scratch), ["x.wav"]);
}

#[test]
fn a_message_that_is_recorded_again_is_replaced_only_by_one_that_is_kept() {
    let scratch = Scratch::new();
    assert!(kept_from(&scratch, &speech(500), 0).kept);
    let first = read(&scratch);
    assert!(!kept_from(&scratch, &speech(100), 200).kept);
    assert_eq!(read(&scratch), first);
    assert!(kept_from(&scratch, &speech(900), 200).kept);
    assert!(read(&scratch).len() > first.len());
    assert_eq!(names(&scratch), ["x.wav"]);
}

#[test]
fn what_was_recorded_can_be_played_again_with_both_its_sides() {
    let scratch = Scratch::new();
    let recorder = recorder(&scratch);
    assert!(kept_from(&scratch, &speech(500), 0).kept);
    assert_eq!(recorder.load("x.wav").unwrap(), read(&scratch));
    let (done, recorded) = oneshot::channel();
    let ([mut left, mut right], _) = recorder.call("y.wav", done);
    left.write(0, &[100; 160]);
    right.write(0, &[20; 160]);
    drop((left, right));
    assert!(recorded.blocking_recv().unwrap().kept);
    assert_eq!(recorder.load("y.wav").unwrap()[..160], [120; 160]);
    assert!(recorder.load("z.wav").is_err());
    fs::write(scratch.path().join("z.wav"), "no sound").unwrap();
    assert!(recorder.load("z.wav").is_err());
}

#[test]
fn a_whisper_is_not_taken_for_silence() {
    let scratch = Scratch::new();
    let sound = |level| tone(&[Sine { frequency: 300.0, level }], 200, 5);
    let whisper = [sound(-53.0), sound(-61.0), vec![0; 800]].concat().repeat(5);
    assert_eq!(record(&scratch, &[(0, whisper)], ALL), kept(2500));
}

#[test]
fn a_recording_of_nothing_leaves_no_file() {
    let digital_silence = [8, -8, 0].repeat(SECOND);
    let noise =
        tone(&[Sine { frequency: 1300.0, level: -57.0 }, Sine { frequency: 320.0, level: -57.0 }], 3000, 0);
    let only_the_key = [vec![0; SECOND], speech(100)].concat();
    let nothing =
        [(vec![], ALL), (digital_silence, ALL), (noise, ALL), (only_the_key, 8000), (speech(10), 0)];
    for (heard, end) in nothing {
        let scratch = Scratch::new();
        assert_eq!(record(&scratch, &[(0, heard)], end), Recorded::NOTHING);
        assert_eq!(names(&scratch), [""; 0]);
    }
}

#[test]
fn a_tap_that_is_let_go_of_ends_its_recording() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder(&scratch).message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(200));
    drop(tap);
    assert_eq!(recorded.blocking_recv().unwrap(), kept(200));
}

#[test]
fn a_message_that_is_thrown_away_leaves_no_file_and_its_name_is_free() {
    let scratch = Scratch::new();
    let recorder = recorder(&scratch);
    for word in [speech(300), speech(100)] {
        let (done, recorded) = oneshot::channel();
        let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
        tap.write(0, &word);
        tap.discard();
        assert_eq!(recorded.blocking_recv().unwrap(), Recorded::NOTHING);
        assert_eq!(names(&scratch), [""; 0]);
    }
    assert_eq!(record(&scratch, &[(0, speech(200))], ALL), kept(200));
}

#[test]
fn the_tone_of_a_key_is_not_in_the_recording() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder(&scratch).message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(500));
    tap.write(4000, &speech(40));
    tap.mute(4000 - 80);
    tap.write(4320, &speech(20));
    tap.mute(4000 - 80);
    tap.write(4480, &speech(500));
    drop(tap);
    assert_eq!(recorded.blocking_recv().unwrap(), kept(1060));
    let expected = [&speech(500)[..3920], &[0; 560], &speech(500)].concat();
    assert_eq!(read(&scratch), expected);
}

#[test]
fn a_message_ends_by_itself_once_nothing_was_said_for_so_long() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let silence = Some(Duration::from_millis(800));
    let mut tap = recorder(&scratch).message("x.wav", Limits { silence, ..Limits::longest(LONGEST) }, done);
    say(&mut tap, 0, &[vec![0; 160], speech(200)].concat());
    // The tap is still held: nobody ends the message.
    let ended = recorded.blocking_recv().unwrap();
    assert_eq!(ended, Recorded { silence: true, duration_ms: ended.duration_ms, ..kept(0) });
    assert!((220..=520).contains(&ended.duration_ms), "{ended:?}");
    tap.write(9000, &speech(100));
    drop(tap);
    assert_eq!(read(&scratch)[160..1760], speech(200));
}

#[test]
fn of_a_caller_who_never_says_anything_nothing_is_kept() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let silence = Some(Duration::from_millis(300));
    let tap = recorder(&scratch).message("x.wav", Limits { silence, ..Limits::longest(LONGEST) }, done);
    let ended = recorded.blocking_recv().unwrap();
    assert_eq!(ended, Recorded { silence: true, ..Recorded::NOTHING });
    assert_eq!(names(&scratch), [""; 0]);
    drop(tap);
}

/// The two channels of a file.
fn sides(scratch: &Scratch, name: &str) -> (Vec<i16>, Vec<i16>) {
    let mut reader = hound::WavReader::open(scratch.path().join(name)).unwrap();
    assert_eq!(reader.spec().channels, 2);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    samples.chunks_exact(2).map(|frame| (frame[0], frame[1])).unzip()
}

#[test]
fn a_call_has_the_caller_on_the_left_and_the_responder_on_the_right_at_their_true_places() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let ([mut left, mut right], _) = recorder(&scratch).call("x.call.wav", done);
    right.write(1600, &[-7; 800]);
    left.write(0, &[5; 2000]);
    // One side goes on alone, and leaves its silence in.
    drop(left);
    say(&mut right, 4000, &[vec![-9; 8000], vec![0; 4000]].concat());
    drop(right);
    assert_eq!(recorded.blocking_recv().unwrap(), kept(2000));
    let (caller, responder) = sides(&scratch, "x.call.wav");
    assert_eq!(caller, [vec![5; 2000], vec![0; 14_000]].concat());
    let expected = [vec![0; 1600], vec![-7; 800], vec![0; 1600], vec![-9; 8000], vec![0; 4000]].concat();
    assert_eq!(responder, expected);
}

#[test]
fn who_joins_a_call_is_heard_on_the_right_beside_the_one_who_is_there_from_then_on() {
    let scratch = Scratch::new();
    let (done, recorded) = oneshot::channel();
    let ([mut left, mut right], joint) = recorder(&scratch).call("x.call.wav", done);
    let mut third = joint.join().expect("it is recorded");
    let joined = usize::try_from(third.offset).unwrap();
    left.write(0, &vec![5; joined + 800]);
    right.write(0, &vec![30_000; joined + 400]);
    third.write(0, &[[7; 200], [20_000; 200]].concat());
    // The first one leaves, and the third goes on.
    drop(right);
    third.write(400, &[-9; 400]);
    drop((left, third));
    let length = (joined as u64 + 800) / 8;
    assert_eq!(recorded.blocking_recv().unwrap(), kept(length));
    assert!(joint.join().is_none(), "it is over");
    let (caller, responders) = sides(&scratch, "x.call.wav");
    assert_eq!(caller, vec![5; joined + 800]);
    let expected = [vec![30_000; joined], vec![30_007; 200], vec![i16::MAX; 200], vec![-9; 400]].concat();
    assert_eq!(responders, expected);
}

#[test]
fn a_call_that_a_crash_cut_off_is_repaired_with_both_sides() {
    let scratch = Scratch::new();
    let part = scratch.path().join("x.call.wav.part");
    let mut growing = Growing::create(&part, 2, 80_000).unwrap();
    growing.take(0, &sound(0, &[3; 8000]), 0, &mut |_| {}).unwrap();
    growing.take(1, &sound(4000, &[-3; 8000]), 0, &mut |_| {}).unwrap();
    growing.complete(&mut |_| {}).unwrap();
    drop(growing);
    let expected = Repaired { name: "x.call.wav".to_owned(), duration_ms: 1500, kept: true };
    assert_eq!(repair_all(scratch.path()).unwrap(), [expected]);
    let (caller, responder) = sides(&scratch, "x.call.wav");
    assert_eq!(caller, [vec![3; 8000], vec![0; 4000]].concat());
    assert_eq!(responder, [vec![0; 4000], vec![-3; 8000]].concat());
}

/// What has come on a channel, in one piece.
fn sound(at: u64, samples: &[i16]) -> Inlet {
    let mut inlet = Inlet::default();
    inlet.push(at, samples);
    inlet
}

/// A recorder whose syncs are counted, and answered as is wished; `true`: an error.
fn watched(scratch: &Scratch, fails: fn(usize) -> bool) -> (Recorder, Arc<AtomicUsize>) {
    let syncs = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&syncs);
    let sync_all = move |_: &File| match fails(count.fetch_add(1, Ordering::SeqCst) + 1) {
        true => Err(io::Error::from_raw_os_error(5)),
        false => Ok(()),
    };
    (Recorder::start_with(scratch.path().to_owned(), Box::new(sync_all)).unwrap(), syncs)
}

#[test]
fn one_sync_serves_all_recordings() {
    let scratch = Scratch::new();
    let (recorder, syncs) = watched(&scratch, |_| false);
    let begin = Instant::now();
    let (taps, ended): (Vec<_>, Vec<_>) = (0..20)
        .map(|n| {
            let (done, ended) = oneshot::channel();
            (recorder.message(&format!("{n}.wav"), Limits::longest(LONGEST), done), ended)
        })
        .unzip();
    let mut taps = taps;
    while syncs.load(Ordering::SeqCst) < 2 {
        let at = begin.elapsed().as_millis() as u64 * 8;
        taps.iter_mut().for_each(|tap| tap.write(at, &speech(10)));
        thread::park_timeout(Duration::from_millis(10));
    }
    assert!(begin.elapsed() >= Duration::from_millis(800), "a second sync at once");
    drop(taps);
    assert!(ended.into_iter().all(|ended| ended.blocking_recv().unwrap().kept));
    // Those that end together are synced together, too; a visit may have split them in two.
    let (all, elapsed) = (syncs.load(Ordering::SeqCst), begin.elapsed().as_millis() / 800);
    assert!(all as u128 <= elapsed + 6, "{all} syncs");
}

#[test]
fn a_sync_that_failed_is_never_taken_back() {
    let scratch = Scratch::new();
    let (recorder, syncs) = watched(&scratch, |nth| nth == 1);
    let (done, ended) = oneshot::channel();
    let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(200));
    for sync in 1..=2 {
        while syncs.load(Ordering::SeqCst) < sync {
            thread::park_timeout(Duration::from_millis(10));
            tap.write(1600, &speech(200));
        }
        tap.write(1600 * (1 + sync as u64), &speech(200));
    }
    drop(tap);
    let ended = ended.blocking_recv().unwrap();
    assert!(ended.kept && ended.truncated, "{ended:?}");
    // What begins after it is not concerned.
    let (done, ended) = oneshot::channel();
    let mut tap = recorder.message("y.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(200));
    drop(tap);
    assert_eq!(ended.blocking_recv().unwrap(), kept(200));
}

#[test]
fn a_disk_that_needs_long_to_sync_holds_up_no_writing() {
    let scratch = Scratch::new();
    let held = Arc::new(Mutex::new(()));
    let disk = Arc::clone(&held);
    let stuck = held.lock().unwrap();
    let sync_all = move |_: &File| {
        drop(disk.lock().unwrap());
        Ok(())
    };
    let recorder = Recorder::start_with(scratch.path().to_owned(), Box::new(sync_all)).unwrap();
    let (done, ended) = oneshot::channel();
    let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
    let part = scratch.path().join("x.wav.part");
    let (mut at, begin) = (0, Instant::now());
    // Past the third sync that is due, and with nothing but what is held back missing.
    while fs::metadata(&part).map_or(0, |file| file.len()) < 44 + 3 * 16_000 {
        assert!(begin.elapsed() < Duration::from_secs(30), "nothing is written");
        tap.write(at, &speech(20));
        at += 160;
        thread::park_timeout(Duration::from_millis(5));
    }
    drop(stuck);
    drop(tap);
    let ended = ended.blocking_recv().unwrap();
    assert!(ended.kept && !ended.truncated && ended.duration_ms >= at / 8, "{ended:?}");
}

#[test]
fn while_something_is_recorded_its_file_can_be_played() {
    let scratch = Scratch::new();
    let (done, _ended) = oneshot::channel();
    let (recorder, syncs) = watched(&scratch, |_| false);
    let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(600));
    while syncs.load(Ordering::SeqCst) < 1 {
        thread::park_timeout(Duration::from_millis(10));
    }
    let reader = hound::WavReader::open(scratch.path().join("x.wav.part")).unwrap();
    assert!(reader.duration() >= 3600, "{} samples", reader.duration());
}

#[test]
fn room_is_kept_for_what_is_being_recorded() {
    let scratch = Scratch::new();
    let recorder = recorder(&scratch);
    assert_eq!(recorder.has_room_for_message(LONGEST), Ok(()));
    assert_eq!(recorder.has_room_for_call(), Ok(()));
    let ages = Duration::from_secs(1 << 40);
    let why = recorder.has_room_for_message(ages).unwrap_err();
    assert!(why.contains("MiB are free on the disk"), "{why}");
    let (done, ended) = oneshot::channel();
    let tap = recorder.message("x.wav", Limits::longest(ages), done);
    assert!(recorder.has_room_for_message(LONGEST).is_err(), "it is promised to another one");
    drop(tap);
    assert_eq!(ended.blocking_recv().unwrap(), Recorded::NOTHING);
    assert_eq!(recorder.has_room_for_message(LONGEST), Ok(()));
    fs::remove_dir(scratch.path()).unwrap();
    assert!(recorder.has_room_for_call().unwrap_err().contains("No such file"));
    fs::create_dir(scratch.path()).unwrap();
}

#[test]
fn a_clock_that_jumps_neither_fills_the_disk_nor_drowns_what_is_said_next() {
    let scratch = Scratch::new();
    let heard = [(0, speech(100)), (u64::MAX - 80, speech(20)), (1 << 40, speech(20)), (800, speech(100))];
    assert_eq!(record(&scratch, &heard, ALL), kept(200));
    assert_eq!(read(&scratch), speech(100).repeat(2));
}

#[test]
fn a_recording_has_an_end_even_if_nobody_ends_it() {
    let scratch = Scratch::new();
    let longest = 60 * SECOND as u64;
    let mut growing = Growing::create(&scratch.path().join("x.wav"), 1, longest).unwrap();
    for _ in 0..2 {
        growing.take(0, &sound(longest - 100, &speech(100)), longest, &mut |_| {}).unwrap();
    }
    growing.complete(&mut |_| {}).unwrap();
    growing.flush().unwrap();
    drop(growing);
    assert_eq!(read(&scratch).len(), 60 * SECOND);
}

#[test]
fn samples_the_disk_has_no_time_for_are_dropped_and_told() {
    let scratch = Scratch::new();
    let recorder = recorder(&scratch);
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(100));
    while !recorder.waiting.take(MAX_WAITING) {
        thread::park_timeout(Duration::from_millis(10));
    }
    tap.write(800, &speech(100));
    recorder.waiting.give_back(MAX_WAITING);
    tap.write(1600, &speech(100));
    drop(tap);
    assert_eq!(recorded.blocking_recv().unwrap(), Recorded { truncated: true, ..kept(300) });
    assert_eq!(read(&scratch), [speech(100), vec![0; 800], speech(100)].concat());
}

#[test]
fn a_folder_that_is_gone_is_told_at_once_and_nothing_breaks() {
    let scratch = Scratch::new();
    let recorder = recorder(&scratch);
    fs::remove_dir(scratch.path()).unwrap();
    let (done, recorded) = oneshot::channel();
    let mut tap = recorder.message("x.wav", Limits::longest(LONGEST), done);
    tap.write(0, &speech(100));
    // Nobody has ended it.
    assert_eq!(recorded.blocking_recv().unwrap(), Recorded { truncated: true, ..Recorded::NOTHING });
    tap.write(800, &speech(100));
    fs::create_dir(scratch.path()).unwrap();
    assert_eq!(record(&scratch, &[(0, speech(100))], ALL), kept(100), "the next one is recorded");
}

/// A recording of which a writing thread takes care that has not started.
struct Begun {
    recording: Recording,
    tap: Tap,
    spare: Vec<Inlet>,
    waiting: Arc<Waiting>,
    done: oneshot::Receiver<Recorded>,
    keeper: Keeper,
}

impl Begun {
    fn new(scratch: &Scratch) -> Self {
        let (done, ended) = oneshot::channel();
        let (inbox, waiting) = (Arc::new(Shared::new(1)), Arc::<Waiting>::default());
        let tap = Tap {
            inbox: Arc::clone(&inbox),
            channel: 0,
            offset: 0,
            waiting: Arc::clone(&waiting),
            recorder: thread::current(),
            backlog: Inlet::empty(),
            dropped: 0,
        };
        let opening = Opening {
            path: scratch.path().join("x.wav"),
            inbox,
            sides: 1,
            began: Instant::now(),
            limits: Limits::longest(LONGEST),
            promise: Promises::default().make(0),
            done,
        };
        let keeper = Keeper {
            tasks: mpsc::channel().1,
            folder: File::open(scratch.path()).unwrap(),
            syncs: Arc::default(),
            sync_all: Box::new(|_| Ok(())),
        };
        let recording = Recording::begin(opening, 0);
        Self { recording, tap, spare: Vec::new(), waiting, done: ended, keeper }
    }

    fn visit(&mut self) -> bool {
        self.recording.visit(Instant::now(), &mut self.spare, &self.waiting)
    }

    /// From here on the file cannot grow.
    fn fill_disk(&mut self) {
        let full = memfd_create("full", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        let full = File::from(full);
        full.set_len(wav::HEADER_LEN).unwrap();
        let writer = wav::Writer::new(full.try_clone().unwrap(), 8000, 1).unwrap();
        fcntl_add_seals(&full, SealFlags::GROW).unwrap();
        self.recording.break_with(writer);
    }

    /// Ends it, as it is.
    fn end(mut self) -> Recorded {
        self.keeper.conclude(self.recording.conclude().into_iter().collect(), false);
        self.done.blocking_recv().unwrap()
    }
}

#[test]
fn when_the_disk_fails_what_is_on_it_is_kept() {
    let scratch = Scratch::new();
    let mut begun = Begun::new(&scratch);
    begun.tap.write(0, &speech(700));
    assert!(begun.visit());
    begun.fill_disk();
    begun.tap.write(5600, &speech(700));
    assert!(!begun.visit(), "it goes on");
    begun.tap.write(11_200, &speech(700));
    assert!(begun.waiting.take(MAX_WAITING), "what nobody takes any more takes no room");
    // What was held back then is lost.
    let kept_ms = 700 - HELD_MS;
    assert_eq!(begun.end(), Recorded { truncated: true, ..kept(kept_ms) });
    assert_eq!(read(&scratch), speech(700)[..8 * kept_ms as usize]);
}

#[test]
fn a_message_of_which_nothing_reached_the_disk_is_lost_and_not_called_kept() {
    let scratch = Scratch::new();
    let mut begun = Begun::new(&scratch);
    begun.fill_disk();
    File::options().write(true).open(scratch.path().join("x.wav.part")).unwrap().set_len(0).unwrap();
    begun.tap.write(0, &speech(700));
    assert!(!begun.visit());
    assert_eq!(begun.end(), Recorded { truncated: true, ..Recorded::NOTHING });
    assert!(names(&scratch).is_empty(), "no empty file is left behind");
}

/// Leaves a file as a killed daemon does: with a header that was true after the first part.
fn crash(scratch: &Scratch, flushed: &[i16], written: &[i16]) {
    let mut growing = Growing::create(&scratch.path().join("x.wav.part"), 1, u64::MAX).unwrap();
    growing.take(0, &sound(0, flushed), 0, &mut |_| {}).unwrap();
    growing.complete(&mut |_| {}).unwrap();
    growing.flush().unwrap();
    growing.take(0, &sound(flushed.len() as u64, written), 0, &mut |_| {}).unwrap();
    growing.complete(&mut |_| {}).unwrap();
    std::mem::forget(growing);
}

#[test]
fn a_recording_whose_first_octets_a_power_cut_took_keeps_what_follows() {
    let scratch = Scratch::new();
    let lost = |name: &str, channels: u16| {
        let mut growing = Growing::create(&scratch.path().join(name), channels.into(), u64::MAX).unwrap();
        (0..channels.into())
            .for_each(|side| growing.take(side, &sound(0, &speech(1000)), 0, &mut |_| {}).unwrap());
        growing.complete(&mut |_| {}).unwrap();
        growing.flush().unwrap();
        growing.into_file().write_all_at(&[0; 512], 0).unwrap();
    };
    lost("x.wav.part", 1);
    lost("y.call.wav.part", 2);
    let kept = |name: &str| Repaired { name: name.to_owned(), duration_ms: 1000, kept: true };
    assert_eq!(repair_all(scratch.path()).unwrap(), [kept("x.wav"), kept("y.call.wav")]);
    assert_eq!(read(&scratch)[240..], speech(1000)[240..]);
    let call = hound::WavReader::open(scratch.path().join("y.call.wav")).unwrap();
    assert_eq!((call.spec().channels, call.duration()), (2, 8000));
}

#[test]
fn after_a_crash_all_that_was_flushed_is_in_the_repaired_file() {
    let scratch = Scratch::new();
    crash(&scratch, &speech(1000), &[]);
    let repaired = repair_all(scratch.path()).unwrap();
    assert_eq!(repaired, [Repaired { name: "x.wav".to_owned(), duration_ms: 1000, kept: true }]);
    assert_eq!(read(&scratch), speech(1000));
    assert_eq!(names(&scratch), ["x.wav"]);
    assert_eq!(repair_all(scratch.path()).unwrap(), [], "once is enough");
}

#[test]
fn what_was_written_after_the_header_was_made_true_counts_too() {
    let scratch = Scratch::new();
    crash(&scratch, &speech(1000), &speech(1000));
    assert_eq!(repair_all(scratch.path()).unwrap()[0].duration_ms, 2000);
    assert_eq!(read(&scratch), [speech(1000), speech(1000)].concat());
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
    fn every_sample_has_its_place(packets in prop::collection::vec((0_u64..30_000, 1_usize..400), 1..12)) {
        let scratch = Scratch::new();
        let mut growing = Growing::create(&scratch.path().join("x.wav"), 1, u64::MAX).unwrap();
        let mut expected: Vec<i16> = Vec::new();
        let mut heard: Vec<i16> = Vec::new();
        for (n, (at, len)) in packets.into_iter().enumerate() {
            let packet = vec![1000 + n as i16; len];
            growing.take(0, &sound(at, &packet), 0, &mut |sound| heard.extend_from_slice(sound)).unwrap();
            growing.advance(0, &mut |sound| heard.extend_from_slice(sound)).unwrap();
            expected.resize(expected.len().max(at as usize), 0);
            let known = expected.len() - at as usize;
            expected.extend(packet.get(known..).unwrap_or_default());
        }
        growing.complete(&mut |sound| heard.extend_from_slice(sound)).unwrap();
        growing.flush().unwrap();
        drop(growing);
        prop_assert_eq!(&read(&scratch), &expected);
        prop_assert_eq!(heard, expected, "what is listened to is what is written");
    }
}
