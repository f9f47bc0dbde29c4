//! Session timers (RFC 4028): how long a call lives without a sign from the other side, and who of the two
//! gives the sign. One value for each leg: what one carrier demands is no concern of the other.

use std::time::Duration;

use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan;

/// The option tag (RFC 4028 3).
pub const OPTION: &str = "timer";
/// The shortest interval that anybody may ask for, in seconds (RFC 4028 5).
pub const MIN_SE: u32 = 90;
/// What is taken for a shorter one that cannot be refused: a peer that breaks the rule must not make us
/// refresh without end.
const FLOOR: u32 = 20;
/// How many hops in a row may each want a longer interval than the one before.
const MAX_RAISES: u8 = 4;
/// BYE goes out this long before the end at the earliest (RFC 4028 10) ...
const MARGIN: Duration = Duration::from_secs(32);

/// Who of the two sides of a request refreshes (RFC 4028 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// Session-Expires (RFC 4028 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub seconds: u32,
    /// Who refreshes, where it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a value; nothing when it does not follow its grammar.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|octet| *octet == b';');
        let seconds = scan::number(scan::trim(parts.next()?))?;
        let refresher = parts.find_map(|part| {
            let (name, word) = scan::split_once(part, b'=')?;
            let is_it = scan::trim(name).eq_ignore_ascii_case(b"refresher");
            is_it.then(|| Refresher::parse(scan::trim(word)))?
        });
        Some(Self { seconds, refresher })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.refresher {
            Some(refresher) => write!(f, "{};refresher={}", self.seconds, refresher.word()),
            None => write!(f, "{}", self.seconds),
        }
    }
}

impl Refresher {
    fn parse(word: &[u8]) -> Option<Self> {
        [Refresher::Uac, Refresher::Uas]
            .into_iter()
            .find(|refresher| word.eq_ignore_ascii_case(refresher.word().as_bytes()))
    }

    fn word(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

/// What a message says of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stated {
    /// `Supported: timer` (or `Require`): its sender can refresh.
    pub supported: bool,
    /// Session-Expires.
    pub expires: Option<SessionExpires>,
    /// Min-SE, in seconds.
    pub min: Option<u32>,
}

impl Stated {
    /// Reads the header fields of a message. One that cannot be read counts as none: no call depends on it
    /// (RFC 3261 8.2.2).
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        let names = [HeaderName::Supported, HeaderName::Require];
        let supported = names.iter().any(|name| {
            let tags = headers.tokens(name).unwrap_or_default();
            tags.iter().any(|tag| tag.eq_ignore_ascii_case(OPTION))
        });
        let read = |name: HeaderName| headers.get(&name).and_then(SessionExpires::parse);
        let min = read(HeaderName::MinSe).map(|min| min.seconds);
        Self { supported, expires: read(HeaderName::SessionExpires), min }
    }
}

/// An interval below [`MIN_SE`]: the answer is 422 with Min-SE (RFC 4028 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session interval is too small")]
pub struct TooSmall;

/// What has to happen when, counted from the last refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// We refresh; nothing when they do.
    pub refresh: Option<Duration>,
    /// Without a refresh, BYE.
    pub end: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    seconds: u32,
    /// It is us who refresh.
    ours: bool,
}

/// The session timer of one leg.
#[derive(Debug, Clone)]
pub struct SessionTimer {
    /// What we ask for on our own, in seconds.
    wanted: Option<u32>,
    /// The largest Min-SE that was heard on the way (RFC 4028 5).
    min: u32,
    /// How often it was raised by a 422.
    raised: u8,
    running: Option<Running>,
}

impl SessionTimer {
    /// Not running. With an interval it is offered and asked for; without one only what the peer demands
    /// is met.
    #[must_use]
    pub fn new(wanted: Option<Duration>) -> Self {
        let seconds = |interval: Duration| u32::try_from(interval.as_secs()).unwrap_or(u32::MAX).max(MIN_SE);
        Self { wanted: wanted.map(seconds), min: MIN_SE, raised: 0, running: None }
    }

