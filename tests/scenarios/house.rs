//! A house with one hotline, as its operator wrote it, and the phones of its people.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use nightbell::call::chase::{self, Answer, Asked};
use nightbell::call::clock::Clock;
use nightbell::call::compile::{NotifyTarget, Surroundings, compile};
use nightbell::call::history::History;
use nightbell::call::journal::{Journal, Record, Stated};
use nightbell::call::leg::Leg;
use nightbell::call::lockout::Lockout;
use nightbell::call::occupancy::Occupancy;
use nightbell::call::plan::{Hotline, Snapshot};
use nightbell::call::prompt::Prompt;
use nightbell::call::run::{self, Incoming};
use nightbell::call::settings::HotlineSettings;
use nightbell::call::verify::{self, Verification};
use nightbell::call::{CallId, run::House as Shared};
use nightbell::oncall::{E164, OncallFile, Order, Roster};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::story::{Caller, Story};
use crate::switch::{Disk, NOBODYS, Seen, Switch};
use crate::told::Told;

/// Friday evening.
const NOW: &str = "2026-11-20T22:00:00Z";

/// Somebody who is phoned about an incident.
pub struct Chased {
    pub story: chase::Story,
    /// When.
    pub at: Duration,
    /// How long after the beginning nobody is needed any more.
    pub over: Option<Duration>,
    /// Whether nobody else has taken it on by the time this person does.
    pub is_first: bool,
}

/// No call takes longer than this: a scenario that does is stuck.
const LONGEST: Duration = Duration::from_secs(7200);

/// Four people with a phone each.
pub const PEOPLE: &str = r#"
[[people]]
id = "anna"
phones = ["+4915100000001"]
[[people]]
id = "bob"
phones = ["+4915100000002"]
[[people]]
id = "carla"
phones = ["+4915100000003"]
[[people]]
id = "dora"
phones = ["+4915100000004"]
"#;

/// A hotline with one route, which rings these people one after another; `more` is added to the
/// route.
pub fn one_route(levels: &str, more: &str) -> String {
    format!(
        r#"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
[[hotlines.routes]]
name = "Production"
order = "listed"
levels = {levels}
{more}
"#
    )
}

/// A hotline with a menu: 1 rings anna, 2 rings bob. `more` is added to the menu.
pub fn two_routes(more: &str) -> String {
    format!(
        r#"
[[hotlines]]
name = "Support"
numbers = ["+4930123456"]
trunks = ["carrier"]
[hotlines.menu]
{more}
[[hotlines.routes]]
key = "1"
name = "Production"
levels = [["person:anna"]]
[[hotlines.routes]]
key = "2"
name = "Billing"
levels = [["person:bob"]]
"#
    )
}

pub struct House {
    hotline: Arc<Hotline>,
    roster: Arc<Roster>,
    snapshot: Arc<Snapshot>,
    shared: Shared,
    switch: Switch,
    seed: u8,
}

#[derive(Deserialize)]
struct Settings {
    hotlines: Vec<HotlineSettings>,
}

impl House {
    /// The house of these settings: `[[hotlines]]` of the main file, and the on-call file.
    pub fn with(settings: &str, oncall: &str) -> Self {
        let (roster, problems) = OncallFile::parse(oncall).expect("the on-call file is read").compile();
        assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
        // "You are connected" is left out, but where a scenario is about it.
        let said_connected = settings.contains("connected");
        let settings: Settings = toml::from_str(settings).expect("the settings are read");
        let around = Surroundings {
            roster: &roster,
            trunks: &["carrier"],
            targets: &[
                NotifyTarget { name: "pager", usual: true },
                NotifyTarget { name: "chat", usual: true },
            ],
            voice: false,
            secret: no_secret,
            folder: Path::new("/etc"),
        };
        let compiled = compile(&settings.hotlines, around);
        assert!(compiled.problems.iter().all(|problem| !problem.is_error()), "{:?}", compiled.problems);
        let mut hotlines = compiled.hotlines;
        if !said_connected {
            for hotline in &mut hotlines {
                Arc::make_mut(hotline).prompts.connected = Prompt::default();
            }
        }
        let hotline = hotlines.first().expect("there is a hotline").clone();
        let (journal, records) = Journal::new();
        let (requests, asked) = mpsc::unbounded_channel();
        let (stop, shutdown) = watch::channel(false);
        let clock = Clock::starting_at(NOW.parse::<Timestamp>().unwrap());
        let mut switch = Switch::new(asked, records, stop);
        switch.phones = phones(&roster);
        let routes = &hotline.routes;
        switch.together = routes.iter().any(|route| route.policy.order == Order::AllAtOnce);
        let roster = Arc::new(roster);
        Self {
            hotline,
            snapshot: Arc::new(Snapshot { hotlines, roster: roster.clone() }),
            roster,
            shared: Shared {
                journal,
                occupancy: Occupancy::default(),
                history: History::default(),
                lockout: Lockout::default(),
                requests,
                clock,
                shutdown,
            },
            switch,
            seed: 7,
        }
    }

