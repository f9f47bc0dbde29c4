//! The record of a call as it is written: one stream of typed entries with several readers
//! (the store, the live view, snapshots in tests).

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::{mpsc, oneshot};

use crate::call::CallId;
use crate::call::leg::LegId;
use crate::incident::{Ending, Fact, Message};

/// One entry of the journal, in the order it happened. Serialises whole: while the database takes nothing,
/// entries are kept in a file in this form.
#[derive(Debug, Serialize, Deserialize)]
pub enum Record {
    /// A call has come in. Its row must be durable before the 200 OK.
    Started(Started),
    /// One step of the timeline.
    Step(#[serde(serialize_with = "with_call")] Event),
    /// A phone is about to be dialled. Must be durable before the INVITE.
    DialIntent(DialIntent),
    /// A leg was answered: what a restart needs to send it a BYE (JSON, the switch's own form).
    LegUp {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The dialog: Call-ID, tags, CSeq, route set, target, trunk.
        dialog: String,
    },
    /// An answered leg ended.
    LegDown {
        /// The leg.
        leg: LegId,
    },
    /// An answered leg ended: how it sounded.
    LegQuality(#[serde(serialize_with = "with_leg")] Box<LegQuality>),
    /// Something is being recorded: a restart looks for its file.
    RecordingStarted {
        /// The call.
        call: CallId,
        /// What.
        kind: RecordingKind,
        /// The file's name inside the recordings folder.
        file: String,
        /// When.
        at: Timestamp,
    },
    /// A recording is whole (or was dropped as empty).
    RecordingEnded {
        /// The call.
        call: CallId,
        /// When.
        at: Timestamp,
        /// Of what.
        kind: RecordingKind,
        /// Whether the file was kept.
        kept: bool,
        /// Its length in ms.
        duration_ms: u64,
        /// Whether the disk cut it short.
        truncated: bool,
    },
    /// What a trunk was used for in one minute so far: takes the place of what was said of that minute before.
    TrunkUse {
        /// The trunk's name.
        trunk: String,
        /// The minute, counted since 1970.
        minute: i64,
        /// Legs that were dialled.
        legs: u32,
        /// Seconds that answered legs lasted.
        seconds: u32,
    },
    /// Something that matters to the call's incident and stands in no other record.
    Fact {
        /// The call.
        call: CallId,
        /// When.
        at: Timestamp,
        /// What.
        fact: Box<Fact>,
    },
    /// The call is over. Exactly one for each `Started`.
    Ended(Ended),
    /// Everything before this is durable: tells the waiting side.
    #[serde(skip)]
    Flush(oneshot::Sender<()>),
}

impl Record {
    /// What an entry means to the incident of its call.
    pub fn fact(&self) -> Option<(CallId, Timestamp, Fact)> {
        Some(match self {
            Self::Fact { call, at, fact } => (*call, *at, Fact::clone(fact)),
            Self::DialIntent(intent) => {
                (intent.call, intent.at, Fact::Rung { person: intent.person.clone() })
            }
            Self::RecordingEnded { call, at, kind, kept: true, duration_ms, truncated } => {
                let RecordingKind::Message = kind else { return None };
                let (duration_ms, truncated) = (*duration_ms, *truncated);
                let message = Message { file: kind.file(*call), duration_ms, truncated };
                (*call, *at, Fact::MessageKept(message))
            }
            Self::Ended(ended) => (ended.call, ended.at, Fact::Ended(ended.ending())),
            _ => return None,
        })
    }
}

impl Ended {
    fn ending(&self) -> Ending {
        Ending {
            outcome: self.outcome.as_str().to_owned(),
            reason: self.reason.clone(),
            abandoned: self.abandoned,
        }
    }
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingKind {
    /// The caller's message.
    Message,
    /// The call with both its sides.
    Call,
}

impl RecordingKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Message, Self::Call];

    /// The name of a call's file of this kind inside the recordings folder.
    pub fn file(self, call: CallId) -> String {
        match self {
            Self::Message => format!("{call}.wav"),
            Self::Call => format!("{call}.call.wav"),
        }
    }

    /// The call and the kind that such a name stands for.
    pub fn of_file(name: &str) -> Option<(Self, CallId)> {
        let whose = name.strip_suffix(".wav")?;
        match whose.strip_suffix(".call") {
            Some(call) => Some((Self::Call, CallId::parse(call)?)),
            None => Some((Self::Message, CallId::parse(whose)?)),
        }
    }

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "call",
        }
    }
}

