//! SRTP between the rooms: a trunk's setting, and keys from the signalling for the media.

use crate::problem::Problem;
use crate::rtp::srtp::{Keying, Suite};
use crate::sip::{self, CryptoSuite, SrtpKey, SrtpPolicy};
use crate::switch::account::next_hop;
use crate::switch::identity::word;
use crate::switch::media::SrtpKeys;
use crate::switch::settings::TrunkSettings;

const POLICIES: [(&str, SrtpPolicy); 3] =
    [("off", SrtpPolicy::Off), ("optional", SrtpPolicy::Optional), ("required", SrtpPolicy::Required)];

/// Checks `srtp` of a trunk. Keys travel in the signalling: who can read it can hear the call (RFC 4568 8.1).
pub fn compile_srtp(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> SrtpPolicy {
    let policy = word("srtp", settings.srtp.as_ref(), &POLICIES, problems);
    let clear = next_hop(settings).is_some_and(|server| !server.get_ref().starts_with("tls:"));
    let Some(written) = settings.srtp.as_ref().filter(|_| clear && policy != SrtpPolicy::Off) else {
        return policy;
    };
    let message = format!("srtp on the trunk `{}`, which is not reached over TLS", settings.name.get_ref());
    let help = "its keys would be sent in the clear: write server (or outbound_proxy) = \"tls:HOST\", or srtp = \"off\"";
    problems.push(Problem::error(written.span(), message).help(help));
    policy
}

/// What offer and answer agreed on, for the media threads.
pub fn media_keys(keys: &sip::SrtpKeys) -> SrtpKeys {
    SrtpKeys { send: keying(&keys.send), receive: keying(&keys.receive) }
}

fn keying(key: &SrtpKey) -> Keying {
    let suite = match key.suite {
        CryptoSuite::AesCm128HmacSha1_80 => Suite::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32 => Suite::AesCm128HmacSha1_32,
    };
    Keying { suite, master: key.master.0, mki: key.mki }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(lines: &str) -> (SrtpPolicy, Vec<String>) {
        let settings = toml::from_str(&format!("name = 'a'\n{lines}\n")).unwrap();
        let mut problems = Vec::new();
        let policy = compile_srtp(&settings, &mut problems);
        (policy, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn audio_is_protected_where_the_trunk_is_reached_over_tls() {
        assert_eq!(compiled("server = 'udp:x'"), (SrtpPolicy::Off, Vec::new()));
        assert_eq!(compiled("server = 'udp:x'\nsrtp = 'off'"), (SrtpPolicy::Off, Vec::new()));
        assert_eq!(compiled("server = 'tls:x'\nsrtp = 'required'"), (SrtpPolicy::Required, Vec::new()));
        assert_eq!(compiled("sources = []\nsrtp = 'optional'"), (SrtpPolicy::Optional, Vec::new()));
        let proxied = "server = 'udp:x'\noutbound_proxy = 'tls:y'\nsrtp = 'required'";
        assert_eq!(compiled(proxied), (SrtpPolicy::Required, Vec::new()));
        for server in ["server = 'udp:x'", "server = 'tcp:x'", "server = 'tls:x'\noutbound_proxy = 'tcp:y'"] {
            let (_, problems) = compiled(&format!("{server}\nsrtp = 'optional'"));
            assert_eq!(problems, ["srtp on the trunk `a`, which is not reached over TLS"]);
        }
        let (_, problems) = compiled("server = 'tls:x'\nsrtp = 'require'");
        assert_eq!(problems, ["srtp cannot be `require`"]);
    }
}