    /// What chance decides in the calls: whom the lot falls on, in which order people are rung.
    pub fn seeded(mut self, seed: u8) -> Self {
        self.seed = seed;
        self
    }

    /// Whether a prompt with these words is made ready before any call.
    pub fn has_ready(&self, words: &str) -> bool {
        let prompts = self.snapshot.hotlines.iter().flat_map(|hotline| hotline.all_prompts());
        prompts.into_iter().any(|prompt| prompt.to_string() == words)
    }

    /// How a person's first phone behaves each time it is rung.
    pub fn phone(&mut self, name: &str, story: Story) {
        self.phone_each_time(name, vec![story]);
    }

    /// How a phone behaves at the first ring, the second, and so on; the last for ever after.
    /// A person's second phone is called `anna 2`.
    pub fn phone_each_time(&mut self, name: &str, stories: Vec<Story>) {
        let phone = self.switch.phones.values_mut().find(|(known, _)| known == name);
        phone.expect("somebody has this phone").1 = stories;
    }

    pub fn disk(&mut self, disk: Disk) {
        self.switch.disk = disk;
    }

    pub fn recorder_is_stuck(&mut self) {
        self.switch.recorder_stuck = true;
    }

    /// There is no room on the disk for what would be recorded.
    pub fn has_no_room(&mut self, why: &'static str) {
        self.switch.no_room = Some(why);
    }

    /// Prompts with this word in them are never played to their end.
    pub fn never_hears(&mut self, word: &'static str) {
        self.switch.unheard = Some(word);
    }

    /// From now on a phone that is rung while another call has it is an error.
    pub fn nobody_is_rung_twice_at_once(&mut self) {
        self.switch.exclusive = true;
    }

    /// One call, from the INVITE to its record.
    pub async fn call(self, caller: Caller) -> Told {
        self.calls(vec![caller]).await.remove(0)
    }

    /// Several calls, each at its time. Nobody can call once the switch is gone.
    pub async fn calls(mut self, callers: Vec<Caller>) -> Vec<Told> {
        let came = self.go_on(callers, JoinSet::new()).await;
        came.into_iter().map(|(index, name)| self.told(index, name)).collect()
    }

    /// Somebody is phoned about an incident, while others call: what came of it, the steps of its record with the
    /// words that were heard, and the calls.
    pub async fn chases(
        mut self,
        who: &str,
        chased: Chased,
        callers: Vec<Caller>,
    ) -> (Answer, Vec<String>, Vec<Told>) {
        let person = self.roster.people.values().find(|person| person.id.as_str() == who).unwrap();
        let call = CallId(NOBODYS as u64 + 1);
        let asked = Asked {
            call,
            incident: "7".to_owned(),
            hotline: self.hotline.clone(),
            person: Arc::new(person.clone()),
            phones: person.confirmed_phones().cloned().collect(),
            ring: Duration::from_secs(20),
            story: chased.story,
        };
        let over = async move {
            match chased.over {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
            "bob has taken it on".to_owned()
        };
        let (house, first, at) = (self.shared.clone(), chased.is_first, chased.at);
        let (tell, answer) = tokio::sync::oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(async move {
            tokio::time::sleep(at).await;
            let _ = tell.send(chase::run(asked, over, async move { first }, house).await);
        });
        let came = self.go_on(callers, running).await;
        let said = |record: &Record| match record {
            Record::Step(event) if event.call == call => {
                Some(format!("{}: {}", event.step.as_str(), event.detail))
            }
            Record::Ended(end) if end.call == call => {
                Some(format!("{}: {}", end.outcome.as_str(), end.reason))
            }
            _ => None,
        };
        let mut lines: Vec<String> = self.switch.journal.iter().filter_map(said).collect();
        lines.extend(self.switch.sights.iter().filter(|sight| sight.call == NOBODYS).filter_map(|sight| {
            match &sight.seen {
                Seen::Plays { prompt, .. } => Some(format!("hears {prompt}")),
                Seen::Released { reason, clip } => {
                    let clip = clip.as_ref().map(|clip| format!(" with {clip}")).unwrap_or_default();
                    Some(format!("let go of: {reason:?}{clip}"))
                }
                _ => None,
            }
        }));
        (answer.await.unwrap(), lines, came.into_iter().map(|(index, name)| self.told(index, name)).collect())
    }

    async fn go_on(
        &mut self,
        callers: Vec<Caller>,
        mut running: JoinSet<()>,
    ) -> BTreeMap<usize, &'static str> {
        let mut waiting: Vec<_> = callers.into_iter().enumerate().collect();
        waiting.sort_by_key(|(_, caller)| std::cmp::Reverse(caller.at));
        let opened = Instant::now();
        let mut came = BTreeMap::new();
        while !(waiting.is_empty() && running.is_empty()) {
            let next = waiting.last().map_or(opened + LONGEST, |(_, caller)| opened + caller.at);
            tokio::select! {
                biased;
                () = self.switch.step() => {}
                Some(ended) = running.join_next() => ended.expect("a call ends in order"),
                () = tokio::time::sleep_until(next) => {
                    let (index, caller) = waiting.pop().expect("a call takes two hours at most");
                    if !self.switch.lost {
                        came.insert(index, caller.name);
                        running.spawn(run::run(self.comes_in(index, caller), self.shared.clone()));
                    }
                }
            }
        }
        self.switch.drain();
        self.is_quiet();
        came
    }