    /// The header fields of a request of ours that begins or refreshes a session (RFC 4028 7.1, 7.4);
    /// `Supported` is not among them.
    #[must_use]
    pub fn ask(&self) -> Vec<(HeaderName, String)> {
        let expires = match (self.running, self.wanted) {
            // Whoever refreshes goes on to do it.
            (Some(Running { seconds, ours }), _) => {
                let refresher = if ours { Refresher::Uac } else { Refresher::Uas };
                SessionExpires { seconds: seconds.max(self.min), refresher: Some(refresher) }
            }
            (None, Some(seconds)) => SessionExpires { seconds: seconds.max(self.min), refresher: None },
            (None, None) => return Vec::new(),
        };
        let mut headers = vec![(HeaderName::SessionExpires, expires.to_string())];
        if self.min > MIN_SE {
            headers.push((HeaderName::MinSe, self.min.to_string()));
        }
        headers
    }

    /// Takes a request of theirs that begins or refreshes the session, and tells what the 2xx says
    /// (RFC 4028 9, table 2). It is we who refresh wherever the choice is ours: then the call does not hang
    /// on the other side's remembering.
    ///
    /// # Errors
    /// The interval is too small, and the peer knows what a 422 is. Nothing has changed.
    pub fn answer(&mut self, stated: &Stated) -> Result<Vec<(HeaderName, String)>, TooSmall> {
        if stated.supported && stated.expires.is_some_and(|expires| expires.seconds < MIN_SE) {
            return Err(TooSmall);
        }
        self.min = self.min.max(stated.min.unwrap_or(MIN_SE));
        self.running = match stated.expires {
            Some(SessionExpires { seconds, refresher }) => {
                let ours = !stated.supported || refresher != Some(Refresher::Uac);
                Some(Running { seconds: seconds.max(MIN_SE), ours })
            }
            None if stated.supported => {
                let seconds = self.running.map(|running| running.seconds).or(self.wanted);
                seconds.map(|seconds| Running { seconds: seconds.max(self.min), ours: true })
            }
            None => None,
        };
        let Some(Running { seconds, ours }) = self.running else { return Ok(Vec::new()) };
        let refresher = Some(if ours { Refresher::Uas } else { Refresher::Uac });
        let expires = SessionExpires { seconds, refresher }.to_string();
        let mut headers = vec![(HeaderName::SessionExpires, expires)];
        if stated.supported {
            headers.push((HeaderName::Require, OPTION.to_owned()));
        }
        Ok(headers)
    }

    /// Takes the 2xx of a request of ours (RFC 4028 7.2): the session has the interval it names, or none.
    pub fn accept(&mut self, stated: &Stated) {
        self.running = stated.expires.map(|SessionExpires { seconds, refresher }| Running {
            seconds: seconds.max(FLOOR),
            ours: refresher != Some(Refresher::Uas),
        });
    }

    /// Takes a 422 to a request of ours (RFC 4028 7.3). Whether it is worth asking again: the same interval
    /// would only be refused again.
    pub fn raise(&mut self, stated: &Stated) -> bool {
        let Some(min) = stated.min.filter(|min| *min > self.min) else { return false };
        if self.raised >= MAX_RAISES {
            return false;
        }
        self.raised += 1;
        self.min = min;
        true
    }