/// The row of a call at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Started {
    /// The call.
    pub call: CallId,
    /// The hotline's name.
    pub hotline: String,
    /// The number that was dialled, in E.164 where it is one.
    pub number: String,
    /// Who calls; `anonymous` when withheld.
    pub caller: String,
    /// When the INVITE came.
    pub at: Timestamp,
    /// The trunk it came over.
    pub trunk: String,
    /// The Call-ID of the caller's leg.
    pub sip_call_id: String,
    /// What else the trunk says of the caller.
    pub stated: Stated,
}

/// What a trunk says of a caller beside the number. Texts are printable and short; nothing of it is proven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// The caller's name, unless withheld.
    pub display_name: Option<String>,
    /// Who passed the call on to us, the last to do so first.
    pub diverted_by: Vec<Diverter>,
    /// What the trunk's carrier found out about the caller's number.
    pub verstat: Option<Verstat>,
    /// What the carrier in which the call began vouches for.
    pub attestation: Option<Attestation>,
}

/// Somebody who passed a call on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diverter {
    /// The number, in E.164 where it is one; `anonymous` when withheld.
    pub number: String,
    /// Why, in a word or two.
    pub reason: Option<Cow<'static, str>>,
}

/// An outbound leg, recorded before it costs anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DialIntent {
    /// The call.
    pub call: CallId,
    /// The leg.
    pub leg: LegId,
    /// Whose phone.
    pub person: String,
    /// Which phone.
    pub phone: String,
    /// When.
    pub at: Timestamp,
}

/// How a leg sounded. "Received" and "in" are about what came from that phone, "sent" and "out" about what
/// went to it. Serialises as an element of `legs` of `calls ID --json`; the names are a promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegQuality {
    /// The call.
    #[serde(skip_serializing)]
    pub call: CallId,
    /// The leg.
    #[serde(skip_serializing)]
    pub leg: LegId,
    /// `caller`, or the id of the person whose phone it is.
    pub who: String,
    /// The trunk it went over.
    pub trunk: String,
    /// The name of the codec.
    pub codec: String,
    /// RTP packets that came.
    pub packets_received: u64,
    /// RTP packets that were sent.
    pub packets_sent: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// The same in percent of those that should have.
    pub lost_percent: f64,
    /// Packets that came behind a later one.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_repeated: u64,
    /// The mean interarrival jitter, in ms.
    pub jitter_ms: f64,
    /// The highest there was, in ms.
    pub jitter_max_ms: f64,
    /// From us to the phone and back, in ms, if it told.
    pub round_trip_ms: Option<f64>,
    /// The estimated mean opinion score of what came, from 1 to 4.5; none with less than a second of it.
    pub mos_in: Option<f64>,
    /// The same of what we sent, by the phone's reports, if it told.
    pub mos_out: Option<f64>,
    /// Packets of ours that it says never came, in percent, if it told.
    pub far_lost_percent: Option<f64>,
    /// Its interarrival jitter, in ms, if it told.
    pub far_jitter_ms: Option<f64>,
    /// Packets dropped because they came from elsewhere.
    pub packets_foreign: u64,
    /// Packets dropped because they were not protected with the agreed key, or came again (SRTP).
    pub packets_forged: u64,
    /// Packets dropped because they were no RTP, or of a payload type that was not agreed on.
    pub packets_unusable: u64,
    /// The longest time in ms in which no packet came, once one had.
    pub longest_silence_ms: u64,
    /// No packet ever came.
    pub no_rtp_in: bool,
    /// In the bridge the other side was heard and this one was not.
    pub one_way_in: bool,
    /// It reported that nothing of ours arrives.
    pub one_way_out: bool,
}

