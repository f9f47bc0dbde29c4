//! Power cuts: a recorded run of the daemon is played back to a disk that may lose its power after every step, and
//! what the next start finds is compared with what the run had told the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nightbell::daemon::recovery::put_right;
use nightbell::store::{CallFilter, CallRow, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ahead::Ahead;
use crate::chased::Chased;
use crate::daemon::{Daemon, House, MESSAGES, NUMBER, lines};
use crate::disk::{Disk, Fate};
use crate::notices;
use crate::phone::{PATIENCE, Phone, Scene};
use crate::scratch::Scratch;
use crate::sink::Sink;
use crate::trace::{CALLS, Recording, Step};

/// What a power cut may cost of a message, in seconds, on a disk that syncs at once.
const MAY_BE_CUT: f64 = 1.0;
/// A disk that takes longer for a sync costs so much more, in seconds.
const SYNC_TAKES: f64 = 0.2;

/// A call that went on ahead of a slow disk is on it at the latest after so many syncs of the database's log that began
/// later: one that was under way without it, one of a checkpoint, and its own.
const AHEAD_FOR: usize = 3;

/// How fast the disk is that the run is recorded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As fast as that of the machine.
    Usual,
    /// Every second sync of a thread takes longer than calls wait.
    Slow,
}

/// A recorded run: calls, a stop, more calls, a kill in the middle of them, and a start that puts it right; all of that
/// so often.
fn record(scratch: &Scratch, times: u32, speed: Speed) -> (Recording, PathBuf) {
    let phones = lines();
    let addresses: Vec<_> = phones.iter().map(|phone| phone.local_addr().unwrap()).collect();
    let (sink, chased) = (Sink::open(), Chased::new());
    let house = House::new(scratch.path(), &addresses, chased.address, sink.address);
    let data = house.data();
    fs::create_dir_all(&data).unwrap();
    let mut recording = Recording::below(&data);
    let mut phones = phones;
    for time in 0..times {
        for part in [Part::Calls, Part::Killed, Part::Messages] {
            let trace = scratch.path().join(format!("trace-{time}-{part:?}"));
            phones = part.plays(&house, &trace, phones, speed);
            recording.add(&fs::read_to_string(&trace).unwrap(), &data);
        }
    }
    (recording, data)
}

/// What happens between two starts of the daemon.
#[derive(Debug, Clone, Copy)]
enum Part {
    Calls,
    Killed,
    Messages,
}

impl Part {
    fn plays(self, house: &House, trace: &Path, phones: Vec<UdpSocket>, speed: Speed) -> Vec<UdpSocket> {
        let mut daemon = traced(house, trace, speed);
        match self {
            Self::Killed => {
                is_killed(&mut daemon, house.address);
                phones
            }
            Self::Calls | Self::Messages => {
                let phones = calls(house.address, phones, matches!(self, Self::Calls));
                daemon.stop();
                phones
            }
        }
    }
}

/// Is killed in the middle of a message.
fn is_killed(daemon: &mut Daemon, address: SocketAddr) {
    let scene = Arc::<Scene>::default();
    let caller = Phone::new(&scene);
    let page = caller.page.clone();
    let calling = std::thread::spawn(move || leaves_a_message(caller, address, None));
    page.wait(PATIENCE, |seen| seen.beep.is_some());
    std::thread::park_timeout(Duration::from_millis(2300));
    daemon.kill();
    scene.closed.store(true, Ordering::SeqCst);
    calling.join().unwrap();
}

fn traced(house: &House, trace: &Path, speed: Speed) -> Daemon {
    let (trace, calls) = (trace.to_string_lossy(), format!("trace={CALLS}"));
    let mut arguments = vec!["-y", "-xx", "-ttt", "-s", "10000000", "-e", &calls, "-o", &trace];
    if speed == Speed::Slow {
        arguments.extend(["-e", "inject=fdatasync:delay_enter=700000:when=2+2"]);
    }
    house.start(&arguments).unwrap_or_else(|(status, said)| panic!("{status}: {}", said.join("\n")))
}