    /// What has to happen from a refresh on; nothing while there is no timer.
    #[must_use]
    pub fn schedule(&self) -> Option<Schedule> {
        let Running { seconds, ours } = self.running?;
        let interval = Duration::from_secs(u64::from(seconds));
        Some(if ours {
            Schedule { refresh: Some(interval / 2), end: interval }
        } else {
            // RFC 4028 10: the BYE must be there before the session has run out for everybody else.
            Schedule { refresh: None, end: interval.saturating_sub(MARGIN.min(interval / 3)) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(supported: bool, expires: &str, min: Option<u32>) -> Stated {
        Stated { supported, expires: SessionExpires::parse(expires.as_bytes()), min }
    }

    fn text(headers: &[(HeaderName, String)]) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    fn minutes(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count * 60))
    }

    #[test]
    fn session_expires_is_read_as_carriers_write_it() {
        let expect = |value: &str, seconds, refresher| {
            let read = SessionExpires::parse(value.as_bytes());
            assert_eq!(read, Some(SessionExpires { seconds, refresher }), "{value}");
        };
        expect("1800", 1800, None);
        expect("3600;refresher=uac", 3600, Some(Refresher::Uac));
        expect(" 90 ; x=y ; Refresher = UAS ", 90, Some(Refresher::Uas));
        expect("90;refresher=proxy", 90, None);
        for broken in ["", "soon", "-1", "99999999999"] {
            assert_eq!(SessionExpires::parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn as_uas_we_refresh_unless_the_caller_says_that_he_does() {
        // RFC 4028 table 2, row by row.
        for (supported, asked, answered, ours) in [
            (false, "1800", "Session-Expires: 1800;refresher=uas", true),
            (true, "1800", "Session-Expires: 1800;refresher=uas", true),
            (true, "1800;refresher=uac", "Session-Expires: 1800;refresher=uac", false),
            (true, "1800;refresher=uas", "Session-Expires: 1800;refresher=uas", true),
        ] {
            let mut timer = SessionTimer::new(None);
            let headers = timer.answer(&stated(supported, asked, None)).unwrap();
            assert_eq!(text(&headers).first().map(String::as_str), Some(answered), "{asked}");
            assert_eq!(headers.len() == 2, supported, "Require: timer only to whom it means something");
            assert_eq!(timer.schedule().unwrap().refresh.is_some(), ours, "{asked}");
        }
    }

    #[test]
    fn without_a_demand_we_ask_for_our_own_interval_of_those_who_can() {
        let mut timer = SessionTimer::new(minutes(30));
        let headers = timer.answer(&stated(true, "", None)).unwrap();
        assert_eq!(text(&headers), ["Session-Expires: 1800;refresher=uas", "Require: timer"]);
        assert_eq!(SessionTimer::new(minutes(30)).answer(&stated(false, "", None)), Ok(vec![]));
        assert_eq!(SessionTimer::new(None).answer(&stated(true, "", None)), Ok(vec![]), "off");
    }

    #[test]
    fn below_90_seconds_is_refused_where_422_is_known() {
        let mut timer = SessionTimer::new(None);
        assert_eq!(timer.answer(&stated(true, "89", None)), Err(TooSmall));
        assert_eq!(timer.schedule(), None);
        assert!(timer.answer(&stated(true, "90", None)).is_ok());
        assert!(timer.answer(&stated(false, "60", None)).is_ok(), "a proxy has put it in");
    }

    #[test]
    fn who_refreshes_does_so_at_half_and_who_waits_hangs_up_before_the_end() {
        let mut timer = SessionTimer::new(minutes(30));
        timer.accept(&stated(true, "1800;refresher=uac", None));
        let half = Schedule { refresh: Some(Duration::from_secs(900)), end: Duration::from_secs(1800) };
        assert_eq!(timer.schedule(), Some(half));
        timer.accept(&stated(true, "1800;refresher=uas", None));
        assert_eq!(timer.schedule(), Some(Schedule { refresh: None, end: Duration::from_secs(1768) }));
        timer.accept(&stated(true, "90;refresher=uas", None));
        assert_eq!(timer.schedule(), Some(Schedule { refresh: None, end: Duration::from_secs(60) }));
        timer.accept(&stated(false, "", None));
        assert_eq!(timer.schedule(), None, "a peer without session timers");
    }

    #[test]
    fn a_422_raises_what_we_ask_for_and_only_a_larger_one_is_worth_it() {
        let mut timer = SessionTimer::new(minutes(5));
        assert_eq!(text(&timer.ask()), ["Session-Expires: 300"]);
        assert!(timer.raise(&stated(false, "", Some(900))));
        assert_eq!(text(&timer.ask()), ["Session-Expires: 900", "Min-SE: 900"]);
        assert!(!timer.raise(&stated(false, "", Some(900))));
        assert!(!timer.raise(&stated(false, "", None)), "a 422 has to say what it wants");
    }

    #[test]
    fn a_refresh_of_ours_leaves_the_roles_as_they_are() {
        let mut timer = SessionTimer::new(None);
        assert!(timer.ask().is_empty(), "off, and nothing demanded");
        timer.accept(&stated(true, "1800;refresher=uac", None));
        assert_eq!(text(&timer.ask()), ["Session-Expires: 1800;refresher=uac"]);
        timer.accept(&stated(true, "1800;refresher=uas", None));
        assert_eq!(text(&timer.ask()), ["Session-Expires: 1800;refresher=uas"]);
    }

    #[test]
    fn a_refresh_of_theirs_that_names_no_interval_keeps_the_one_before() {
        let mut timer = SessionTimer::new(None);
        timer.answer(&stated(true, "3600;refresher=uac", None)).unwrap();
        let headers = timer.answer(&stated(true, "", None)).unwrap();
        assert_eq!(text(&headers)[0], "Session-Expires: 3600;refresher=uas");
        assert_eq!(timer.answer(&stated(false, "", None)), Ok(vec![]));
        assert_eq!(timer.schedule(), None);
    }
}