/// The end of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: Timestamp,
    /// How it went.
    pub outcome: Outcome,
    /// Who or what ended it, in words (`caller hung up`).
    pub reason: String,
    /// When we answered.
    pub answered_at: Option<Timestamp>,
    /// The name of the route that was chosen.
    pub route: Option<String>,
    /// The id of the person who accepted.
    pub responder: Option<String>,
    /// The caller gave up before anybody answered and before the last person had been tried.
    pub abandoned: bool,
}

/// How a call went, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Still going on.
    Ongoing,
    /// Somebody accepted and was bridged.
    Accepted,
    /// A recording was kept.
    Voicemail,
    /// Neither: nobody accepted, the menu was left, the caller gave up.
    Missed,
    /// On the block list, or not on the allow list.
    Blocked,
    /// We broke it.
    Failed,
}

impl Stated {
    /// What it comes to, in half a sentence; empty where nothing was said.
    pub fn describe(&self) -> String {
        let mut said = Vec::new();
        for (number, diverter) in self.diverted_by.iter().enumerate() {
            let how = if number == 0 { "passed on by" } else { "before that by" };
            let reason = diverter.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            said.push(format!("{how} {}{reason}", diverter.number));
        }
        said.extend(self.verstat.map(|verstat| match verstat {
            Verstat::Passed => "the carrier has verified the number".to_owned(),
            Verstat::Failed => "the carrier takes the number for forged".to_owned(),
            Verstat::NotChecked => "the carrier could not verify the number".to_owned(),
        }));
        said.extend(self.attestation.map(|level| format!("attestation {}", level.as_str())));
        said.join(", ")
    }
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Ongoing, Self::Accepted, Self::Voicemail, Self::Missed, Self::Blocked, Self::Failed];

    /// The word used in output and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ongoing => "ongoing",
            Self::Accepted => "accepted",
            Self::Voicemail => "voicemail",
            Self::Missed => "missed",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }

    /// The outcome a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// One line of a call's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The call.
    #[serde(skip_serializing)]
    pub call: CallId,
    /// Counts from 1 within the call.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub step: Step,
    /// From where it came.
    pub action: Action,
    /// What became of it.
    pub result: StepResult,
    /// The person or route it concerns.
    pub target: Option<String>,
    /// A sentence that a person understands.
    pub detail: String,
}

/// A line with the call it belongs to, which output leaves out.
fn with_call<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Whole<'a> {
        call: CallId,
        #[serde(flatten)]
        event: &'a Event,
    }
    Whole { call: event.call, event }.serialize(serializer)
}

/// The figures of a leg with its call and its number, which output leaves out.
fn with_leg<S: Serializer>(quality: &LegQuality, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Whole<'a> {
        call: CallId,
        leg: LegId,
        #[serde(flatten)]
        quality: &'a LegQuality,
    }
    Whole { call: quality.call, leg: quality.leg, quality }.serialize(serializer)
}

/// Declares an enum whose words in JSON, database and output are its variants' names.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word used in output and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What a line of the timeline is about.
    Step {
        /// The INVITE.
        CallReceived = "CallReceived",
        /// Block list, or not on the allow list.
        CallerBlocked = "CallerBlocked",
        /// The greeting.
        Welcome = "Welcome",
        /// The menu.
        GatherDtmf = "GatherDtmf",
        /// Who is to be rung, and why.
        DialChainResolved = "DialChainResolved",
        /// A phone is rung.
        DialTarget = "DialTarget",
        /// What became of it.
        DialTargetResult = "DialTargetResult",
        /// The answered phone is asked for the accept key.
        ConfirmTarget = "ConfirmTarget",
        /// What it answered.
        ConfirmTargetResult = "ConfirmTargetResult",
        /// Caller and responder hear each other.
        Bridge = "Bridge",
        /// The way to the voicemail.
        Voicemail = "Voicemail",
        /// The recording.
        RecordMessage = "RecordMessage",
        /// The closing message.
        Closing = "Closing",
        /// The end.
        Hangup = "Hangup",
    }
}