/// Calls side by side: a message that ends with a key, one that ends with the call, and one call that is taken, where
/// that is wanted.
fn calls(address: SocketAddr, mut phones: Vec<UdpSocket>, bridged: bool) -> Vec<UdpSocket> {
    let scene = Arc::<Scene>::default();
    let leaving = |hash| {
        let caller = Phone::new(&scene);
        std::thread::spawn(move || leaves_a_message(caller, address, Some(hash)))
    };
    let callers = [true, false].map(leaving);
    let line = bridged.then(|| is_put_through(address, phones.remove(0), &scene));
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    scene.closed.store(true, Ordering::SeqCst);
    if let Some(line) = line {
        phones.insert(0, line.join().unwrap());
    }
    phones
}

/// A call that the responder of the first line takes, and the caller ends.
fn is_put_through(address: SocketAddr, line: UdpSocket, scene: &Arc<Scene>) -> JoinHandle<UdpSocket> {
    let (mut anna, mut caller) = (Phone::at(line, scene), Phone::new(scene));
    let page = anna.page.clone();
    let responding = std::thread::spawn(move || {
        if let Some(invite) = anna.is_rung()
            && anna.picks_up(&invite)
        {
            anna.accepts();
        }
        anna.lingers()
    });
    if caller.calls(NUMBER, "+4915112345", address) {
        caller.presses('1');
        page.wait(PATIENCE, |seen| seen.accepted.is_some());
        caller.stays(Duration::from_millis(700));
        caller.hangs_up();
    }
    page.wait(PATIENCE, |seen| seen.over.is_some());
    responding
}

/// Leaves a message that ends with `#`, with hanging up, or not at all.
fn leaves_a_message(mut caller: Phone, address: SocketAddr, hash: Option<bool>) {
    if !caller.calls(NUMBER, "+4915154321", address) {
        return;
    }
    caller.presses(MESSAGES[0]);
    caller.stays_until(|seen| seen.beep.is_some());
    match hash {
        Some(true) => {
            caller.stays(Duration::from_millis(2700));
            caller.presses('#');
            caller.stays_until(|seen| seen.over.is_some());
        }
        Some(false) => {
            caller.stays(Duration::from_millis(1900));
            caller.hangs_up();
        }
        None => drop(caller.lingers()),
    }
}

/// Whether the recording and the real folder are one: the files of the recording with all steps are those of the disk.
fn is_faithful(disk: &Disk, data: &Path, random: &mut StdRng) -> Result<(), String> {
    for (path, octets) in disk.after_a_cut(Fate::All, random) {
        let Some(octets) = octets else { continue };
        let real = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if real != octets {
            return Err(format!("{} is not as recorded", path.strip_prefix(data).unwrap().display()));
        }
    }
    Ok(())
}

/// What was told to the outside up to some step.
#[derive(Debug, Default, Clone)]
struct Told {
    answered: BTreeSet<String>,
    rang: BTreeSet<String>,
    sent: BTreeSet<String>,
    /// The answered calls that may not be on the disk yet, with the daemon's names for them, and how many phones were
    /// rung beside.
    ahead: (BTreeMap<String, String>, usize),
    /// The alarm of the database is on, or its entries are on their way to the disk.
    alarm: bool,
}

impl Told {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Answered(call) => _ = self.answered.insert(call.clone()),
            Step::Rang(call) => _ = self.rang.insert(call.clone()),
            Step::Told(notice) => _ = self.sent.insert(notice.clone()),
            _ => {}
        }
    }
}

/// What the log says went on ahead of the disk, with the steps between which it may not be on it yet.
#[derive(Debug)]
struct Haste(Vec<(Range<usize>, Ahead)>);

