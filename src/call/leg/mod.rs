//! A leg: a phone as the script sees it. Handles and channels only; the switch is at the other end.
//!
//! A leg's handle exists from the moment it is dialled (or arrives), and letting go of it in any
//! state releases the phone: the switch decides whether that is a CANCEL, a BYE or a refusal.
//! `request` is what the script asks of the switch, `events` what the switch tells of a phone.

mod events;
mod request;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot, watch};

pub use self::events::{Gone, KeySource, LegEvents, NotAnswered, Progress};
pub use self::request::{Cut, Dial, Farewell, KeySet, KeyUse, Limits, Recorded, Recording, Request};
use crate::call::prompt::{Memo, Prompt};

/// Keys that wait for the script; more of them are forgotten.
const UNREAD_KEYS: usize = 32;

/// Names a leg within this run of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

/// What became of words that somebody was to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// They were played to their end.
    Whole,
    /// They were not.
    Cut,
    /// The leg is gone.
    Gone(Gone),
}

/// What came first while a leg was listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A key.
    Key(char),
    /// The prompt is over, or the time is.
    Nothing,
    /// The leg is gone.
    Gone(Gone),
}

/// What came first of somebody who is in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The key of a command, without its star.
    Command(char),
    /// A key.
    Key(char),
    /// The leg is gone.
    Gone(Gone),
}

/// A phone, as the script holds it.
#[derive(Debug)]
pub struct Leg {
    id: LegId,
    requests: mpsc::UnboundedSender<Request>,
    detours: Arc<Mutex<Vec<String>>>,
    progress: watch::Receiver<Progress>,
    keys: mpsc::Receiver<(char, KeySource)>,
    key_source: KeySource,
    commands: mpsc::Receiver<char>,
    unheard: Arc<Notify>,
    gone: watch::Receiver<Option<Gone>>,
    farewell: Farewell,
    clip: Option<Prompt>,
}

