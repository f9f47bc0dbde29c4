//! What a person does at a phone, and upon which sign.

use std::time::Duration;

use nightbell::call::leg::{Gone, NotAnswered};

/// Something that a leg goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// A caller's INVITE comes in.
    CallsIn,
    /// The script asks for the caller to be answered.
    AnswerAsked,
    /// A phone is dialled.
    Dialled,
    /// It rings.
    Rings,
    /// It is answered, and media can flow.
    Answered,
    /// A prompt with this word in it begins.
    Hears(&'static str),
    /// A prompt with this word in it has been played to its end.
    HasHeard(&'static str),
    /// The leg is bridged.
    Bridged,
    /// It hears several others.
    Conferred,
    /// What it says is recorded.
    Recorded,
}

/// When something is done: a while after a sign.
#[derive(Debug, Clone)]
pub struct Cue {
    /// Whose sign; nothing: one's own.
    pub whose: Option<&'static str>,
    pub sign: Sign,
    /// 1: the first time it is seen.
    pub nth: u32,
    pub delay: Duration,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The phone says that it rings.
    Ring,
    /// The phone is picked up.
    PickUp,
    Press(char),
    /// Presses a star and this key.
    Star(char),
    /// Nothing has ever been heard of the phone, and the switch says so.
    GoUnheard,
    /// Says no more.
    FallSilent,
    /// The disk takes no more of what this leg says.
    LoseDisk,
    /// The leg ends at its far end.
    End(Gone),
    /// The daemon is told to stop.
    StopDaemon,
    /// The switch ends without a word.
    LoseSwitch,
}

/// A person's behaviour at a phone during one call.
#[derive(Debug, Clone, Default)]
pub struct Story(pub Vec<(Cue, Deed)>);

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// At the very moment of a sign.
pub fn upon(sign: Sign) -> Cue {
    Cue { whose: None, sign, nth: 1, delay: Duration::ZERO }
}

/// Half a second into a prompt.
pub fn during(prompt: &'static str) -> Cue {
    upon(Sign::Hears(prompt)).plus(ms(500))
}

/// A second after the end of a prompt.
pub fn after(prompt: &'static str) -> Cue {
    upon(Sign::HasHeard(prompt)).plus(secs(1))
}

impl Cue {
    pub fn plus(mut self, delay: Duration) -> Self {
        self.delay += delay;
        self
    }

    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// The sign is somebody else's.
    pub fn of(mut self, who: &'static str) -> Self {
        self.whose = Some(who);
        self
    }
}

impl Story {
    pub fn does(mut self, deed: Deed, when: Cue) -> Self {
        self.0.push((when, deed));
        self
    }

    pub fn presses(self, key: char, when: Cue) -> Self {
        self.does(Deed::Press(key), when)
    }

    pub fn stars(self, key: char, when: Cue) -> Self {
        self.does(Deed::Star(key), when)
    }

    pub fn hangs_up(self, when: Cue) -> Self {
        self.does(Deed::End(Gone::HungUp), when)
    }
}

/// A phone that rings 200 ms after it is dialled, and is never picked up.
pub fn rings_out() -> Story {
    Story::default().does(Deed::Ring, upon(Sign::Dialled).plus(ms(200)))
}

/// A phone of which nothing is ever heard.
pub fn is_dead() -> Story {
    Story::default()
}

/// A phone that is refused without ringing.
pub fn refused(why: NotAnswered) -> Story {
    Story::default().does(Deed::End(Gone::NotAnswered(why)), upon(Sign::Dialled).plus(ms(300)))
}

pub fn is_busy() -> Story {
    refused(NotAnswered::Busy)
}

/// Somebody who turns the call down on the phone after two seconds of ringing.
pub fn turns_it_down() -> Story {
    let down = Deed::End(Gone::NotAnswered(NotAnswered::Declined));
    rings_out().does(down, upon(Sign::Rings).plus(secs(2)))
}

/// Somebody who picks up after this time of ringing, and then does nothing.
pub fn answers_after(ringing: Duration) -> Story {
    rings_out().does(Deed::PickUp, upon(Sign::Rings).plus(ringing))
}

/// A word of every shipped accept prompt.
pub const ACCEPT_PROMPT: &str = "caller-on-hold";

/// Somebody who picks up after this time of ringing and takes the call with 1.
pub fn accepts_after(ringing: Duration) -> Story {
    answers_after(ringing).presses('1', after(ACCEPT_PROMPT))
}

/// Somebody who calls the hotline.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: &'static str,
    /// The number, if it is not withheld.
    pub number: Option<&'static str>,
    /// When the call comes in.
    pub at: Duration,
    /// Whether there is anything to be heard in a message.
    pub speaks: bool,
    pub story: Story,
}

/// A caller who does nothing but listen.
pub fn caller() -> Caller {
    Caller {
        name: "caller",
        number: Some("+4915155500"),
        at: Duration::ZERO,
        speaks: true,
        story: Story::default(),
    }
}

impl Caller {
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub fn from(self, number: &'static str) -> Self {
        Self { number: Some(number), ..self }
    }

    pub fn anonymous(self) -> Self {
        Self { number: None, ..self }
    }

    pub fn calls_at(self, at: Duration) -> Self {
        Self { at, ..self }
    }

    pub fn says_nothing(self) -> Self {
        Self { speaks: false, ..self }
    }

    pub fn does(self, deed: Deed, when: Cue) -> Self {
        Self { story: self.story.does(deed, when), ..self }
    }

    pub fn presses(self, key: char, when: Cue) -> Self {
        self.does(Deed::Press(key), when)
    }

    pub fn hangs_up(self, when: Cue) -> Self {
        self.does(Deed::End(Gone::HungUp), when)
    }
}