impl Haste {
    fn of(steps: &[Step]) -> Self {
        let mut logs = BTreeSet::new();
        let mut found = Vec::new();
        // The log is written beside the call: it may be a moment later than what it tells of.
        let mut rang = 0;
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Name { path, file, .. } if path.to_string_lossy().ends_with("-wal") => {
                    logs.insert(*file);
                }
                Step::Rang(_) => rang = number,
                Step::Ahead(Ahead::Over) => {}
                Step::Ahead(Ahead::Alarm) => found.push((number, over(steps, number), Ahead::Alarm)),
                Step::Ahead(Ahead::Rang) => found.push((rang, number, Ahead::Rang)),
                Step::Ahead(answered) => found.push((0, number, answered.clone())),
                _ => {}
            }
        }
        let until = |told: usize| {
            let syncs = steps.iter().enumerate().skip(told).filter(
                |(_, step)| matches!(step, Step::Sync { file, since } if *since > told && logs.contains(file)),
            );
            syncs.map(|(number, _)| number).nth(AHEAD_FOR - 1).unwrap_or(steps.len())
        };
        Self(found.into_iter().map(|(from, told, what)| (from..until(told), what)).collect())
    }

    fn is_alarm(&self, step: usize) -> bool {
        self.0.iter().any(|(when, what)| *what == Ahead::Alarm && when.contains(&step))
    }

    /// How many calls and phones there are.
    fn count(&self) -> usize {
        self.0.iter().filter(|(_, what)| *what != Ahead::Alarm).count()
    }

    fn at(&self, step: usize) -> (BTreeMap<String, String>, usize) {
        let mut now = (BTreeMap::new(), 0);
        for (_, what) in self.0.iter().filter(|(when, _)| when.contains(&step)) {
            match what {
                Ahead::Answered { ours, call } => _ = now.0.insert(call.clone(), ours.clone()),
                Ahead::Rang => now.1 += 1,
                Ahead::Alarm | Ahead::Over => {}
            }
        }
        now
    }
}

/// Where an alarm ends that begins at this step.
fn over(steps: &[Step], from: usize) -> usize {
    let ends = steps.iter().skip(from).position(|step| *step == Step::Ahead(Ahead::Over));
    ends.map_or(steps.len(), |after| from + after)
}

/// What a start finds on a disk.
#[derive(Debug, Default)]
struct Found {
    /// The messages, and their lengths in seconds.
    messages: BTreeMap<String, f64>,
    /// The daemon's names for answered calls that are not there, and were answered ahead of the disk, as the log says.
    excused: BTreeSet<String>,
    /// Calls ahead of the disk, or under the alarm, of which somebody has to be told, and nothing of that is there yet.
    half_told: usize,
    wrong: Vec<String>,
}

/// Starts on what a power cut has left, as the daemon does.
fn start(data: &Path, told: &Told) -> Found {
    let mut found = Found::default();
    if let Err(why) = look(data, told, &mut found) {
        found.wrong.push(why);
    }
    found
}

/// Opens a disk. The kills start daemons beside this, in the same process: until such a child has become another program it
/// holds the lock of a store that we have just let go of.
fn open(data: &Path) -> Result<Store, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match Store::open(data).map_err(|error| error.to_string()) {
            Err(why) if why.contains("in use by another nightbell") && Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            opened => return opened,
        }
    }
}

fn look(data: &Path, told: &Told, found: &mut Found) -> Result<(), String> {
    let in_words = |error: &dyn fmt::Display| error.to_string();
    let recordings = data.join("recordings");
    let store = open(data)?;
    store.use_spool(&data.join("spool.ring"));
    put_right(&store, &recordings).map_err(|error| in_words(&error))?;
    let rows = store.reader().calls(&CallFilter::default()).map_err(|error| in_words(&error))?;
    let there: BTreeSet<_> = rows.iter().map(|row| row.sip_call_id.clone()).collect();
    for lost in told.answered.difference(&there) {
        if let Some(ours) = told.ahead.0.get(lost) {
            found.excused.insert(ours.clone());
        } else {
            found.wrong.push(format!("the call {lost} was answered, and is not there"));
        }
    }
    if there.len() != rows.len() || rows.iter().any(|row| row.ended_at.is_none()) {
        found.wrong.push("a call is there twice, or has no end".to_owned());
    }
    sound(data, told, &rows, found).map_err(|error| in_words(&error))?;
    let listed = store
        .reader()
        .voicemails(&nightbell::store::VoicemailFilter::default())
        .map_err(|error| in_words(&error))?;
    messages(&recordings, listed.into_iter().map(|row| row.file).collect(), found);
    drop(store);
    let store = open(data).map_err(|error| format!("the next start: {error}"))?;
    let again = store.reconcile(Timestamp::now()).map_err(|error| in_words(&error))?;
    if !again.calls_closed.is_empty() || !again.recordings.is_empty() {
        found.wrong.push(format!("the next start finds more to put right: {again:?}"));
    }
    Ok(())
}

