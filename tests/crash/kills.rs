//! `kill -9` at seeded moments of real calls, one restart after another on the same data.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::chased::Chased;
use crate::daemon::{Daemon, House, LINES, MESSAGES, NUMBER, can_trace, lines};
use crate::phone::{PATIENCE, Page, Phone, Scene, Seen};
use crate::scratch::Scratch;
use crate::sink::Sink;
use crate::verdict::Verdict;

/// When the daemon is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    Invite,
    Welcome,
    Menu,
    Dialling,
    AcceptPrompt,
    Bridge,
    Greeting,
    Recording,
    Closing,
    AfterCall,
    /// A notice is on its way.
    Sending,
    /// Somebody is phoned about a message.
    Chasing,
    /// At the n-th of these system calls of a run, by `strace`.
    At(&'static str, u16),
}

impl Moment {
    /// All states of a call; with `strace`, also the steps between the last sample of a message and its row.
    fn draw(round: u64, tracing: bool, random: &mut StdRng) -> Self {
        let states = [
            Self::Recording,
            Self::Closing,
            Self::Bridge,
            Self::Welcome,
            Self::Dialling,
            Self::AfterCall,
            Self::Greeting,
            Self::AcceptPrompt,
            Self::Invite,
            Self::Sending,
            Self::Chasing,
            Self::Menu,
        ];
        let steps = [
            Self::At("rename", 1),
            Self::At("fsync,fdatasync,syncfs", random.random_range(1..60)),
            Self::At("ftruncate", 1),
            Self::At("pwrite64", random.random_range(1..160)),
            Self::At("fsync,fdatasync,syncfs", random.random_range(20..60)),
            Self::At("write", random.random_range(20..400)),
        ];
        let place = usize::try_from(round).unwrap();
        if tracing && round % 3 == 2 {
            steps[place / 3 % steps.len()]
        } else {
            states[(place - place / 3) % states.len()]
        }
    }

    fn strace(self) -> Vec<String> {
        let Self::At(calls, n) = self else { return Vec::new() };
        let inject = |call| ["-e".to_owned(), format!("inject={call}:signal=KILL:when={n}")];
        let trace = ["-o".to_owned(), "/dev/null".to_owned(), "-e".to_owned(), format!("trace={calls}")];
        trace.into_iter().chain(calls.split(',').flat_map(inject)).collect()
    }

    /// How long after its sign the kill comes, in ms at most.
    fn spread(self) -> u64 {
        match self {
            Self::Invite | Self::Sending => 80,
            Self::Closing | Self::AfterCall => 250,
            Self::Dialling => 600,
            Self::Greeting => 700,
            Self::Welcome | Self::Menu | Self::AcceptPrompt | Self::At(..) => 1200,
            Self::Bridge | Self::Chasing => 2500,
            Self::Recording => 4500,
        }
    }

    /// The name of the moment in the report.
    pub fn name(self) -> String {
        match self {
            Self::At(calls, _) => format!("at a {calls}"),
            moment => format!("{moment:?}"),
        }
    }
}

/// What a responder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Responder {
    Rings,
    PicksUp,
    Accepts,
    Refuses,
}

/// What a caller does, and the responder of that line.
#[derive(Debug, Clone, Copy)]
struct Plan {
    line: usize,
    /// Nothing: no key is pressed.
    key: Option<char>,
    waits: Duration,
    responder: Responder,
    /// How long is spoken, to a person or after the beep; nothing: until somebody else ends it.
    speaks: Option<Duration>,
    /// Whether a message ends with `#`, and not with hanging up.
    hash: bool,
}

impl Plan {
    fn draw(line: usize, random: &mut StdRng) -> Self {
        let ms = |random: &mut StdRng, most| Duration::from_millis(random.random_range(0..most));
        let responders = [
            Responder::Rings,
            Responder::PicksUp,
            Responder::Accepts,
            Responder::Accepts,
            Responder::Refuses,
        ];
        let direct = random.random_bool(0.4);
        Self {
            line,
            key: Some(if direct { MESSAGES[random.random_range(0..2)] } else { line_key(line) })
                .filter(|_| random.random_bool(0.95)),
            waits: ms(random, 1500),
            responder: responders[random.random_range(0..responders.len())],
            speaks: random.random_bool(0.6).then(|| ms(random, 4000)),
            hash: random.random_bool(0.5),
        }
    }

