//! The other end of the script: plays the switch and the disk, and lets people act upon what they
//! see and hear. One task with one agenda, so that a scenario always runs the same way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use nightbell::call::journal::Record;
use nightbell::call::leg::{
    Cut, Dial, Farewell, Gone, KeySource, KeyUse, Leg, LegEvents, LegId, Limits, Recorded, Request,
};
use nightbell::call::prompt::{Memo, Prompt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::sound;
use crate::story::{Cue, Deed, Sign, Story, ms};

/// How long a caller's ACK takes.
const ACK: Duration = Duration::from_millis(100);
/// How long a recording takes to be whole on the disk.
const CLOSING: Duration = Duration::from_millis(20);

/// How long before the script hears of a key its tone began.
const KEY: Duration = Duration::from_millis(120);

/// The call of a phone that is called for nobody.
pub const NOBODYS: usize = 99;

/// How the disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Durable at once.
    Quick,
    /// Durable after this time.
    Takes(Duration),
    /// Never durable.
    Hangs,
}

/// What the switch saw of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    CalledIn,
    /// With the number shown; nothing: withheld.
    Dialled {
        shown: Option<String>,
    },
    Answered,
    Plays {
        prompt: String,
        looped: bool,
    },
    Played(String),
    Cut(String),
    Bridged {
        keys: String,
    },
    /// It hears several others.
    Conferred {
        keys: String,
    },
    /// It joins those on the right of the recording of the call.
    JoinsRecording,
    Recording,
    /// What was said was thrown away.
    Discarded,
    /// The bridge is recorded.
    BridgeRecorded,
    Released {
        reason: Farewell,
        clip: Option<String>,
    },
    Ended(Gone),
}

/// A sight and its time since the house was opened.
#[derive(Debug, Clone)]
pub struct Sight {
    pub at: Duration,
    /// Which of the calls.
    pub call: usize,
    /// The caller's name, or the phone's.
    pub who: String,
    pub leg: LegId,
    pub seen: Seen,
}

/// A leg at its far end.
#[derive(Debug)]
struct Line {
    call: usize,
    who: String,
    outbound: bool,
    speaks: bool,
    events: LegEvents,
    story: Vec<(Cue, Deed)>,
    answer: Option<oneshot::Sender<()>>,
    answered: bool,
    over: bool,
    released: bool,
    keys: String,
    used: KeyUse,
    playing: Option<Playing>,
    recording: Option<Recording>,
    /// Where the name goes that it says.
    name: Option<oneshot::Sender<Option<Memo>>>,
}

#[derive(Debug)]
struct Recording {
    number: u64,
    began: Instant,
    limits: Limits,
    /// Of a whole call.
    bridge: bool,
    done: oneshot::Sender<Recorded>,
}

#[derive(Debug)]
struct Playing {
    number: u64,
    words: String,
    done: oneshot::Sender<()>,
}

/// What the agenda holds.
#[derive(Debug)]
enum Due {
    Do(LegId, Deed),
    Acknowledged(LegId),
    PromptOver(LegId, u64),
    Durable(oneshot::Sender<()>),
    RecordingWhole(oneshot::Sender<Recorded>, Recorded),
    Named(LegId),
    /// Nothing was said since the recording of this number began, or the caller fell silent.
    SilentForLong(LegId, u64),
}

#[derive(Debug)]
pub struct Switch {
    pub disk: Disk,
    /// A recorder that is stuck never closes a recording.
    pub recorder_stuck: bool,
    /// Why there is no room for a recording, if there is none.
    pub no_room: Option<&'static str>,
    /// Of prompts with this word in them the end is never told.
    pub unheard: Option<&'static str>,
    /// No phone is rung while another call has it.
    pub exclusive: bool,
    /// Several phones may ring for one call.
    pub together: bool,
    /// Phones by what is dialled: their name, and their behaviour at each call in turn.
    pub phones: HashMap<String, (String, Vec<Story>)>,
    pub sights: Vec<Sight>,
    pub journal: Vec<Record>,
    pub lost: bool,
    opened: Instant,
    requests: mpsc::UnboundedReceiver<Request>,
    records: mpsc::UnboundedReceiver<Record>,
    stop: watch::Sender<bool>,
    lines: BTreeMap<LegId, Line>,
    /// Legs that were let go of before they were dialled.
    undialled: HashSet<LegId>,
    agenda: BTreeMap<(Instant, u64), Due>,
    counter: u64,
    /// Waiters whom a hanging disk never tells.
    forgotten: Vec<oneshot::Sender<()>>,
}