/// Whether the database is whole, and knows of every phone that was rung.
fn sound(data: &Path, told: &Told, rows: &[CallRow], found: &mut Found) -> rusqlite::Result<()> {
    let database = rusqlite::Connection::open(data.join("nightbell.db"))?;
    let said: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let strays: u32 =
        database.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if said != "ok" || strays > 0 {
        found.wrong.push(format!("the database is not sound: {said}, {strays} stray rows"));
    }
    let intents: u32 = database.query_row("SELECT count(*) FROM dial_intents", [], |row| row.get(0))?;
    if intents as usize + told.ahead.1 < told.rang.len() {
        found.wrong.push(format!("{} phones were rung, of which {intents} are there", told.rang.len()));
    }
    // While the alarm is on, entries are in the spool alone: some of a call's may come through, and others not.
    let (ahead, safe): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| told.alarm || told.ahead.0.contains_key(&row.sip_call_id));
    notices::after_a_cut(&database, &safe, &told.sent, &mut found.wrong);
    found.half_told = notices::untold(&ahead, &notices::entries(&database)).len();
    Ok(())
}

/// The files in the folder of recordings: each is whole, and a message of the database.
fn messages(folder: &Path, listed: BTreeSet<String>, found: &mut Found) {
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        // The file of a call that is not there is left for somebody to listen to, and the log says so.
        if name.strip_suffix(".wav").is_some_and(|call| found.excused.contains(call)) {
            continue;
        }
        match crate::sound::read(&folder.join(&name)) {
            Ok(_) if !listed.contains(&name) => found.wrong.push(format!("{name} belongs to no message")),
            Ok(samples) => _ = found.messages.insert(name, samples.len() as f64 / crate::sound::RATE),
            Err(why) => found.wrong.push(why),
        }
    }
    for lost in listed.iter().filter(|name| !found.messages.contains_key(*name)) {
        found.wrong.push(format!("{lost} is listed, and is not there"));
    }
}

/// How often a recording is tried.
const RECORDINGS: u32 = 4;

/// What was found in all states.
#[derive(Debug, Default)]
struct Verdict {
    seed: u64,
    steps: usize,
    states: BTreeMap<Fate, u64>,
    calls: usize,
    notices: usize,
    messages: usize,
    /// The most that was cut from what had been written of a message, in seconds.
    cut: f64,
    slowest_sync: f64,
    /// What went on ahead of the disk, and the calls of those that some disk had lost.
    ahead: usize,
    excused: BTreeSet<String>,
    /// How often such a call was there, and not what somebody has to be told of it.
    half_told: usize,
    wrong: Vec<String>,
}

/// A recording that, played back to its end, gives the very files of the daemon's folder. Steps of two threads that
/// were recorded in another order than they happened make it worthless, so that it is made again, a few times.
fn faithful_recording(times: u32, speed: Speed) -> (Scratch, Recording, PathBuf) {
    for _ in 0..RECORDINGS {
        let scratch = Scratch::new();
        let (recording, data) = record(&scratch, times, speed);
        let mut disk = Disk::default();
        recording.steps.iter().for_each(|step| disk.take(step));
        match is_faithful(&disk, &data, &mut StdRng::seed_from_u64(0)) {
            Ok(()) => return (scratch, recording, data),
            Err(why) => println!("the recording is not what happened, and is made again: {why}"),
        }
    }
    panic!("no recording was what happened, {RECORDINGS} times in a row");
}

