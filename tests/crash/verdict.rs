//! What the daemon has kept, beside what the far end has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use nightbell::call::journal::Outcome;
use nightbell::store::{CallFilter, CallRow, Store};

use crate::chased::Chased;
use crate::daemon::House;
use crate::kills::{Call, Tally, must_be_hung_up_on};
use crate::notices::{self, Notices};
use crate::phone::Seen;
use crate::sink::Sink;
use crate::sound;

/// After the beep, before the recording begins, in seconds.
const ECHO: f64 = 0.2;
/// What a kill may cost of a message, in seconds.
const MAY_BE_CUT: f64 = 1.0;

/// What was found.
pub struct Verdict {
    seed: u64,
    pub kills: u64,
    moments: Tally,
    calls: u64,
    answered: BTreeSet<String>,
    messages: u64,
    /// The most that was missing at the end of a message, in seconds.
    cut: f64,
    /// Legs that were left up, and those that were hung up on.
    legs: (u64, u64),
    /// Calls that were answered before their row was on a disk that was slow, and lost.
    excused: u64,
    /// What has been told so far.
    notices: Notices,
    /// Messages that somebody was chased about until they had it.
    chases: u64,
    starts: Vec<Duration>,
    pub wrong: Vec<String>,
}

impl Verdict {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            kills: 0,
            moments: Tally::new(),
            calls: 0,
            answered: BTreeSet::new(),
            messages: 0,
            cut: 0.0,
            legs: (0, 0),
            excused: 0,
            notices: Notices::default(),
            chases: 0,
            starts: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Both together.
    pub fn with(mut self, other: Self) -> Self {
        self.kills += other.kills;
        for (moment, count) in other.moments {
            *self.moments.entry(moment).or_default() += count;
        }
        self.calls += other.calls;
        self.answered.extend(other.answered);
        self.messages += other.messages;
        self.cut = self.cut.max(other.cut);
        self.legs = (self.legs.0 + other.legs.0, self.legs.1 + other.legs.1);
        self.excused += other.excused;
        self.notices.came += other.notices.came;
        self.notices.again += other.notices.again;
        self.chases += other.chases;
        self.starts.extend(other.starts);
        self.wrong.extend(other.wrong);
        self
    }

    /// A daemon was killed.
    pub fn killed(&mut self, moment: &str) {
        self.kills += 1;
        *self.moments.entry(moment.to_owned()).or_default() += 1;
    }

    /// So long a daemon took until it listened again.
    pub fn start_took(&mut self, time: Duration) {
        self.starts.push(time);
    }

    /// Compares what is known of a round's calls with the database and the files.
    pub fn judge(&mut self, calls: &[Call], house: &House, sink: &Sink) {
        let reader = Store::open_read_only(&house.data()).unwrap();
        let mut rows = BTreeMap::<String, Vec<CallRow>>::new();
        for row in reader.calls(&CallFilter::default()).unwrap() {
            rows.entry(row.sip_call_id.clone()).or_default().push(row);
        }
        for call in calls {
            let mut wrong = Vec::new();
            self.judge_call(
                call,
                rows.get(&call.caller().call).map_or(&[], Vec::as_slice),
                house,
                &mut wrong,
            );
            self.report(call, wrong, rows.get(&call.caller().call));
        }
        let rows: Vec<_> = calls.iter().filter_map(|call| rows.get(&call.caller().call)?.first()).collect();
        let notices = notices::judge(&rows, house, sink, &mut self.wrong);
        self.notices = notices;
        let kept = reader.voicemails(&nightbell::store::VoicemailFilter::default()).unwrap();
        self.judge_folder(kept.into_iter().map(|message| message.file).collect(), house);
    }

    fn report(&mut self, call: &Call, wrong: Vec<String>, rows: Option<&Vec<CallRow>>) {
        for what in wrong {
            let (seed, round, moment) = (self.seed, call.round, call.moment);
            self.wrong.push(format!(
                "round {round}, {moment:?}: {what}\n  caller {:?}\n  responder {:?}\n  killed {:?}, said {:?}\n  rows {rows:?}\n  \
                 again: just kills 1 {seed} {round}",
                call.caller(),
                call.responder(),
                call.killed,
                call.said
            ));
        }
    }

    fn judge_call(&mut self, call: &Call, rows: &[CallRow], house: &House, wrong: &mut Vec<String>) {
        let (caller, responder) = (call.caller(), call.responder());
        self.calls += 1;
        self.judge_legs(&[&caller, &responder], call, wrong);
        if rows.len() > 1 {
            wrong.push("the call is there more than once".to_owned());
        }
        let Some(row) = rows.first() else {
            match (caller.answered, call.ahead) {
                (Some(_), true) => self.excused += 1,
                (Some(_), false) => wrong.push("the call was answered, and is not there".to_owned()),
                (None, _) => {}
            }
            return;
        };
        if caller.answered.is_some() {
            self.answered.insert(caller.call.clone());
        }
        if row.ended_at.is_none() {
            wrong.push("the call has no end".to_owned());
        }
        // The key may be on its way when the caller hangs up, or the daemon dies.
        let ends = [Some(call.killed), caller.hung_up, caller.over, responder.over];
        let end = ends.into_iter().flatten().min().unwrap_or(call.killed);
        let took = |at| end.saturating_duration_since(at) >= Duration::from_secs(2);
        if responder.accepted.is_some_and(took) && row.outcome != Outcome::Accepted {
            wrong.push("somebody had accepted the call".to_owned());
        }
        self.judge_message(call, &caller, row, house, wrong);
    }