impl Leg {
    /// A new leg and the switch's end of it.
    pub fn new(requests: mpsc::UnboundedSender<Request>) -> (Self, LegEvents) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = LegId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (progress_tx, progress) = watch::channel(Progress::Calling(0));
        let (keys_tx, keys) = mpsc::channel(UNREAD_KEYS);
        let (commands_tx, commands) = mpsc::channel(UNREAD_KEYS);
        let (gone_tx, gone) = watch::channel(None);
        let unheard = Arc::<Notify>::default();
        let detours = Arc::<Mutex<Vec<String>>>::default();
        let leg = Self {
            id,
            requests,
            detours: detours.clone(),
            progress,
            keys,
            key_source: KeySource::Told,
            commands,
            unheard: unheard.clone(),
            gone,
            farewell: Farewell::Done,
            clip: None,
        };
        let events = LegEvents {
            detours,
            progress: progress_tx,
            keys: keys_tx,
            commands: commands_tx,
            unheard,
            gone: gone_tx,
        };
        (leg, events)
    }

    /// Its name.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// How the leg ended, once it has.
    pub fn gone(&self) -> GoneWatch {
        GoneWatch(self.gone.clone())
    }

    /// Whether nothing has ever been heard of the phone.
    pub fn unheard(&self) -> Unheard {
        Unheard(self.unheard.clone())
    }

    /// What is told to the other side if the handle is let go of from now on.
    pub fn on_release(&mut self, farewell: Farewell, clip: Option<Prompt>) {
        self.farewell = farewell;
        self.clip = clip.filter(|clip| !clip.is_empty());
    }

    /// Answers the caller, and waits until media can flow.
    pub async fn answer(&mut self) -> Result<(), Gone> {
        let (done, answered) = oneshot::channel();
        self.ask(Request::Answer { leg: self.id, done });
        match answered.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().ended().await),
        }
    }

    /// Waits for a dialled phone: `patience` for the first sign of ringing, then `ring`.
    pub async fn rung(&mut self, patience: Duration, ring: Duration) -> Ring {
        match self.progressed(Progress::Ringing, patience).await {
            Some(Ring::Ringing) => {}
            Some(other) => return other,
            None => return Ring::Silent,
        }
        self.progressed(Progress::Answered, ring).await.unwrap_or(Ring::RangOut)
    }

    async fn progressed(&mut self, to: Progress, within: Duration) -> Option<Ring> {
        let mut gone = self.gone();
        let progress = &mut self.progress;
        let mut seen = *progress.borrow_and_update();
        loop {
            let further = |now: &Progress| *now >= to || *now > seen;
            let far = tokio::select! {
                biased;
                far = async { progress.wait_for(further).await.map(|now| *now) } => far,
                why = gone.ended() => return Some(Ring::Gone(why)),
                () = tokio::time::sleep(within) => return None,
            };
            match far {
                Ok(Progress::Answered) => return Some(Ring::Answered),
                Ok(Progress::Ringing) => return Some(Ring::Ringing),
                Ok(way @ Progress::Calling(_)) => seen = way,
                Err(_) => return Some(Ring::Gone(gone.ended().await)),
            }
        }
    }

    /// The ways in which the phone could not be reached, before the one that counts, and whether the call
    /// came back to us; for the record, in words.
    pub fn detours(&self) -> Vec<String> {
        self.detours.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a prompt; the result resolves at its end. It goes on when the result is dropped.
    pub fn start(&self, prompt: &Prompt, looped: bool) -> Playing {
        self.start_until(prompt, looped, KeySet::NONE)
    }

    fn start_until(&self, prompt: &Prompt, looped: bool, until: KeySet) -> Playing {
        let (done, ended) = oneshot::channel();
        if prompt.is_empty() {
            let _ = done.send(());
        } else {
            self.ask(Request::Play { leg: self.id, prompt: prompt.clone(), looped, until, done });
        }
        Playing(ended)
    }

    /// Plays a prompt to its end, or to the first key: barge-in.
    pub async fn play(&mut self, prompt: &Prompt) -> Heard {
        self.play_unless(prompt, |_| true).await
    }

    /// Plays a prompt to its end, or to the first key that means something. Other keys are
    /// forgotten, and the prompt goes on.
    pub async fn play_unless(&mut self, prompt: &Prompt, means: impl Fn(char) -> bool) -> Heard {
        let mut playing = self.start_until(prompt, false, KeySet::of(&means));
        let mut gone = self.gone();
        loop {
            tokio::select! {
                biased;
                why = gone.ended() => return Heard::Gone(why),
                Some((key, source)) = self.keys.recv() => if means(key) {
                    self.key_source = source;
                    self.silence();
                    return Heard::Key(key);
                },
                () = playing.ended() => return self.key_at_the_end(means),
            }
        }
    }

    /// A prompt that a key has stopped is over; that key came before.
    fn key_at_the_end(&mut self, means: impl Fn(char) -> bool) -> Heard {
        while let Ok((key, source)) = self.keys.try_recv() {
            if means(key) {
                self.key_source = source;
                return Heard::Key(key);
            }
        }
        Heard::Nothing
    }

    /// Plays a prompt to the caller to its end; keys pressed during it are forgotten. Does not
    /// return to a script whose caller is gone: the run ends it, and it must not go on till then.
    pub async fn say(&mut self, prompt: &Prompt) {
        let mut gone = self.gone();
        let mut playing = self.start(prompt, false);
        tokio::select! {
            biased;
            _ = gone.ended() => std::future::pending().await,
            () = playing.ended() => {}
        }
        self.forget_keys();
    }

    /// Plays a prompt that must have been heard: tells whether it was played to its end. Keys pressed
    /// during it are forgotten.
    pub async fn tell(&mut self, prompt: &Prompt) -> Told {
        let mut gone = self.gone();
        let mut playing = self.start(prompt, false);
        let told = tokio::select! {
            biased;
            why = gone.ended() => return Told::Gone(why),
            played = &mut playing.0 => if played.is_ok() { Told::Whole } else { Told::Cut },
        };
        self.forget_keys();
        told
    }

    /// Waits for a key.
    pub async fn key(&mut self, within: Duration) -> Heard {
        let mut gone = self.gone();
        tokio::select! {
            biased;
            why = gone.ended() => Heard::Gone(why),
            Some((key, source)) = self.keys.recv() => {
                self.key_source = source;
                Heard::Key(key)
            }
            () = tokio::time::sleep(within) => Heard::Nothing,
        }
    }

    /// How the phone told of the key that was heard last.
    pub fn key_source(&self) -> KeySource {
        self.key_source
    }

    /// Waits for a command ([`KeyUse::Commands`]); with `keys`, for any key.
    pub async fn listen(&mut self, keys: bool) -> Said {
        let mut gone = self.gone();
        tokio::select! {
            biased;
            why = gone.ended() => Said::Gone(why),
            Some(key) = self.commands.recv() => Said::Command(key),
            Some((key, _)) = self.keys.recv(), if keys => Said::Key(key),
        }
    }

    /// What its keys are for from now on.
    pub fn use_keys(&self, used: KeyUse) {
        self.ask(Request::Keys { leg: self.id, used });
    }

    /// Forgets the keys pressed so far.
    pub fn forget_keys(&mut self) {
        while self.keys.try_recv().is_ok() {}
    }

    /// Stops what is being played.
    pub fn silence(&self) {
        self.ask(Request::Silence { leg: self.id });
    }

    /// Lets two answered legs hear each other.
    pub fn bridge(&self, other: &Leg) {
        self.ask(Request::Bridge(self.id, other.id));
    }

    /// Lets several answered legs hear each other.
    pub fn confer<'a>(&self, others: impl Iterator<Item = &'a Leg>) {
        self.ask(Request::Confer(std::iter::once(self.id).chain(others.map(Leg::id)).collect()));
    }

    /// Whether there is room for a recording. The error says in words what is in the way; a disk that
    /// does not answer in time is, too.
    pub async fn room(&self, what: Recording, patience: Duration) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        self.ask(Request::Room { what, done });
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the switch has stopped".to_owned()),
            Err(_) => Err("the disk does not say in time whether it has room".to_owned()),
        }
    }

    /// Records what is said on this leg. The receiver resolves once the file is whole. A recording of the same
    /// name is replaced then, unless there is nothing to keep of this one.
    pub fn record(&self, name: String, limits: Limits) -> oneshot::Receiver<Recorded> {
        let (done, recorded) = oneshot::channel();
        self.ask(Request::Record { leg: self.id, name, limits, done });
        recorded
    }

    /// Makes a recording ready to be played, `patience` at most. Nothing: it is not there, cannot be read, or the
    /// disk is slow.
    pub async fn load(&self, name: String, patience: Duration) -> Option<Memo> {
        let (done, loaded) = oneshot::channel();
        self.ask(Request::Load { name, done });
        tokio::time::timeout(patience, loaded).await.ok()?.ok().flatten()
    }

    /// Takes a few words into memory, `longest` at most; silence ends them. The receiver resolves once they can be
    /// played.
    pub fn record_name(&self, longest: Duration) -> oneshot::Receiver<Option<Memo>> {
        let (done, said) = oneshot::channel();
        self.ask(Request::RecordName { leg: self.id, longest, done });
        said
    }

    /// Records what is said on this leg and on those that it hears.
    pub fn record_bridge<'a>(
        &self,
        others: impl Iterator<Item = &'a Leg>,
        name: String,
    ) -> oneshot::Receiver<Recorded> {
        let (done, recorded) = oneshot::channel();
        let responders = others.map(Leg::id).collect();
        self.ask(Request::RecordBridge { caller: self.id, responders, name, done });
        recorded
    }

    /// Somebody else whom this leg hears joins the recording.
    pub fn record_also(&self, other: &Leg) {
        self.ask(Request::JoinRecording { caller: self.id, leg: other.id });
    }

    /// Ends the recording, without what is to be cut off its end.
    pub fn stop_recording(&self, cut: Cut) {
        self.ask(Request::StopRecording { leg: self.id, cut });
    }

    fn ask(&self, request: Request) {
        // A switch that is gone has ended every leg: the watch tells.
        let _ = self.requests.send(request);
    }
}