    /// One call to a person's first phone, to have it confirmed: what came of it, the steps and the end of its
    /// record, and whether the confirmation was written down.
    pub async fn verifies(mut self, name: &str) -> (Result<String, String>, Vec<String>, bool) {
        let person = self.roster.people.values().find(|person| person.id.as_str() == name).unwrap().clone();
        let phone = person.phones[0].phone.clone();
        let asked = Verification { call: id(0), hotline: self.hotline.clone(), person, phone };
        let kept = Arc::new(AtomicBool::new(false));
        let noted = kept.clone();
        let keep = async move {
            noted.store(true, Ordering::Relaxed);
            Ok(())
        };
        let mut call = Box::pin(verify::run(asked, keep, self.shared.clone()));
        let ended = loop {
            tokio::select! {
                biased;
                () = self.switch.step() => {}
                ended = &mut call => break ended,
            }
        };
        drop(call);
        self.switch.drain();
        self.is_quiet();
        let said = self.switch.journal.iter().filter_map(|record| match record {
            Record::Started(row) => Some(format!("{} calls {}", row.caller, row.number)),
            Record::Step(event) => Some(format!("{}: {}", event.step.as_str(), event.detail)),
            Record::Ended(end) => Some(format!("{}: {}", end.outcome.as_str(), end.reason)),
            _ => None,
        });
        (ended, said.collect(), kept.load(Ordering::Relaxed))
    }

    fn comes_in(&mut self, index: usize, caller: Caller) -> Incoming {
        let (leg, events) = Leg::new(self.shared.requests.clone());
        self.switch.calls_in(index, caller.name, caller.speaks, caller.story, &leg, events);
        Incoming {
            call: id(index),
            caller: leg,
            hotline: self.hotline.clone(),
            number: "+4930123456".to_owned(),
            from: caller.number.map(|number| E164::parse(number).unwrap()),
            stated: Stated::default(),
            trunk: "carrier".to_owned(),
            sip_call_id: format!("{index}@carrier.example"),
            snapshot: self.snapshot.clone(),
            seed: [self.seed; 32],
        }
    }

    /// Nothing is left over: no leg, no reservation, no line.
    fn is_quiet(&self) {
        assert_eq!(self.switch.left_over(), Vec::<&str>::new(), "legs nobody let go of");
        let occupancy = &self.shared.occupancy;
        assert_eq!(occupancy.running(), 0);
        for person in self.roster.people.values() {
            for phone in person.confirmed_phones() {
                assert!(occupancy.reserve(&person.id, phone).is_some(), "{} is still reserved", person.id);
            }
        }
        let lines =
            (0..self.hotline.max_calls).map(|_| occupancy.line(&self.hotline.name, self.hotline.max_calls));
        assert!(lines.collect::<Vec<_>>().iter().all(Option::is_some), "a line is still in use");
    }

    fn told(&mut self, index: usize, name: &str) -> Told {
        let of_this = |record: &mut Record| call_of(record) == Some(id(index));
        let records = self.switch.journal.extract_if(.., of_this).collect();
        let sights = self.switch.sights.iter().filter(|sight| sight.call == index).cloned().collect();
        Told::new(name, records, sights, &self.hotline, self.switch.lost)
    }
}

/// No scenario keeps anything in a file.
fn no_secret(path: &Path) -> Result<String, String> {
    Err(format!("is in {}, which is not there", path.display()))
}

fn id(index: usize) -> CallId {
    CallId(u64::try_from(index).unwrap() + 1)
}

fn call_of(record: &Record) -> Option<CallId> {
    match record {
        Record::Started(started) => Some(started.call),
        Record::Step(event) => Some(event.call),
        Record::DialIntent(intent) => Some(intent.call),
        Record::LegUp { call, .. }
        | Record::RecordingStarted { call, .. }
        | Record::RecordingEnded { call, .. }
        | Record::Fact { call, .. } => Some(*call),
        Record::LegQuality(quality) => Some(quality.call),
        Record::Ended(ended) => Some(ended.call),
        Record::LegDown { .. } | Record::TrunkUse { .. } | Record::Flush(_) => None,
    }
}

/// All phones by what is dialled, with a name of their own each, and no story yet.
fn phones(roster: &Roster) -> HashMap<String, (String, Vec<Story>)> {
    let mut phones = HashMap::new();
    for person in roster.people.values() {
        // Those that are rung are counted first.
        let unconfirmed = person.phones.iter().filter(|own| !own.confirmed).map(|own| &own.phone);
        for (index, phone) in person.confirmed_phones().chain(unconfirmed).enumerate() {
            let name =
                if index == 0 { person.id.to_string() } else { format!("{} {}", person.id, index + 1) };
            phones.entry(phone.to_string()).or_insert((name, Vec::new()));
        }
    }
    phones
}
