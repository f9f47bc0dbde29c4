//! What is known of the trunks, as verdicts.

use super::{Check, Status};
use crate::switch::health::State;
use crate::switch::report::{AudioTroubles, PingReport, TrunkReport};

/// The verdicts on all trunks.
pub fn checks(trunks: &[TrunkReport], running: bool) -> Vec<Check> {
    let of = |trunk: &TrunkReport| {
        let (names, reach, audio) = (names(trunk), reach(trunk), audio(trunk));
        let checks = [names, reach, registration(trunk, running), state(trunk), limits(trunk), audio];
        checks.into_iter().flatten().map(|check| check.of(&trunk.trunk)).collect::<Vec<_>>()
    };
    trunks.iter().flat_map(of).collect()
}

/// Where its server is.
fn names(trunk: &TrunkReport) -> Option<Check> {
    let server = trunk.server.as_ref()?;
    let help = "check the name, and the name servers in [sip] resolvers or /etc/resolv.conf";
    if trunk.targets.is_empty() {
        let why = trunk.lookup_error.as_deref().unwrap_or("no name server has answered yet");
        return Some(Check::new("dns", Status::Failed, format!("{server} was not found: {why}")).help(help));
    }
    let target = |target: &crate::switch::report::TargetReport| {
        format!("{}:{} ({})", target.host, target.port, target.addresses.join(", "))
    };
    let targets: Vec<_> = trunk.targets.iter().map(target).collect();
    let found = trunk.found_by.as_deref().unwrap_or_default();
    let detail = format!("{server} by {found}: {}", targets.join(", then "));
    Some(match &trunk.lookup_error {
        Some(why) => {
            let detail = format!("{detail}. These are old: {why}");
            Check::new("dns", Status::Warning, detail).help(help)
        }
        None => Check::ok("dns", detail),
    })
}

/// What its servers answered just now. One that answers is enough for calls to go out.
fn reach(trunk: &TrunkReport) -> Option<Check> {
    if trunk.pings.is_empty() {
        return None;
    }
    let alive = |ping: &&PingReport| ping.status.is_some_and(|status| status != 503);
    let answered = trunk.pings.iter().filter(alive).count();
    let detail: Vec<_> = trunk.pings.iter().map(ping).collect();
    let detail = format!("OPTIONS: {}", detail.join("; "));
    let help = "check address, port, transport and certificate, and whether a firewall is in the way; \
                some carriers answer no OPTIONS at all: then set ping = \"off\"";
    Some(match answered {
        0 if trunk.ping_s.is_none() => Check::new(
            "trunk",
            Status::Warning,
            format!("{detail}; ping is \"off\", so this may be as it should"),
        ),
        0 => Check::new("trunk", Status::Failed, detail).help(help),
        some if some < trunk.pings.len() => Check::new("trunk", Status::Warning, detail).help(help),
        _ => Check::ok("trunk", detail),
    })
}

fn ping(ping: &PingReport) -> String {
    match (ping.status, ping.took_ms, &ping.trouble) {
        (Some(status), Some(took), _) => format!("{} answered {status} after {took} ms", ping.server),
        (_, _, Some(why)) => format!("{}: {why}", ping.server),
        _ => format!("{} does not answer", ping.server),
    }
}

fn registration(trunk: &TrunkReport, running: bool) -> Option<Check> {
    let registration = trunk.registration.as_ref()?;
    Some(match (registration.registered, running) {
        (true, _) => Check::ok("registration", format!("registered {}", registration.detail)),
        (false, true) => Check::new("registration", Status::Failed, registration.detail.clone())
            .help("the log of the daemon says what the carrier answered, and what to do"),
        (false, false) => Check::ok("registration", "not tried: no daemon is running"),
    })
}

/// What the daemon thinks of it, where that is no good.
fn state(trunk: &TrunkReport) -> Option<Check> {
    let detail = format!("down for {} s: {}", trunk.state_for_s, trunk.why);
    (trunk.state == State::Down).then(|| Check::new("trunk", Status::Failed, detail))
}

/// What was wrong with the audio of its calls since the daemon was started, where anything was.
fn audio(trunk: &TrunkReport) -> Option<Check> {
    let AudioTroubles { never_any, one_way, nothing_arrives, silent } = trunk.audio;
    let told = [
        (never_any, "without any audio in the first 10 s"),
        (one_way, "heard on one side of a bridge alone"),
        (nothing_arrives, "at which nothing of ours arrived"),
        (silent, "that fell silent for 20 s"),
    ];
    let told: Vec<_> =
        told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let help = "the log of the daemon says for each call what came from where, and what to do; \
                `calls ID` shows what was lost";
    let detail = || format!("legs since the start: {}", told.join(", "));
    (!told.is_empty()).then(|| Check::new("audio", Status::Warning, detail()).help(help))
}

fn limits(trunk: &TrunkReport) -> Option<Check> {
    let calls = format!("{} of {} calls", trunk.calls, trunk.max_calls);
    let used = trunk.limits.iter().map(|limit| format!("{} {} of {}", limit.limit, limit.used, limit.of));
    let detail = std::iter::once(calls).chain(used).collect::<Vec<_>>().join(", ");
    let reached = trunk.limits.iter().any(|limit| limit.used >= limit.of);
    let near = trunk.limits.iter().any(|limit| limit.used * 10 >= limit.of * 8);
    Some(match (reached, near || trunk.calls >= trunk.max_calls) {
        (true, _) => Check::new("limits", Status::Failed, detail)
            .help("nothing more is dialled over it until the use falls: see [trunks.limits]"),
        (false, true) => Check::new("limits", Status::Warning, detail),
        (false, false) => Check::ok("limits", detail),
    })
}