/// What became of a dialled phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It rang for as long as it may.
    RangOut,
    /// It never rang in the time that may take.
    Silent,
    /// It was refused, or could not be reached.
    Gone(Gone),
}

/// Tells when and how a leg ends.
#[derive(Debug, Clone)]
pub struct GoneWatch(watch::Receiver<Option<Gone>>);

impl GoneWatch {
    /// Resolves when the leg is gone.
    pub async fn ended(&mut self) -> Gone {
        match self.0.wait_for(Option::is_some).await {
            Ok(gone) => gone.clone().unwrap_or(Gone::HungUp),
            Err(_) => Gone::Broken("the switch has stopped".to_owned()),
        }
    }

    /// How the leg ended, if it has.
    pub fn now(&self) -> Option<Gone> {
        self.0.borrow().clone()
    }
}

/// A prompt that is being played.
#[derive(Debug)]
pub struct Playing(oneshot::Receiver<()>);

/// Tells once in a call that nothing is heard of a phone, to whoever can say so first.
#[derive(Debug)]
pub struct Unheard(Arc<Notify>);

impl Unheard {
    /// Resolves when it is so.
    pub async fn told(&self) {
        self.0.notified().await;
    }

    /// Whether it is so now.
    pub async fn is_told(&self) -> bool {
        tokio::select! {
            biased;
            () = self.told() => true,
            () = std::future::ready(()) => false,
        }
    }
}