    /// A plan in which the moment comes.
    fn leading_to(moment: Moment, line: usize, random: &mut StdRng) -> Self {
        let plan = Self::draw(line, random);
        let soon = Some(Duration::from_millis(random.random_range(1200..2500)));
        let to_person = Some(line_key(line));
        let message = if random.random_bool(0.7) { Some(MESSAGES[0]) } else { to_person };
        match moment {
            Moment::Invite | Moment::Welcome => plan,
            Moment::Menu => Self { key: None, ..plan },
            Moment::Dialling => Self { key: to_person, ..plan },
            Moment::AcceptPrompt => Self { key: to_person, responder: Responder::PicksUp, ..plan },
            Moment::Bridge => Self { key: to_person, responder: Responder::Accepts, speaks: None, ..plan },
            Moment::Greeting | Moment::Recording => {
                Self { key: message, responder: Responder::Refuses, speaks: None, ..plan }
            }
            Moment::Chasing => Self { key: Some(MESSAGES[1]), speaks: soon, ..plan },
            Moment::Closing | Moment::AfterCall | Moment::Sending | Moment::At(..) => {
                Self { key: message, responder: Responder::Refuses, speaks: soon, ..plan }
            }
        }
    }

    /// What the caller does.
    fn call(self, mut caller: Phone, number: &str, house: std::net::SocketAddr) -> UdpSocket {
        if caller.calls(NUMBER, number, house) {
            caller.stays(self.waits);
            if let Some(key) = self.key {
                caller.presses(key);
                self.goes_on(&mut caller);
            }
        }
        caller.lingers()
    }

    fn goes_on(self, caller: &mut Phone) {
        let message =
            self.key.is_some_and(|key| MESSAGES.contains(&key)) || self.responder == Responder::Refuses;
        if message && !caller.stays_until(|seen| seen.beep.is_some()) {
            return;
        }
        let Some(time) = self.speaks else { return };
        caller.stays(time);
        if !caller.goes_on() {
            return;
        }
        caller.is_done();
        if message && self.hash {
            caller.presses('#');
        } else {
            caller.hangs_up();
        }
    }

    /// What the responder of that line does.
    fn respond(self, mut phone: Phone) -> UdpSocket {
        if self.key == Some(line_key(self.line))
            && let Some(invite) = phone.is_rung()
        {
            match self.responder {
                Responder::Rings => {}
                Responder::Refuses => phone.refuses(&invite),
                Responder::PicksUp => _ = phone.picks_up(&invite),
                Responder::Accepts => {
                    phone.stays(Duration::from_millis(100));
                    if phone.picks_up(&invite) {
                        phone.accepts();
                    }
                }
            }
        }
        phone.lingers()
    }
}

fn line_key(line: usize) -> char {
    char::from_digit(u32::try_from(line + 1).unwrap(), 10).unwrap()
}

/// One call as the far end knows it.
#[derive(Debug)]
pub struct Call {
    /// Where it stands in the plan of the run.
    pub round: u64,
    pub moment: Moment,
    caller: Arc<Page>,
    responder: Arc<Page>,
    /// How much the caller had said when the daemon died, in seconds, and how late the mouth had been at most.
    pub said: (f64, f64),
    pub killed: Instant,
    /// The log says that it was answered before its row was on a slow disk.
    pub ahead: bool,
}

impl Call {
    pub fn caller(&self) -> Seen {
        self.caller.read()
    }

    pub fn responder(&self) -> Seen {
        self.responder.read()
    }
}

/// A round whose daemon is dead: its phones still wait to be hung up on.
struct Round {
    scene: Arc<Scene>,
    callers: Vec<JoinHandle<UdpSocket>>,
    responders: Vec<JoinHandle<UdpSocket>>,
    calls: Vec<Call>,
}

