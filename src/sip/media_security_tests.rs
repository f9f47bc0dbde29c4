//! Offers and answers with a=crypto, from both sides.

use proptest::prelude::*;

use super::*;
use crate::sip::offer_answer::{Agreed, Codec, LocalMedia, Negotiation, NegotiationError};

use SrtpPolicy::{Off, Optional, Required};

const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER_KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

fn side(policy: SrtpPolicy, transport: Transport, seed: u8) -> Negotiation {
    let media = LocalMedia {
        address: "192.0.2.1".parse().unwrap(),
        rtp_port: 20_000,
        codecs: vec![Codec::Pcma],
        session_id: u64::from(seed),
    };
    Negotiation::secured(media, MediaSecurity::new(policy, transport, [seed; 32]))
}

fn over_tls(policy: SrtpPolicy) -> Negotiation {
    side(policy, Transport::Tls, 1)
}

/// A description of the peer: `P` in its lines stands for the port, `KEY` for a key.
fn peer(version: u32, lines: &str) -> Vec<u8> {
    let lines = lines.replace("OTHERKEY", OTHER_KEY).replace("KEY", KEY).replace('\n', "\r\n");
    format!("v=0\r\no=- 1 {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{lines}")
        .into_bytes()
}

fn text(description: &[u8]) -> String {
    String::from_utf8(description.to_vec()).unwrap()
}

fn crypto_lines(description: &[u8]) -> Vec<String> {
    text(description).lines().filter(|line| line.starts_with("a=crypto")).map(str::to_owned).collect()
}

fn protocol(description: &[u8]) -> String {
    let text = text(description);
    text.lines().find(|line| line.starts_with("m=")).unwrap().split(' ').nth(2).unwrap().to_owned()
}

fn suite(agreed: &Agreed) -> Option<CryptoSuite> {
    agreed.srtp.as_ref().map(|keys| keys.send.suite)
}

const AVP: &str = "m=audio 5000 RTP/AVP 8\n";
const SAVP: &str = "m=audio 5000 RTP/SAVP 8\n";
const LINE_80: &str = "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:1\n";
const LINE_32: &str = "a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:OTHERKEY\n";