impl Switch {
    pub fn new(
        requests: mpsc::UnboundedReceiver<Request>,
        records: mpsc::UnboundedReceiver<Record>,
        stop: watch::Sender<bool>,
    ) -> Self {
        Self {
            disk: Disk::Quick,
            recorder_stuck: false,
            no_room: None,
            unheard: None,
            exclusive: false,
            together: false,
            phones: HashMap::new(),
            sights: Vec::new(),
            journal: Vec::new(),
            lost: false,
            opened: Instant::now(),
            requests,
            records,
            stop,
            lines: BTreeMap::new(),
            undialled: HashSet::new(),
            agenda: BTreeMap::new(),
            counter: 0,
            forgotten: Vec::new(),
        }
    }

    /// A caller's leg has come in.
    pub fn calls_in(
        &mut self,
        call: usize,
        who: &str,
        speaks: bool,
        story: Story,
        leg: &Leg,
        events: LegEvents,
    ) {
        let line = Line::new(call, who, false, speaks, story, events);
        self.lines.insert(leg.id(), line);
        self.saw(leg.id(), Seen::CalledIn);
        self.sign(leg.id(), &Sign::CallsIn);
    }

    /// Deals with the next thing to happen.
    pub async fn step(&mut self) {
        let next = self.agenda.keys().next().map(|(at, _)| *at);
        tokio::select! {
            biased;
            Some(record) = self.records.recv() => self.record(record),
            Some(request) = self.requests.recv() => self.request(request),
            () = sleep_until(next), if next.is_some() => {
                if let Some((_, due)) = self.agenda.pop_first() {
                    self.due(due);
                }
            }
            else => std::future::pending().await,
        }
    }

    /// Deals with everything that has been sent so far.
    pub fn drain(&mut self) {
        while let Ok(record) = self.records.try_recv() {
            self.record(record);
        }
        while let Ok(request) = self.requests.try_recv() {
            self.request(request);
        }
    }

    /// Legs that nobody let go of.
    pub fn left_over(&self) -> Vec<&str> {
        self.lines.values().filter(|line| !line.released).map(|line| line.who.as_str()).collect()
    }

    fn in_time(&mut self, delay: Duration, due: Due) {
        self.counter += 1;
        self.agenda.insert((Instant::now() + delay, self.counter), due);
    }

    fn saw(&mut self, leg: LegId, seen: Seen) {
        let line = &self.lines[&leg];
        let at = self.opened.elapsed();
        self.sights.push(Sight { at, call: line.call, who: line.who.clone(), leg, seen });
    }

    fn line(&mut self, leg: LegId) -> &mut Line {
        self.lines.get_mut(&leg).expect("the script speaks of legs that exist")
    }

    /// Lets everybody act upon a sign.
    fn sign(&mut self, leg: LegId, sign: &Sign) {
        let who = self.lines[&leg].who.clone();
        let mut due = Vec::new();
        for (id, line) in &mut self.lines {
            line.story.retain_mut(|(cue, deed)| {
                let own = cue.whose.map_or(*id == leg, |whose| whose == who);
                if !own || cue.sign != *sign {
                    return true;
                }
                cue.nth -= 1;
                if cue.nth == 0 {
                    due.push((cue.delay, Due::Do(*id, deed.clone())));
                }
                cue.nth > 0
            });
        }
        for (delay, due) in due {
            self.in_time(delay, due);
        }
    }