impl Round {
    /// Lets calls begin.
    fn begin(plans: &[Plan], phones: Vec<UdpSocket>, house: &House, round: u64, moment: Moment) -> Self {
        let scene = Arc::<Scene>::default();
        let mut begun = Self { scene, callers: Vec::new(), responders: Vec::new(), calls: Vec::new() };
        for (line, phone) in phones.into_iter().enumerate() {
            let responder = Phone::at(phone, &begun.scene);
            let plan = plans.iter().find(|plan| plan.line == line).copied();
            if let Some(plan) = plan {
                let caller = Phone::new(&begun.scene);
                begun.calls.push(Call {
                    round,
                    moment,
                    caller: caller.page.clone(),
                    responder: responder.page.clone(),
                    said: (0.0, 0.0),
                    killed: Instant::now(),
                    ahead: false,
                });
                let (number, address) = (format!("+49151{round:05}{line}"), house.address);
                begun.callers.push(std::thread::spawn(move || plan.call(caller, &number, address)));
            }
            begun.responders.push(std::thread::spawn(move || match plan {
                Some(plan) => plan.respond(responder),
                None => responder.lingers(),
            }));
        }
        begun
    }

    /// Waits for the sign of the moment on the pages of the call that leads to it.
    fn waits_for(&self, moment: Moment, line: usize) {
        let Some(call) = self.calls.get(line) else { return };
        let sign = |page: &Page, what: fn(&Seen) -> bool| _ = page.wait(PATIENCE, what);
        match moment {
            Moment::Invite | Moment::Sending | Moment::Chasing | Moment::At(..) => {}
            Moment::Welcome | Moment::Menu | Moment::Greeting => {
                sign(&call.caller, |seen| seen.answered.is_some())
            }
            Moment::Dialling => sign(&call.responder, |seen| seen.rung.is_some()),
            Moment::AcceptPrompt => sign(&call.responder, |seen| seen.answered.is_some()),
            Moment::Bridge => sign(&call.responder, |seen| seen.accepted.is_some()),
            Moment::Recording => sign(&call.caller, |seen| seen.beep.is_some()),
            Moment::Closing => sign(&call.caller, |seen| seen.said.is_some()),
            Moment::AfterCall => sign(&call.caller, |seen| seen.over.is_some()),
        }
    }

    /// The daemon is dead.
    fn ends(&mut self, daemon: &Daemon) {
        let (killed, ahead) = (Instant::now(), daemon.answered_ahead());
        for call in &mut self.calls {
            call.said = call.caller.has_said();
            call.killed = killed;
            call.ahead = ahead.contains(&call.caller().call);
        }
        self.scene.killed.store(true, Ordering::SeqCst);
    }

    /// Waits until the legs that were left up have been hung up on, and lets the phones go.
    fn closes(self) -> (Vec<UdpSocket>, Vec<Call>) {
        let until = Instant::now() + Duration::from_secs(5);
        for call in &self.calls {
            for page in [&call.caller, &call.responder] {
                let left = until.saturating_duration_since(Instant::now());
                page.wait(left, |seen| !must_be_hung_up_on(seen, call.killed));
            }
        }
        self.scene.closed.store(true, Ordering::SeqCst);
        self.callers.into_iter().for_each(|caller| drop(caller.join().unwrap()));
        let phones = self.responders.into_iter().map(|responder| responder.join().unwrap()).collect();
        (phones, self.calls)
    }
}

/// Whether a leg was up for long enough before the kill that its dialog had to be on the disk, and is still up.
pub fn must_be_hung_up_on(seen: &Seen, killed: Instant) -> bool {
    let long_enough =
        |answered: Instant| killed.saturating_duration_since(answered) >= Duration::from_secs(1);
    seen.over.is_none() && seen.hung_up.is_none() && seen.answered.is_some_and(long_enough)
}

