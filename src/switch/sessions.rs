//! What a trunk's settings say of calls that are up: session timers and reliable provisional responses.

use std::time::Duration;

use toml::Spanned;

use crate::call::settings::Period;
use crate::problem::Problem;
use crate::sip::ReliableProvisional;
use crate::sip::session_timer::MIN_SE;
use crate::switch::identity::word;
use crate::switch::settings::TrunkSettings;

/// The interval of a session timer, unless it is set: what RFC 4028 4 recommends.
pub const DEFAULT: Duration = Duration::from_secs(1800);
/// Longer ones keep a dead call for so long that they might as well be off.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

const RELIABLE: [(&str, ReliableProvisional); 3] = [
    ("off", ReliableProvisional::Off),
    ("supported", ReliableProvisional::Supported),
    ("required", ReliableProvisional::Required),
];

/// `session_timer`: a length of time, or `off`.
pub(super) fn compile_timer(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> Option<Duration> {
    let Some(written) = &settings.session_timer else { return Some(DEFAULT) };
    if written.get_ref() == "off" {
        return None;
    }
    let shortest = Duration::from_secs(u64::from(MIN_SE));
    let help = match Period::parse(written.get_ref()).map(|period| period.0) {
        Some(length) if (shortest..=LONGEST).contains(&length) => return Some(length),
        Some(_) => "write 90s to 24h (RFC 4028 allows nothing shorter), or \"off\"",
        None => "write a length of time such as \"30m\", or \"off\"",
    };
    problems.push(unusable(written, help));
    Some(DEFAULT)
}

fn unusable(written: &Spanned<String>, help: &str) -> Problem {
    let message = format!("session_timer cannot be `{}`", written.get_ref());
    Problem::error(written.span(), message).help(help)
}

/// `reliable_provisional`: one of three words.
pub(super) fn compile_reliable(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> ReliableProvisional {
    word("reliable_provisional", settings.reliable_provisional.as_ref(), &RELIABLE, problems)
}