    /// A sign that names a word of a prompt.
    fn sign_of_prompt(&mut self, leg: LegId, words: &str, sign: fn(&'static str) -> Sign) {
        let stories = self.lines.values().flat_map(|line| &line.story);
        let mut known: Vec<&'static str> = stories
            .filter_map(|(cue, _)| match cue.sign {
                Sign::Hears(word) | Sign::HasHeard(word) if words.contains(word) => Some(word),
                _ => None,
            })
            .collect();
        known.sort_unstable();
        known.dedup();
        for word in known {
            self.sign(leg, &sign(word));
        }
    }

    fn record(&mut self, record: Record) {
        match (record, self.disk) {
            (Record::Flush(done), Disk::Quick) => _ = done.send(()),
            (Record::Flush(done), Disk::Takes(time)) => self.in_time(time, Due::Durable(done)),
            (Record::Flush(done), Disk::Hangs) => self.forgotten.push(done),
            (record, _) => self.journal.push(record),
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Answer { leg, done } => self.answer(leg, done),
            Request::Dial(dial) => self.dial(dial),
            Request::Play { leg, prompt, looped, done, .. } => self.play(leg, &prompt, looped, done),
            Request::Silence { leg } => self.cut(leg),
            Request::Bridge(caller, responder) => self.bridge(caller, responder),
            Request::Confer(legs) => self.confer(&legs),
            Request::Keys { leg, used } => self.line(leg).used = used,
            Request::JoinRecording { caller, leg } => {
                assert!(self.line(caller).recording.is_some(), "a recording is joined that is none");
                self.saw(leg, Seen::JoinsRecording);
            }
            Request::Room { what: _, done } => {
                _ = done.send(self.no_room.map_or(Ok(()), |why| Err(why.to_owned())));
            }
            Request::Record { leg, name: _, limits, done } => {
                self.begin_recording(leg, limits, done);
            }
            Request::Load { name: _, done } => {
                _ = done.send(Some(Memo { narrow: vec![0; 24_000].into(), wide: Vec::new().into() }))
            }
            Request::RecordName { leg, longest, done } => self.begin_name(leg, longest, done),
            Request::RecordBridge { caller, responders, name: _, done } => {
                self.record_bridge(caller, &responders, done);
            }
            Request::StopRecording { leg, cut } => self.end_recording(leg, cut),
            Request::Release { leg, clip, reason } => self.release(leg, clip, reason),
        }
    }

    fn answer(&mut self, leg: LegId, done: oneshot::Sender<()>) {
        let line = self.line(leg);
        assert!(!line.outbound && !line.answered && !line.released);
        if line.over {
            return;
        }
        line.answer = Some(done);
        self.sign(leg, &Sign::AnswerAsked);
        self.in_time(ACK, Due::Acknowledged(leg));
    }

    fn dial(&mut self, dial: Dial) {
        // A phone that is called for nobody has a call of its own.
        let call = dial.beside.map_or(NOBODYS, |caller| self.lines[&caller].call);
        let unreleased =
            |line: &&Line| line.outbound && line.call == call && !line.released && !line.answered;
        let ringing = self.lines.values().filter(unreleased);
        assert!(self.together || ringing.count() == 0, "two phones ring at once for one call");
        let written =
            |record: &Record| matches!(record, Record::DialIntent(intent) if intent.leg == dial.leg);
        assert!(self.journal.iter().any(written), "a phone is dialled before its intent is written");
        let phone = dial.phone.to_string();
        let (who, behaviour) = self.phones.get_mut(&phone).expect("every phone that is rung has a story");
        let story = if behaviour.len() > 1 { behaviour.remove(0) } else { behaviour[0].clone() };
        let mut others = self.lines.values().filter(|line| line.outbound && !line.released);
        assert!(!self.exclusive || others.all(|line| line.who != *who), "{who} is rung for two callers");
        let line = Line::new(call, who, true, true, story, dial.events);
        self.lines.insert(dial.leg, line);
        let shown = dial.caller_id.map(|number| number.to_string());
        self.saw(dial.leg, Seen::Dialled { shown });
        self.sign(dial.leg, &Sign::Dialled);
    }

    fn play(&mut self, leg: LegId, prompt: &Prompt, looped: bool, done: oneshot::Sender<()>) {
        self.cut(leg);
        let line = self.line(leg);
        assert!(line.answered, "{} hears something before the answer", line.who);
        if line.over {
            return;
        }
        let words = prompt.to_string();
        self.counter += 1;
        let number = self.counter;
        let done = if self.unheard.is_some_and(|word| words.contains(word)) {
            drop(done);
            oneshot::channel().0
        } else {
            done
        };
        self.line(leg).playing = Some(Playing { number, words: words.clone(), done });
        self.saw(leg, Seen::Plays { prompt: words.clone(), looped });
        self.sign_of_prompt(leg, &words, Sign::Hears);
        if !looped {
            self.in_time(sound::length(prompt), Due::PromptOver(leg, number));
        }
    }

    fn cut(&mut self, leg: LegId) {
        let line = self.line(leg);
        assert!(!line.released, "{} is spoken of after the release", line.who);
        if let Some(playing) = line.playing.take() {
            self.saw(leg, Seen::Cut(playing.words));
        }
    }

    fn bridge(&mut self, caller: LegId, responder: LegId) {
        for leg in [caller, responder] {
            let line = self.line(leg);
            assert!(line.answered && !line.released, "{} is bridged without being there", line.who);
            // A responder may hear words about keys.
            assert!(
                line.outbound || line.playing.is_none(),
                "the caller is bridged and hears something else"
            );
            let keys = line.keys.clone();
            self.saw(leg, Seen::Bridged { keys });
        }
        self.sign(caller, &Sign::Bridged);
        self.sign(responder, &Sign::Bridged);
    }

    fn confer(&mut self, legs: &[LegId]) {
        assert!(legs.len() > 2, "two are bridged");
        for leg in legs {
            let line = self.line(*leg);
            assert!(line.answered && !line.released, "{} is conferred without being there", line.who);
            assert!(line.outbound || line.playing.is_none(), "the caller hears something else");
            let keys = line.keys.clone();
            self.saw(*leg, Seen::Conferred { keys });
        }
        legs.iter().for_each(|leg| self.sign(*leg, &Sign::Conferred));
    }

    fn begin_recording(&mut self, leg: LegId, limits: Limits, done: oneshot::Sender<Recorded>) {
        self.counter += 1;
        let number = self.counter;
        let line = self.line(leg);
        assert!(
            line.answered && !line.over && !line.released,
            "{} is recorded without being there",
            line.who
        );
        let began = Instant::now();
        line.recording = Some(Recording { number, began, limits, bridge: false, done });
        if let Some(limit) = limits.silence.filter(|_| !line.speaks) {
            self.in_time(limit, Due::SilentForLong(leg, number));
        }
        self.saw(leg, Seen::Recording);
        self.sign(leg, &Sign::Recorded);
    }

    /// A name takes a second and a half; then it is silent.
    fn begin_name(&mut self, leg: LegId, longest: Duration, done: oneshot::Sender<Option<Memo>>) {
        let line = self.line(leg);
        line.name = Some(done);
        let over = if line.speaks { ms(2_500) } else { longest };
        self.in_time(over, Due::Named(leg));
        self.sign(leg, &Sign::Recorded);
    }

    fn named(&mut self, leg: LegId) {
        let line = self.line(leg);
        let said = line.speaks.then(|| Memo { narrow: vec![0; 12_000].into(), wide: Vec::new().into() });
        if let Some(done) = line.name.take() {
            let _ = done.send(said);
        }
    }

    fn record_bridge(&mut self, caller: LegId, responders: &[LegId], done: oneshot::Sender<Recorded>) {
        let bridged = |leg| {
            let of_it = |sight: &&Sight| sight.leg == leg;
            let mut seen = self.sights.iter().filter(of_it);
            seen.any(|sight| matches!(sight.seen, Seen::Bridged { .. } | Seen::Conferred { .. }))
        };
        assert!(
            bridged(caller) && responders.iter().all(|leg| bridged(*leg)),
            "a call is recorded before it is one"
        );
        let began = Instant::now();
        let recording =
            Recording { number: 0, began, limits: Limits::longest(Duration::MAX), bridge: true, done };
        self.line(caller).recording = Some(recording);
        self.saw(caller, Seen::BridgeRecorded);
    }

    fn silent_for_long(&mut self, leg: LegId, number: u64) {
        let line = self.line(leg);
        let Some(recording) = line.recording.take_if(|recording| recording.number == number) else { return };
        let limit = recording.limits.silence.expect("silence ends it");
        let length = u64::try_from((recording.began.elapsed() - limit).as_millis()).unwrap();
        let kept = line.speaks && length > 0;
        let ended = Recorded { kept, duration_ms: length, truncated: false, silence: true };
        self.in_time(CLOSING, Due::RecordingWhole(recording.done, ended));
    }

    /// The disk takes no more of what is being recorded.
    fn disk_fails(&mut self, leg: LegId) {
        let line = self.line(leg);
        let Some(recording) = line.recording.take() else { return };
        let duration_ms = u64::try_from(recording.began.elapsed().as_millis()).unwrap();
        let ended = Recorded { kept: duration_ms > 0, duration_ms, truncated: true, silence: false };
        self.in_time(CLOSING, Due::RecordingWhole(recording.done, ended));
    }

    fn end_recording(&mut self, leg: LegId, cut: Cut) {
        self.named(leg);
        let line = self.line(leg);
        let Some(Recording { began, limits, bridge, done, .. }) = line.recording.take() else { return };
        if cut == Cut::Everything {
            self.saw(leg, Seen::Discarded);
            return self.in_time(ms(1), Due::RecordingWhole(done, Recorded::NOTHING));
        }
        let key = if cut == Cut::NewestKey { KEY } else { Duration::ZERO };
        let length = u64::try_from(began.elapsed().saturating_sub(key).as_millis()).unwrap();
        let sound = line.speaks || bridge;
        let kept = sound && u128::from(length) >= limits.least.as_millis();
        let duration_ms = if sound { length } else { 0 };
        let recorded = Recorded { kept, duration_ms, ..Recorded::NOTHING };
        let closing = if self.recorder_stuck { Duration::from_secs(3600) } else { CLOSING };
        self.in_time(closing, Due::RecordingWhole(done, recorded));
    }

    fn release(&mut self, leg: LegId, clip: Option<Prompt>, reason: Farewell) {
        if !self.lines.contains_key(&leg) {
            assert!(self.undialled.insert(leg), "a leg that was never dialled is released twice");
            return;
        }
        assert!(!self.line(leg).released, "{} is released twice", self.lines[&leg].who);
        self.hang_up(leg);
        self.line(leg).released = true;
        let clip = clip.map(|clip| clip.to_string());
        self.saw(leg, Seen::Released { reason, clip });
    }

    /// The far end of a leg is put down.
    fn hang_up(&mut self, leg: LegId) {
        self.cut(leg);
        self.end_recording(leg, Cut::Nothing);
        let line = self.line(leg);
        line.answer = None;
        line.over = true;
    }

    fn due(&mut self, due: Due) {
        match due {
            Due::Do(leg, deed) => self.deed(leg, deed),
            Due::Acknowledged(leg) => self.acknowledged(leg),
            Due::PromptOver(leg, number) => self.prompt_over(leg, number),
            Due::Named(leg) => self.named(leg),
            Due::Durable(done) => _ = done.send(()),
            Due::RecordingWhole(done, recorded) => _ = done.send(recorded),
            Due::SilentForLong(leg, number) => self.silent_for_long(leg, number),
        }
    }

    fn acknowledged(&mut self, leg: LegId) {
        let line = self.line(leg);
        let Some(done) = line.answer.take() else { return };
        line.answered = true;
        let _ = done.send(());
        self.saw(leg, Seen::Answered);
        self.sign(leg, &Sign::Answered);
    }

    fn prompt_over(&mut self, leg: LegId, number: u64) {
        let playing = &mut self.line(leg).playing;
        if let Some(playing) = playing.take_if(|playing| playing.number == number) {
            let _ = playing.done.send(());
            self.saw(leg, Seen::Played(playing.words.clone()));
            self.sign_of_prompt(leg, &playing.words, Sign::HasHeard);
        }
    }

    fn deed(&mut self, leg: LegId, deed: Deed) {
        match deed {
            Deed::StopDaemon => _ = self.stop.send(true),
            Deed::LoseSwitch => return self.lose(),
            _ => {}
        }
        let line = self.line(leg);
        if line.over {
            return;
        }
        match deed {
            Deed::Ring => {
                line.events.ringing();
                self.sign(leg, &Sign::Rings);
            }
            Deed::PickUp => {
                line.events.answered();
                line.answered = true;
                self.saw(leg, Seen::Answered);
                self.sign(leg, &Sign::Answered);
            }
            Deed::Press(key) if line.answered => {
                if line.used != KeyUse::Script {
                    line.keys.push(key);
                }
                line.events.key(key, KeySource::Told);
            }
            Deed::Star(key) => match line.used {
                KeyUse::Commands(known) if known.contains(key) => line.events.command(key),
                KeyUse::Script => {
                    ['*', key].into_iter().for_each(|key| line.events.key(key, KeySource::Told))
                }
                // They are the other one's to hear.
                KeyUse::Commands(_) | KeyUse::Partner => {}
            },
            Deed::GoUnheard => line.events.unheard(),
            Deed::FallSilent => {
                let recording = line.recording.as_ref();
                let silence = recording.and_then(|known| Some((known.limits.silence?, known.number)));
                if let Some((limit, number)) = silence {
                    self.in_time(limit, Due::SilentForLong(leg, number));
                }
            }
            Deed::LoseDisk => self.disk_fails(leg),
            Deed::End(why) => {
                self.hang_up(leg);
                self.line(leg).events.gone(why.clone());
                self.saw(leg, Seen::Ended(why));
            }
            Deed::Press(_) | Deed::StopDaemon | Deed::LoseSwitch => {}
        }
    }

    /// The switch is gone, and all its ends of the channels with it.
    fn lose(&mut self) {
        self.lost = true;
        self.requests.close();
        while self.requests.try_recv().is_ok() {}
        self.lines.clear();
        self.agenda.clear();
    }
}

impl Line {
    fn new(call: usize, who: &str, outbound: bool, speaks: bool, story: Story, events: LegEvents) -> Self {
        Self {
            call,
            who: who.to_owned(),
            outbound,
            speaks,
            events,
            story: story.0,
            answer: None,
            answered: false,
            over: false,
            released: false,
            keys: String::new(),
            used: KeyUse::Partner,
            playing: None,
            recording: None,
            name: None,
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}