/// Plays a recording back and cuts the power so often.
pub fn run(seed: u64, times: u32, states: u64, speed: Speed) {
    let (_scratch, recording, data) = faithful_recording(times, speed);
    let haste = Haste::of(&recording.steps);
    assert!(speed == Speed::Usual || haste.count() > 0, "no call went on ahead of a slow disk");
    let mut random = StdRng::seed_from_u64(seed);
    let cuts = usize::try_from(states).unwrap() / Fate::ALL.len();
    let mut at: Vec<usize> = (0..cuts).map(|_| random.random_range(0..recording.steps.len())).collect();
    at.sort_unstable();
    let mut verdict = Verdict {
        seed,
        steps: recording.steps.len(),
        slowest_sync: recording.slowest_sync,
        ahead: haste.count(),
        ..Verdict::default()
    };
    let allowed = MAY_BE_CUT + (recording.slowest_sync - SYNC_TAKES).max(0.0);
    let place = Place::new(&data);
    let (mut disk, mut told, mut next) = (Disk::default(), Told::default(), 0);
    for (number, step) in recording.steps.iter().enumerate() {
        disk.take(step);
        told.take(step);
        (told.ahead, told.alarm) = (haste.at(number), haste.is_alarm(number));
        while at.get(next) == Some(&number) {
            next += 1;
            verdict.cut_here(number, &disk, &told, allowed, &place, &mut random);
        }
    }
    (verdict.calls, verdict.notices) = (told.answered.len(), told.sent.len());
    println!("{verdict}");
    assert!(verdict.wrong.is_empty(), "{verdict}");
}

/// Where states are built: in memory, where there is a file system in it.
struct Place {
    folder: PathBuf,
    recorded: PathBuf,
}

impl Place {
    fn new(recorded: &Path) -> Self {
        let memory = Path::new("/dev/shm");
        let temporary = std::env::temp_dir();
        let parent = if memory.is_dir() { memory } else { &temporary };
        let folder =
            parent.join(format!("nightbell-cuts-{}-{:x}", std::process::id(), rand::random::<u32>()));
        Self { folder, recorded: recorded.to_owned() }
    }

    /// Makes a disk of it.
    fn build(&self, state: BTreeMap<PathBuf, Option<Vec<u8>>>) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).unwrap();
        for (path, octets) in state {
            let path = self.folder.join(path.strip_prefix(&self.recorded).unwrap());
            match octets {
                Some(octets) => write(&path, &octets).unwrap(),
                None => fs::create_dir_all(path).unwrap(),
            }
        }
    }
}

/// Writes a file; the zeros at its end are a hole, for there are files with much room in them.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    const NOTHING: [u8; 4096] = [0; 4096];
    let last = octets.chunks(NOTHING.len()).rposition(|part| part != &NOTHING[..part.len()]);
    let end = last.map_or(0, |last| (last + 1) * NOTHING.len()).min(octets.len());
    fs::write(path, &octets[..end])?;
    fs::File::options().write(true).open(path)?.set_len(octets.len() as u64)
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Verdict {
    fn cut_here(
        &mut self,
        step: usize,
        disk: &Disk,
        told: &Told,
        allowed: f64,
        place: &Place,
        random: &mut StdRng,
    ) {
        let mut written = BTreeMap::new();
        for fate in Fate::ALL {
            place.build(disk.after_a_cut(fate, random));
            let mut found = start(&place.folder, told);
            *self.states.entry(fate).or_default() += 1;
            if fate == Fate::All {
                written = found.messages.clone();
                self.messages = self.messages.max(written.len());
            }
            for (name, length) in &written {
                let kept = found.messages.get(name).copied().unwrap_or(0.0);
                self.cut = self.cut.max(length - kept);
                if length - kept > allowed {
                    found.wrong.push(format!("of {length:.2} s of {name} {kept:.2} s are left"));
                }
            }
            self.excused.append(&mut found.excused);
            self.half_told += found.half_told;
            for what in found.wrong {
                self.wrong.push(format!("step {step}, {fate:?}: {what}"));
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: u64 = self.states.values().sum();
        writeln!(
            f,
            "seed {}: {states} disks from {} steps, the slowest sync took {:.3} s",
            self.seed, self.steps, self.slowest_sync
        )?;
        writeln!(
            f,
            "{} calls answered, {} notices sent, {} messages, of which at most {:.2} s were cut",
            self.calls, self.notices, self.messages, self.cut
        )?;
        writeln!(
            f,
            "{} calls and phones went on ahead of the disk, as the log says; {} of those calls are not on some disk, and {} \
             times one was there without what somebody has to be told",
            self.ahead,
            self.excused.len(),
            self.half_told
        )?;
        for (fate, count) in &self.states {
            writeln!(f, "  {count:5} {fate:?}")?;
        }
        writeln!(f, "{} things are wrong", self.wrong.len())?;
        self.wrong.iter().take(40).try_for_each(|what| writeln!(f, "{what}"))
    }
}