words! {
    /// From where a step came.
    Action {
        /// From the network.
        Received = "received",
        /// To the network.
        Sent = "sent",
        /// Our own doing.
        Internal = "internal",
    }
}

words! {
    /// What became of a step.
    StepResult {
        /// Done.
        Processed = "processed",
        /// It did not work; the call goes on.
        Failed = "failed",
        /// Seen, and nothing done about it.
        Ignored = "ignored",
    }
}

words! {
    /// What a carrier found out about the caller's number (STIR/SHAKEN).
    Verstat {
        /// It belongs to whoever calls.
        Passed = "passed",
        /// It is forged, or the proof is.
        Failed = "failed",
        /// Nothing could be found out.
        NotChecked = "not-checked",
    }
}

words! {
    /// The level at which the first carrier vouches for the caller (STIR/SHAKEN).
    Attestation {
        /// For the customer and the number.
        Full = "A",
        /// For the customer.
        Partial = "B",
        /// For the gateway the call came through.
        Gateway = "C",
    }
}

/// Where a call writes its journal. Cheap to clone; writing never waits.
#[derive(Debug, Clone)]
pub struct Journal {
    records: mpsc::UnboundedSender<Record>,
}

impl Journal {
    /// A journal and the end its reader (the store's writer) drains.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Record>) {
        let (records, reader) = mpsc::unbounded_channel();
        (Self { records }, reader)
    }

    /// Writes one entry.
    pub fn write(&self, record: Record) {
        // A store that is gone must not end calls; the daemon raises the alarm.
        let _ = self.records.send(record);
    }

    /// Resolves once everything written so far is durable: in the database, by a COMMIT that has reached the
    /// disk. Never waits longer than `patience`; `false` tells that the disk was slower. While the database takes
    /// nothing the answer is `false` at once: what was written is in the spool then, which outlives the process.
    pub async fn durable(&self, patience: std::time::Duration) -> bool {
        let (done, waiting) = oneshot::channel();
        self.write(Record::Flush(done));
        matches!(tokio::time::timeout(patience, waiting).await, Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(record: &Record) -> String {
        let read: Record = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
        format!("{read:?}")
    }

    #[test]
    fn what_output_leaves_out_of_a_line_is_kept_when_an_entry_is_written_to_a_file() {
        let at = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let event = Event {
            call: CallId(u64::MAX),
            seq: 3,
            at,
            step: Step::DialTargetResult,
            action: Action::Received,
            result: StepResult::Failed,
            target: Some("anna".to_owned()),
            detail: "busy\n\"486\"".to_owned(),
        };
        assert!(!serde_json::to_string(&event).unwrap().contains("call"));
        let record = Record::Step(event);
        assert_eq!(there_and_back(&record), format!("{record:?}"));
    }

    #[test]
    fn a_call_is_the_same_after_it_was_written_to_a_file() {
        let diverter = Diverter { number: "+49301".to_owned(), reason: Some("no answer".into()) };
        let record = Record::Started(Started {
            call: CallId(42),
            hotline: "Emergency".to_owned(),
            number: "+4930123456".to_owned(),
            caller: "anonymous".to_owned(),
            at: Timestamp::from_nanosecond(1_800_000_000_123_456_789).unwrap(),
            trunk: "carrier".to_owned(),
            sip_call_id: "1@carrier".to_owned(),
            stated: Stated {
                display_name: Some("Zoë".to_owned()),
                diverted_by: vec![diverter],
                verstat: Some(Verstat::NotChecked),
                attestation: Some(Attestation::Full),
            },
        });
        assert_eq!(there_and_back(&record), format!("{record:?}"));
    }

    #[test]
    fn whoever_waits_for_the_disk_is_not_written_to_a_file() {
        serde_json::to_string(&Record::Flush(oneshot::channel().0)).unwrap_err();
    }
}