#[test]
fn each_policy_offers_what_it_says_and_keys_go_over_tls_alone() {
    for (policy, transport, expected, lines) in [
        (Off, Transport::Tls, "RTP/AVP", 0),
        (Optional, Transport::Tls, "RTP/AVP", 2),
        (Required, Transport::Tls, "RTP/SAVP", 2),
        (Optional, Transport::Udp, "RTP/AVP", 0),
        (Optional, Transport::Tcp, "RTP/AVP", 0),
        (Required, Transport::Udp, "RTP/SAVP", 0),
    ] {
        let offer = side(policy, transport, 1).offer();
        assert_eq!((protocol(&offer).as_str(), crypto_lines(&offer).len()), (expected, lines), "{policy:?}");
    }
    let lines = crypto_lines(&over_tls(Required).offer());
    assert!(lines[0].starts_with("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "the long tag first");
    assert!(lines[1].starts_with("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"));
    assert_ne!(lines[0].split(':').nth(2), lines[1].split(':').nth(2), "a key of its own in each line");
}

#[test]
fn an_offer_is_answered_as_the_policy_says() {
    let with = |media: &str, lines: &str| format!("{media}{lines}");
    let both = format!("{LINE_80}{LINE_32}");
    for (policy, offer, expected) in [
        (Off, AVP.to_owned(), Some(false)),
        (Off, with(AVP, LINE_80), Some(false)),
        (Off, with(SAVP, LINE_80), None),
        (Optional, AVP.to_owned(), Some(false)),
        (Optional, with(AVP, &both), Some(true)),
        (Optional, with(SAVP, &both), Some(true)),
        (Optional, SAVP.to_owned(), None),
        (Optional, with(SAVP, "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:KEY\n"), None),
        (Optional, with(AVP, "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:KEY\n"), Some(false)),
        (Required, AVP.to_owned(), None),
        (Required, with(AVP, LINE_80), Some(true)),
        (Required, with(SAVP, LINE_32), Some(true)),
        (Required, with(SAVP, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP\n"), None),
        // Once protected and once in the clear, as phones offer it that may do either.
        (Off, format!("{SAVP}{LINE_80}{AVP}"), Some(false)),
        (Required, format!("{AVP}{SAVP}{LINE_80}"), Some(true)),
    ] {
        let answered = over_tls(policy).answer(&peer(1, &offer));
        let secured = answered.as_ref().ok().map(|(_, agreed)| agreed.srtp.is_some());
        assert_eq!(secured, expected, "{policy:?} {offer}");
        match answered {
            Ok((answer, _)) => assert_eq!(crypto_lines(&answer).len(), usize::from(secured == Some(true))),
            Err(error) => assert_eq!(error, NegotiationError::NotAcceptable),
        }
    }
}

#[test]
fn without_tls_a_trunk_that_must_be_protected_takes_nothing_and_gives_no_key() {
    for offer in [AVP.to_owned(), format!("{SAVP}{LINE_80}"), format!("{AVP}{LINE_80}")] {
        let refused = side(Required, Transport::Tcp, 1).answer(&peer(1, &offer));
        assert_eq!(refused, Err(NegotiationError::NotAcceptable), "{offer}");
    }
    let (answer, agreed) =
        side(Optional, Transport::Udp, 1).answer(&peer(1, &format!("{AVP}{LINE_80}"))).unwrap();
    assert_eq!((crypto_lines(&answer).len(), agreed.srtp), (0, None));
}

#[test]
fn the_answer_takes_the_first_line_that_is_understood_and_repeats_its_tag_and_protocol() {
    let unknown = "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:KEY\n";
    let offer = peer(1, &format!("{SAVP}{unknown}{LINE_32}{LINE_80}"));
    let (answer, agreed) = over_tls(Optional).answer(&offer).unwrap();
    let [line] = crypto_lines(&answer).try_into().unwrap();
    assert!(line.starts_with("a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:"), "{line}");
    assert!(!line.contains(OTHER_KEY), "the key is ours");
    assert_eq!(protocol(&answer), "RTP/SAVP");
    let keys = agreed.srtp.unwrap();
    assert_eq!(keys.receive.suite, CryptoSuite::AesCm128HmacSha1_32);
    assert_ne!(keys.send.master, keys.receive.master);
}

#[test]
fn what_one_sends_is_what_the_other_receives() {
    for (offers, answers) in
        [(Optional, Optional), (Required, Required), (Optional, Required), (Required, Optional)]
    {
        let (mut one, mut other) = (side(offers, Transport::Tls, 1), side(answers, Transport::Tls, 2));
        let (answer, theirs) = other.answer(&one.offer()).unwrap();
        let ours = one.accept(&answer).unwrap();
        let (ours, theirs) = (ours.srtp.unwrap(), theirs.srtp.unwrap());
        assert_eq!((&ours.send, &ours.receive), (&theirs.receive, &theirs.send));
    }
}

#[test]
fn an_answer_that_is_none_to_our_offer_is_refused() {
    for (policy, answer, accepted) in [
        (Optional, AVP.to_owned(), true),
        (Required, AVP.to_owned(), false),
        (Required, SAVP.to_owned(), false),
        (Optional, SAVP.to_owned(), false),
        (Required, format!("{SAVP}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\n"), true),
        (Required, format!("{SAVP}a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:KEY\n"), true),
        (Required, format!("{SAVP}a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:KEY\n"), false),
        (Required, format!("{SAVP}a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:KEY\n"), false),
        // It speaks of keys, so its audio will not be in the clear.
        (Optional, format!("{AVP}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\n"), false),
    ] {
        let mut negotiation = over_tls(policy);
        negotiation.offer();
        let result = negotiation.accept(&peer(1, &answer));
        assert_eq!(result.is_ok(), accepted, "{policy:?} {answer}");
    }
}

#[test]
fn a_later_offer_of_ours_keeps_protocol_suite_and_key() {
    let mut answerer = over_tls(Optional);
    let (first, agreed) = answerer.answer(&peer(1, &format!("{SAVP}{LINE_32}"))).unwrap();
    let again = answerer.offer();
    assert_eq!(protocol(&again), "RTP/SAVP");
    let key = |lines: Vec<String>| lines[0].split_once(' ').unwrap().1.to_owned();
    assert_eq!((crypto_lines(&again).len(), key(crypto_lines(&again))), (1, key(crypto_lines(&first))));
    let answer = peer(2, &format!("{SAVP}a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:OTHERKEY\n"));
    assert_eq!(answerer.accept(&answer).unwrap().srtp, agreed.srtp);
    let mut plain = over_tls(Optional);
    plain.answer(&peer(1, AVP)).unwrap();
    assert_eq!(crypto_lines(&plain.offer()), Vec::<String>::new(), "a refresh changes nothing");
}

#[test]
fn a_new_key_of_the_peer_changes_what_is_received_and_nothing_else() {
    let mut negotiation = over_tls(Required);
    let (_, first) = negotiation.answer(&peer(1, &format!("{SAVP}{LINE_80}"))).unwrap();
    let line = LINE_80.replace("KEY", "OTHERKEY");
    let (_, second) = negotiation.answer(&peer(2, &format!("{SAVP}{line}"))).unwrap();
    let (first, second) = (first.srtp.unwrap(), second.srtp.unwrap());
    assert_eq!(first.send, second.send);
    assert_ne!(first.receive, second.receive);
}

#[test]
fn the_suite_that_runs_is_kept_where_it_is_offered_again() {
    let mut negotiation = over_tls(Required);
    negotiation.answer(&peer(1, &format!("{SAVP}{LINE_32}"))).unwrap();
    let (_, agreed) = negotiation.answer(&peer(2, &format!("{SAVP}{LINE_80}{LINE_32}"))).unwrap();
    assert_eq!(suite(&agreed), Some(CryptoSuite::AesCm128HmacSha1_32));
}

#[test]
fn a_key_that_was_left_never_comes_back() {
    let mut negotiation = over_tls(Optional);
    let mut used = Vec::new();
    for (version, lines) in [LINE_80, LINE_32, LINE_80, "", LINE_80].into_iter().enumerate() {
        let (_, agreed) = negotiation.answer(&peer(version as u32, &format!("{AVP}{lines}"))).unwrap();
        let Some(keys) = agreed.srtp else { continue };
        assert!(!used.contains(&keys.send.master), "{version}");
        used.push(keys.send.master);
    }
    assert_eq!(used.len(), 4);
}

#[test]
fn a_step_that_fails_changes_no_key() {
    let mut negotiation = over_tls(Required);
    let (_, before) = negotiation.answer(&peer(1, &format!("{SAVP}{LINE_80}"))).unwrap();
    assert_eq!(negotiation.answer(&peer(2, AVP)), Err(NegotiationError::NotAcceptable));
    assert_eq!(negotiation.agreed(), Some(&before));
    let (_, after) = negotiation.answer(&peer(3, &format!("{SAVP}{LINE_80}"))).unwrap();
    assert_eq!(before.srtp, after.srtp);
}

#[test]
fn neither_keys_nor_what_they_come_from_are_printed() {
    let mut negotiation = over_tls(Required);
    let (answer, _) = negotiation.answer(&peer(1, &format!("{SAVP}{LINE_80}"))).unwrap();
    let ours = crypto_lines(&answer)[0].rsplit_once(':').unwrap().1.to_owned();
    let shown = format!("{negotiation:?}");
    assert!(!shown.contains(KEY) && !shown.contains(&ours) && !shown.contains("1, 1, 1, 1"), "{shown}");
}

proptest! {
    #[test]
    fn two_sides_never_disagree_on_whether_audio_is_protected(ours in 0_usize..3, theirs in 0_usize..3, seeds: [u8; 2]) {
        let policies = [Off, Optional, Required];
        let mut one = side(policies[ours], Transport::Tls, seeds[0]);
        let mut other = side(policies[theirs], Transport::Tls, seeds[1]);
        let answered = other.answer(&one.offer());
        let clash = [(0, 2), (2, 0)].contains(&(ours, theirs));
        prop_assert_eq!(answered.is_err(), clash);
        if let Ok((answer, theirs_agreed)) = answered {
            let ours_agreed = one.accept(&answer).expect("an answer to our offer");
            prop_assert_eq!(ours_agreed.srtp.is_some(), theirs_agreed.srtp.is_some());
            prop_assert_eq!(ours_agreed.srtp.is_some(), ours > 0 && theirs > 0);
        }
    }

    #[test]
    fn any_attribute_of_the_peer_is_survived(value in "[ -~]{0,80}", secure: bool) {
        let media = if secure { SAVP } else { AVP };
        let _ = over_tls(Optional).answer(&peer(1, &format!("{media}a=crypto:{value}\n")));
    }
}