/// Kills so many daemons, by several workers side by side, and fails with all that was lost.
pub fn run(seed: u64, first: u64, kills: u64, workers: u64) {
    // Each has one to kill.
    let workers = workers.clamp(1, kills.max(1));
    let tracing = can_trace("the kills between two steps of a message");
    let verdicts: Vec<_> = (0..workers)
        .map(|worker| {
            std::thread::spawn(move || {
                let mut verdict = Verdict::new(seed);
                let kills = kills.div_ceil(workers);
                if let Err(why) = work(seed, first + worker, workers, kills, tracing, &mut verdict) {
                    verdict.wrong.push(why);
                }
                verdict
            })
        })
        .collect();
    let all = verdicts.into_iter().map(|worker| worker.join().unwrap());
    let verdict = all.reduce(Verdict::with).expect("somebody works");
    println!("{verdict}");
    assert!(verdict.wrong.is_empty(), "{verdict}");
}

fn work(
    seed: u64,
    first: u64,
    step: u64,
    kills: u64,
    tracing: bool,
    verdict: &mut Verdict,
) -> Result<(), String> {
    let scratch = Scratch::new();
    let (sink, chased) = (Sink::open(), Chased::new());
    let mut phones = lines();
    let addresses: Vec<_> = phones.iter().map(|phone| phone.local_addr().unwrap()).collect();
    let house = House::new(scratch.path(), &addresses, chased.address, sink.address);
    let mut last: Option<Round> = None;
    for round in (first..).step_by(usize::try_from(step).unwrap()) {
        let mut random = StdRng::seed_from_u64(seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let moment = Moment::draw(round, tracing, &mut random);
        let mut daemon = started(&house, &[], verdict)?;
        if let Some(last) = last.take() {
            let (free, calls) = last.closes();
            phones = free;
            verdict.judge(&calls, &house, &sink);
        }
        if verdict.kills >= kills {
            verdict.look_back(&house, &chased);
            daemon.stop();
            return Ok(());
        }
        if let Moment::At(..) = moment {
            daemon.kill();
            verdict.killed("at rest");
            daemon = started(&house, &moment.strace(), verdict)?;
        }
        last = Some(play(
            round,
            moment,
            (&house, &sink, &chased),
            std::mem::take(&mut phones),
            &mut daemon,
            &mut random,
        ));
        verdict.killed(&moment.name());
    }
    Ok(())
}

/// Starts the daemon. One that `strace` kills on its way up is started again without it.
fn started(house: &House, strace: &[String], verdict: &mut Verdict) -> Result<Daemon, String> {
    let strace: Vec<_> = strace.iter().map(String::as_str).collect();
    let daemon = match house.start(&strace) {
        Err((_, _)) if !strace.is_empty() => {
            verdict.killed("in the start");
            house.start(&[])
        }
        started => started,
    };
    match daemon {
        Ok(daemon) => {
            if strace.is_empty() {
                verdict.start_took(daemon.start_took);
            }
            Ok(daemon)
        }
        Err((status, said)) => Err(format!("the daemon does not start, {status}: {}", said.join("\n"))),
    }
}

/// One round up to the death of the daemon.
fn play(
    number: u64,
    moment: Moment,
    (house, sink, chased): (&House, &Sink, &Chased),
    phones: Vec<UdpSocket>,
    daemon: &mut Daemon,
    random: &mut StdRng,
) -> Round {
    let beside = random.random_range(0..LINES - 1);
    let mut plans = vec![Plan::leading_to(moment, 0, random)];
    plans.extend((1..=beside).map(|line| Plan::draw(line, random)));
    let spread = Duration::from_millis(random.random_range(0..moment.spread()));
    let (told, rung) = (sink.came().len(), chased.rung());
    let mut round = Round::begin(&plans, phones, house, number, moment);
    if let Moment::At(..) = moment {
        daemon.dies_within(Duration::from_secs(7));
    } else {
        round.waits_for(moment, 0);
        if moment == Moment::Sending {
            sink.waits_for_more_than(told, PATIENCE);
        }
        if moment == Moment::Chasing {
            chased.waits_for_more_than(rung, PATIENCE);
        }
        let offset = if moment == Moment::Menu { Duration::from_millis(1200) } else { Duration::ZERO };
        std::thread::park_timeout(spread + offset);
    }
    daemon.kill();
    round.ends(daemon);
    round
}

/// How often each moment was met.
pub type Tally = BTreeMap<String, u64>;