    fn judge_legs(&mut self, legs: &[&Seen], call: &Call, wrong: &mut Vec<String>) {
        for leg in legs {
            let was_up = Seen { over: leg.over.filter(|at| *at <= call.killed), ..(*leg).clone() };
            if must_be_hung_up_on(&was_up, call.killed) {
                self.legs.0 += 1;
                if must_be_hung_up_on(leg, call.killed) {
                    wrong.push("a leg that was left up got no BYE".to_owned());
                } else {
                    self.legs.1 += 1;
                }
            }
        }
    }

    fn judge_message(
        &mut self,
        call: &Call,
        caller: &Seen,
        row: &CallRow,
        house: &House,
        wrong: &mut Vec<String>,
    ) {
        let Some((_, beep)) = caller.beep else { return };
        let (said, late) = call.said;
        let (begin, end) = (beep + ECHO, caller.said.map_or(said, |done| done.1.min(said)));
        let file = row.voicemail.as_ref().map(|file| house.data().join("recordings").join(file));
        let Some(file) = file else {
            if end - begin >= MAY_BE_CUT + late {
                wrong.push(format!("{:.2} s of a message are not there", end - begin));
            }
            return;
        };
        self.messages += 1;
        let heard = match sound::heard(&file) {
            Ok(heard) => heard,
            // So short that nothing but a pause between two words is in it.
            Err(_) if end - begin < 2.0 * MAY_BE_CUT && sound::read(&file).is_ok() => return,
            Err(why) => return wrong.push(why),
        };
        let missing = end - heard.to;
        self.cut = self.cut.max(missing);
        if missing > MAY_BE_CUT + late || heard.from > begin + MAY_BE_CUT + late {
            wrong.push(format!("of a message from {begin:.2} s to {end:.2} s only {heard:?} is there"));
        }
        if (heard.length - (heard.to - heard.from)).abs() > 0.1 + late {
            wrong.push(format!("something is missing inside a message: {heard:?}"));
        }
        if row.outcome != Outcome::Voicemail && row.outcome != Outcome::Accepted {
            wrong.push("the call with a message is no voicemail".to_owned());
        }
    }

    /// In the folder are the files of the messages and nothing else.
    fn judge_folder(&mut self, listed: BTreeSet<String>, house: &House) {
        let folder = std::fs::read_dir(house.data().join("recordings")).unwrap();
        let there: BTreeSet<_> =
            folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        if there != listed {
            let odd: Vec<_> = there.symmetric_difference(&listed).collect();
            self.wrong.push(format!("files without a message, or messages without a file: {odd:?}"));
        }
    }

    /// At the end all calls of all rounds are still there, and whoever was chased has been reached about each message.
    pub fn look_back(&mut self, house: &House, chased: &Chased) {
        let reader = Store::open_read_only(&house.data()).unwrap();
        let rows = reader.calls(&CallFilter::default()).unwrap();
        let there: BTreeSet<_> = rows.into_iter().map(|row| row.sip_call_id).collect();
        let lost = self.answered.difference(&there).count();
        if lost > 0 {
            self.wrong.push(format!("{lost} calls that had been there are gone"));
        }
        let (open, taken) = notices::chases(house, chased);
        self.chases += taken;
        if open > 0 {
            self.wrong.push(format!("nobody is chased any more about {open} messages"));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut starts = self.starts.clone();
        starts.sort();
        let start = |share: usize| {
            starts.get(starts.len() * share / 100).or(starts.last()).copied().unwrap_or_default()
        };
        writeln!(
            f,
            "seed {}: {} kills, {} calls, {} answered",
            self.seed,
            self.kills,
            self.calls,
            self.answered.len()
        )?;
        writeln!(
            f,
            "{} messages, of which at most {:.2} s were missing at the end",
            self.messages, self.cut
        )?;
        writeln!(f, "{} legs were left up, {} of them were hung up on", self.legs.0, self.legs.1)?;
        writeln!(
            f,
            "{} notices came, {} of them once more with the same id",
            self.notices.came, self.notices.again
        )?;
        writeln!(f, "{} messages somebody was chased about, until that person had them", self.chases)?;
        writeln!(
            f,
            "{} calls were answered before their row on a disk that was slow, and lost",
            self.excused
        )?;
        writeln!(
            f,
            "up again after {:.2?} (median), {:.2?} (99 of 100), {:.2?} (the slowest)",
            start(50),
            start(99),
            start(100)
        )?;
        for (moment, count) in &self.moments {
            writeln!(f, "  {count:5} {moment}")?;
        }
        writeln!(f, "{} things are wrong", self.wrong.len())?;
        self.wrong.iter().try_for_each(|what| writeln!(f, "{what}"))
    }
}
