//! The settings of a trunk's watch and of what it may cost, checked.

use std::time::Duration;

use toml::Spanned;

use crate::call::settings::Period;
use crate::problem::Problem;
use crate::switch::account::next_hop;
use crate::switch::settings::TrunkSettings;
use crate::switch::spend::Limits;

/// How often a trunk with a server is asked whether it is there, unless the settings say.
pub const PING: Duration = Duration::from_secs(20);
/// How long a call may last, unless the settings say.
pub const MAX_CALL_LENGTH: Duration = Duration::from_secs(4 * 3600);

/// Calls that a trunk may begin in a second, unless the settings say.
pub const CALLS_PER_SECOND: u32 = 50;

/// `ping`: nothing where it is off, or there is nobody to be asked.
pub fn compile_ping(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> Option<Duration> {
    let Some(written) = &settings.ping else {
        return next_hop(settings).is_some().then_some(PING);
    };
    if written.get_ref() == "off" {
        return None;
    }
    if next_hop(settings).is_none() {
        let help = "take `ping` out, or name the `server` that is to be asked";
        problems.push(Problem::error(written.span(), "there is no server to be pinged").help(help));
        return None;
    }
    let every = Period::parse(written.get_ref()).map(|period| period.0);
    if every.is_none_or(|every| every < Duration::from_secs(5) || every > Duration::from_secs(3600)) {
        let message = format!("`{}` is not an interval of pings", written.get_ref());
        problems.push(Problem::error(written.span(), message).help("write \"5s\" to \"1h\", or \"off\""));
        return None;
    }
    every
}

/// `max_call_length`
pub fn compile_length(written: &Spanned<Period>, problems: &mut Vec<Problem>) -> Duration {
    let length = written.get_ref().0;
    if length < Duration::from_secs(60) || length > Duration::from_secs(24 * 3600) {
        let help = "write a length from \"1m\" to \"24h\": a call that is forgotten must end some day";
        problems.push(Problem::error(written.span(), "max_call_length is out of bounds").help(help));
        return MAX_CALL_LENGTH;
    }
    length
}

/// `calls_per_second` of `[trunks.limits]`
pub fn compile_call_rate(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> u32 {
    let Some(written) = &settings.limits.calls_per_second else { return CALLS_PER_SECOND };
    if *written.get_ref() == 0 {
        let help = "a trunk that may not call is one without `sources`; else write 1 or more";
        problems.push(Problem::error(written.span(), "calls_per_second is 0").help(help));
    }
    *written.get_ref()
}

/// What a trunk may cost, of `[trunks.limits]`
pub fn compile_limits(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> Limits {
    let mut limit = |name: &str, written: &Option<Spanned<u32>>| {
        let written = written.as_ref()?;
        if *written.get_ref() == 0 {
            let help =
                "write destinations = [] where nothing may be dialled, or leave the limit out for none";
            problems.push(Problem::error(written.span(), format!("{name} is 0")).help(help));
        }
        Some(*written.get_ref())
    };
    let written = &settings.limits;
    Limits {
        concurrent_legs: limit("concurrent_legs", &written.concurrent_legs),
        legs_per_hour: limit("legs_per_hour", &written.legs_per_hour),
        legs_per_day: limit("legs_per_day", &written.legs_per_day),
        minutes_per_day: limit("minutes_per_day", &written.minutes_per_day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(more: &str) -> (Option<Duration>, Duration, Limits, Vec<String>) {
        let text = format!("name = 'a'\nserver = 'udp:192.0.2.1'\n{more}");
        let settings: TrunkSettings = toml::from_str(&text).unwrap();
        let mut problems = Vec::new();
        let ping = compile_ping(&settings, &mut problems);
        let length = compile_length(&settings.max_call_length, &mut problems);
        let limits = compile_limits(&settings, &mut problems);
        (ping, length, limits, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_trunk_is_pinged_and_its_calls_end_some_day_unless_the_settings_say_otherwise() {
        assert_eq!(compiled(""), (Some(PING), MAX_CALL_LENGTH, Limits::default(), vec![]));
        assert_eq!(compiled("ping = 'off'").0, None);
        assert_eq!(compiled("ping = '2m'").0, Some(Duration::from_secs(120)));
        assert_eq!(compiled("max_call_length = '30m'").1, Duration::from_secs(1800));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let (.., problems) = compiled(
            "ping = 'of'\nmax_call_length = '1s'\n[limits]\nconcurrent_legs = 0\nlegs_per_hour = 5\n",
        );
        assert_eq!(
            problems,
            ["`of` is not an interval of pings", "max_call_length is out of bounds", "concurrent_legs is 0"]
        );
    }

    #[test]
    fn nobody_is_pinged_where_there_is_no_server() {
        let settings: TrunkSettings = toml::from_str("name = 'a'\nsources = ['192.0.2.1/32']\n").unwrap();
        assert_eq!(compile_ping(&settings, &mut Vec::new()), None);
    }
}
