//! What a media thread is told.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::leg::Leg;
use super::{Opening, Parameters};
use crate::call::leg::{Cut, KeySet, KeyUse};
use crate::switch::clip::Clip;
use crate::switch::recorder::Tap;

/// Names a stream within this run of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token(pub u64);

/// An order to a thread.
#[derive(Debug)]
pub(super) enum Command {
    Open(Token, Box<Opening>),
    Close(Token),
    Bridge(Token, Token),
    Confer(Vec<Token>),
    Leg(Token, Order),
    /// A key in the signalling: it concerns the partner too.
    Press(Token, char),
    /// Lets the thread meet a fault in a leg, or one that ends it.
    #[cfg(test)]
    Break(Option<Token>),
    Shutdown,
}

/// An order that concerns one leg.
#[derive(Debug)]
pub(super) enum Order {
    Configure(Box<Parameters>),
    Play { clip: Arc<Clip>, looped: bool, until: KeySet, done: oneshot::Sender<()> },
    Silence,
    Record(Tap),
    Keys(KeyUse),
    StopRecording { cut: Cut },
}

impl Order {
    /// Does it.
    pub fn carry_out(self, now: Instant, leg: &mut Leg) {
        match self {
            Self::Configure(parameters) => leg.configure(now, *parameters),
            Self::Play { clip, looped, until, done } => leg.play(now, clip, looped, until, done),
            Self::Silence => leg.silence(),
            Self::Record(tap) => leg.record(now, tap),
            Self::Keys(used) => leg.use_keys(used),
            Self::StopRecording { cut } => leg.stop_recording(cut),
        }
    }
}
