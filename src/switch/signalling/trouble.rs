//! Legs that are not heard or do not hear: said once in the log with what may help, counted, and told to the
//! script where it can do something about it.

use std::fmt;

use super::Signalling;
use super::legs::LiveLeg;
use crate::call::leg::{Gone, LegId};
use crate::switch::media::{Clue, MediaEvent, Refusal, Refused};
use crate::switch::report::AudioTroubles;
use crate::switch::trunks::Trunk;

/// What is wrong with a leg's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    NeverAny,
    OneWay,
    NothingArrives,
    Silent,
}

impl Signalling {
    pub(super) fn media_event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Timeout { leg } => self.legs.with_name(leg, |leg| {
                tracing::warn!(call = %leg.call, leg = %leg.name, who = leg.who, "no media for too long: the leg is ended");
                leg.events.gone(Gone::MediaTimeout);
            }),
            MediaEvent::Broken { leg } => self.legs.with_name(leg, |leg| {
                tracing::error!(call = %leg.call, leg = %leg.name, who = leg.who, "its audio broke: the leg is ended");
                leg.events.gone(Gone::Broken("its audio broke".to_owned()));
            }),
            MediaEvent::Unheard { leg } => self.legs.with_name(leg, |leg| leg.events.unheard()),
            MediaEvent::NeverAnyMedia { leg, clue } => self.trouble(leg, Trouble::NeverAny, &clue),
            MediaEvent::OneWay { leg, clue } => self.trouble(leg, Trouble::OneWay, &clue),
            MediaEvent::NothingArrives { leg, clue } => self.trouble(leg, Trouble::NothingArrives, &clue),
            MediaEvent::Silent { leg, clue } => self.trouble(leg, Trouble::Silent, &clue),
        }
    }

    /// Counts and tells it, unless the leg has just ended.
    fn trouble(&mut self, leg: LegId, trouble: Trouble, clue: &Clue) {
        let table = self.standing.borrow().table.clone();
        let Some(leg) = self.legs.named(leg) else { return };
        let Some(trunk) = table.trunks.get(leg.trunk).map(|known| &known.trunk) else { return };
        let counted = self.audio_troubles.entry(trunk.name.clone()).or_default();
        let since_start = trouble.count(counted);
        trouble.tell(leg, trunk, clue, since_start);
    }
}

impl Trouble {
    /// Returns how often it has happened on the trunk since the start.
    fn count(self, counted: &mut AudioTroubles) -> u64 {
        let figure = match self {
            Self::NeverAny => &mut counted.never_any,
            Self::OneWay => &mut counted.one_way,
            Self::NothingArrives => &mut counted.nothing_arrives,
            Self::Silent => &mut counted.silent,
        };
        *figure = figure.saturating_add(1);
        *figure
    }

    fn tell(self, leg: &LiveLeg, trunk: &Trunk, clue: &Clue, since_start: u64) {
        let port = leg.stream.rtp_port();
        let help: &dyn fmt::Display = match self {
            Self::NothingArrives => &Outward(clue),
            Self::NeverAny | Self::OneWay | Self::Silent => &Inward { trunk, clue, port },
        };
        tracing::warn!(call = %leg.call, leg = %leg.name, who = leg.who, trunk = trunk.name, since_start,
            "{self}: {help}");
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverAny => "no media has come for 10 s",
            Self::OneWay => "one-way audio: the other side of the bridge is heard, this one is not",
            Self::NothingArrives => "one-way audio: the phone reports that nothing of ours arrives",
            Self::Silent => "no media comes any more: is the trunk gone?",
        })
    }
}

/// Why nothing of a leg is heard, and what to do.
struct Inward<'a> {
    trunk: &'a Trunk,
    clue: &'a Clue,
    port: u16,
}

