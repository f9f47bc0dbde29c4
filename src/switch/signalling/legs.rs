//! The legs that are alive, by the endpoint's name and by the script's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::costs::Cost;
use super::placing::Attempt;
use crate::call::CallId;
use crate::call::leg::{LegEvents, LegId};
use crate::sip;
use crate::sip::spare::give_back;
use crate::switch::media::Stream;
use crate::switch::prompts::Library;
use crate::switch::recorder::Joint;
use crate::switch::table::HeldSlots;

/// One leg: where its news go, and its media.
#[derive(Debug)]
pub(in crate::switch) struct LiveLeg {
    pub(super) name: LegId,
    pub(super) call: CallId,
    pub(super) trunk: usize,
    /// `caller`, or the id of the person whose phone it is.
    pub(super) who: String,
    pub(super) events: LegEvents,
    pub(super) stream: Stream,
    /// The prompts as they were when the call began: its script knows no others.
    pub(super) library: Arc<Library>,
    /// The caller's leg: its keys may be heard in its audio (RFC 4733 never seen).
    pub(super) caller: bool,
    /// What was agreed on, once something was.
    pub(super) codec: Option<sip::Codec>,
    /// Answered, and the answer acknowledged.
    pub(super) up: bool,
    /// A restart would have to send it a BYE.
    pub(super) stored: bool,
    /// Waits for the caller's ACK.
    pub(super) answered: Option<oneshot::Sender<()>>,
    /// The script has let go of it; it hears its last words.
    pub(super) released: bool,
    /// The trunks' slots it holds: a caller's for both legs of the call, a responder's where it is
    /// rung over another trunk than was reserved.
    pub(super) slots: Option<HeldSlots>,
    /// It ends when a caller needs its slots.
    pub(super) gives_way: bool,
    /// The recording of the call, for those who join it; of a caller's leg.
    pub(super) recording: Option<Joint>,
    /// Which phone of the call was dialled last in the slot that the caller's leg holds for it.
    pub(super) reserve_used_by: Option<LegId>,
    /// How a responder's phone is being reached.
    pub(super) attempt: Option<Box<Attempt>>,
    /// What a responder's leg costs.
    pub(super) cost: Option<Cost>,
    /// When it has lasted as long as its trunk lets one last.
    pub(super) ends_at: Option<Instant>,
}

/// All legs.
#[derive(Debug, Default)]
pub(in crate::switch) struct Legs {
    by_dialog: HashMap<sip::LegId, LiveLeg>,
    by_name: HashMap<LegId, sip::LegId>,
    /// When legs end that last too long.
    ends: BTreeSet<(Instant, sip::LegId)>,
}

impl Legs {
    /// The leg may last until then.
    pub(super) fn ends_at(&mut self, dialog: sip::LegId, at: Instant) {
        if let Some(leg) = self.by_dialog.get_mut(&dialog) {
            leg.ends_at = Some(at);
            self.ends.insert((at, dialog));
        }
    }

    /// When the first of them ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Takes the mark off a leg whose time is over.
    pub(super) fn take_ended(&mut self, now: Instant) -> Option<sip::LegId> {
        let (at, dialog) = self.ends.first().copied().filter(|(at, _)| *at <= now)?;
        self.ends.remove(&(at, dialog));
        Some(dialog)
    }

    /// Every leg.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut LiveLeg> {
        self.by_dialog.values_mut()
    }

    /// One that gives way to callers, if there is any.
    pub(super) fn gives_way(&self) -> Option<sip::LegId> {
        self.by_dialog.iter().find(|(_, leg)| leg.gives_way).map(|(dialog, _)| *dialog)
    }

    pub(super) fn insert(&mut self, dialog: sip::LegId, leg: LiveLeg) {
        self.by_name.insert(leg.name, dialog);
        self.by_dialog.insert(dialog, leg);
    }

    pub(super) fn remove(&mut self, dialog: sip::LegId) -> Option<LiveLeg> {
        let leg = self.by_dialog.remove(&dialog)?;
        self.by_name.remove(&leg.name);
        give_back(&mut self.by_dialog);
        give_back(&mut self.by_name);
        if let Some(at) = leg.ends_at {
            self.ends.remove(&(at, dialog));
        }
        Some(leg)
    }

    pub(super) fn get(&mut self, dialog: sip::LegId) -> Option<&mut LiveLeg> {
        self.by_dialog.get_mut(&dialog)
    }

    pub(super) fn dialog(&self, name: LegId) -> Option<sip::LegId> {
        self.by_name.get(&name).copied()
    }

    pub(super) fn named(&self, name: LegId) -> Option<&LiveLeg> {
        self.by_dialog.get(&self.dialog(name)?)
    }

    pub(super) fn stream(&self, name: LegId) -> Option<&Stream> {
        Some(&self.named(name)?.stream)
    }

    pub(super) fn dialogs(&self) -> Vec<sip::LegId> {
        self.by_dialog.keys().copied().collect()
    }

    pub(super) fn with(&mut self, dialog: sip::LegId, news: impl FnOnce(&mut LiveLeg)) {
        if let Some(leg) = self.by_dialog.get_mut(&dialog) {
            news(leg);
        }
    }

    pub(super) fn with_name(&mut self, name: LegId, news: impl FnOnce(&mut LiveLeg)) {
        if let Some(dialog) = self.dialog(name) {
            self.with(dialog, news);
        }
    }
}