impl Playing {
    /// Resolves at the end of the prompt, or when something took its place.
    pub async fn ended(&mut self) {
        let _ = (&mut self.0).await;
    }

    /// The same. Tells whether it was played to its end.
    pub async fn whole(&mut self) -> bool {
        (&mut self.0).await.is_ok()
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        // A script that breaks lets go of its legs: whoever is not yet answered gets a 500.
        let reason = if std::thread::panicking() { Farewell::Broken } else { self.farewell };
        let _ = self.requests.send(Request::Release { leg: self.id, clip: self.clip.take(), reason });
    }
}

#[cfg(test)]
mod tests {
    use super::request::KEYS;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_to_begin_to_ring_is_given_to_each_way_a_phone_is_called_in() {
        let (mut leg, events) = Leg::new(mpsc::unbounded_channel().0);
        let patience = Duration::from_secs(6);
        let carrier = async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                events.another_way("no answer");
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
            events.ringing();
        };
        let (rung, ()) = tokio::join!(leg.rung(patience, patience), carrier);
        assert_eq!(leg.detours().len(), 3);
        assert_eq!(rung, Ring::RangOut, "it rang in time, and the time of ringing counts from there");
        let (mut silent, _events) = Leg::new(mpsc::unbounded_channel().0);
        assert_eq!(silent.rung(patience, patience).await, Ring::Silent);
    }

    #[tokio::test]
    async fn keys_that_nobody_reads_do_not_pile_up() {
        let (mut leg, events) = Leg::new(mpsc::unbounded_channel().0);
        (0..10 * UNREAD_KEYS).for_each(|_| events.key('1', KeySource::Told));
        assert_eq!(leg.keys.len(), UNREAD_KEYS);
        leg.forget_keys();
        events.key('2', KeySource::Told);
        assert_eq!(leg.key(Duration::from_secs(1)).await, Heard::Key('2'));
    }

    #[tokio::test]
    async fn a_leg_that_a_broken_script_lets_go_of_is_released_as_broken() {
        let (requests, mut asked) = mpsc::unbounded_channel();
        let (leg, _events) = Leg::new(requests);
        let script = async move {
            let _leg = leg;
            panic!("a fault of ours");
        };
        assert!(tokio::spawn(script).await.unwrap_err().is_panic());
        let released = asked.recv().await;
        assert!(matches!(released, Some(Request::Release { reason: Farewell::Broken, .. })), "{released:?}");
    }

    #[tokio::test]
    async fn a_prompt_is_started_with_the_keys_that_stop_it_and_the_key_that_did_is_heard() {
        let (requests, mut asked) = mpsc::unbounded_channel();
        let (mut leg, events) = Leg::new(requests);
        let switch = async {
            let Some(Request::Play { until, done, .. }) = asked.recv().await else { panic!("a prompt") };
            assert_eq!(KEYS.into_iter().filter(|key| until.contains(*key)).collect::<String>(), "12");
            events.key('9', KeySource::Told);
            events.key('2', KeySource::Told);
            drop(done);
        };
        let prompt = Prompt(vec![crate::call::prompt::Piece::Pause(1000)]);
        let play = leg.play_unless(&prompt, |key| matches!(key, '1' | '2'));
        let (heard, ()) = tokio::join!(play, switch);
        assert_eq!(heard, Heard::Key('2'));
    }
}