impl fmt::Display for Inward<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, port) = (&self.trunk.name, self.port);
        let Some(Refused { from, why }) = self.clue.refused else {
            return write!(
                f,
                "nothing arrives at UDP port {port}. Look at the firewall, at port forwarding, and at `public_address`; or the phone is muted"
            );
        };
        let expected = Expected(self.clue);
        let ip = from.ip();
        let is_allowed =
            self.trunk.sources.iter().chain(&self.trunk.media_sources).any(|network| network.contains(&ip));
        match why {
            Refusal::Stranger if is_allowed => write!(
                f,
                "audio comes from {from}, and the stream was already bound to {expected}: the carrier has moved it without a re-INVITE"
            ),
            Refusal::Stranger => write!(
                f,
                "audio comes from {from}, which is neither in the SDP ({expected}) nor in `media_sources` of trunk `{name}`. If it is the carrier's, add its network there"
            ),
            Refusal::Unproven => {
                write!(f, "audio comes from {from}, but never four packets in a row: the way loses too much")
            }
            Refusal::Unauthentic => write!(
                f,
                "what comes from {from} is not protected with the key that was agreed on (SRTP): compare `srtp` of trunk `{name}` with the carrier's"
            ),
            Refusal::Unreadable => write!(f, "what comes from {from} is no RTP"),
            Refusal::PayloadType(number) => write!(
                f,
                "{from} sends payload type {number}, which was not agreed on: compare `codecs` of trunk `{name}` with the carrier's"
            ),
        }
    }
}

/// Why nothing of ours arrives.
struct Outward<'a>(&'a Clue);

impl fmt::Display for Outward<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it is sent to {}. Look at the firewall on the way out, and at `public_address` where the far side compares",
            Expected(self.0)
        )
    }
}

/// Where a stream is spoken to.
struct Expected<'a>(&'a Clue);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.expected {
            Some(address) => address.fmt(f),
            None => f.write_str("nowhere yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(from: &str, why: Refusal) -> String {
        let trunk =
            Trunk { media_sources: vec!["198.51.100.0/24".parse().unwrap()], ..Trunk::named("carrier") };
        let refused = Some(Refused { from: from.parse().unwrap(), why });
        let clue = Clue { expected: Some("192.0.2.1:4000".parse().unwrap()), refused };
        Inward { trunk: &trunk, clue: &clue, port: 20_000 }.to_string()
    }

    #[test]
    fn the_log_says_where_audio_comes_from_that_is_dropped_and_what_would_let_it_in() {
        assert_eq!(
            help("203.0.113.4:5000", Refusal::Stranger),
            "audio comes from 203.0.113.4:5000, which is neither in the SDP (192.0.2.1:4000) nor in `media_sources` \
             of trunk `carrier`. If it is the carrier's, add its network there"
        );
        assert!(help("198.51.100.7:5000", Refusal::Stranger).contains("without a re-INVITE"));
        assert!(help("192.0.2.1:4000", Refusal::PayloadType(18)).contains("payload type 18"));
        assert!(help("192.0.2.1:4000", Refusal::Unauthentic).contains("`srtp`"));
    }

    #[test]
    fn where_nothing_arrives_at_all_the_log_names_the_port_to_look_at() {
        let clue = Clue { expected: None, refused: None };
        let help = Inward { trunk: &Trunk::named("carrier"), clue: &clue, port: 20_000 }.to_string();
        assert!(help.contains("UDP port 20000") && help.contains("`public_address`"), "{help}");
        assert!(Outward(&clue).to_string().contains("nowhere yet"));
    }

    #[test]
    fn troubles_are_counted_each_for_itself() {
        let mut counted = AudioTroubles::default();
        let count: Vec<_> = [Trouble::OneWay, Trouble::Silent, Trouble::OneWay, Trouble::NeverAny]
            .map(|trouble| trouble.count(&mut counted))
            .into();
        assert_eq!(count, [1, 1, 2, 1]);
        assert_eq!(counted.nothing_arrives, 0);
    }
}
