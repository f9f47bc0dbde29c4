//! What holds for every session description that comes: within the limits, and our answer is an answer to it.

use nightbell::sip::sdp::{Description, MAX_ATTRIBUTES, MAX_FORMATS, MAX_MEDIA};
use nightbell::sip::{Codec, LocalMedia, MediaSecurity, Negotiation, SrtpPolicy, Transport};

fn negotiation(policy: SrtpPolicy) -> Negotiation {
    let media = LocalMedia {
        address: [192, 0, 2, 1].into(),
        rtp_port: 4000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        session_id: 7,
    };
    Negotiation::secured(media, MediaSecurity::new(policy, Transport::Tls, [7; 32]))
}

/// Fails by panic.
pub fn check(text: &[u8]) {
    if let Ok(description) = Description::parse(text) {
        assert!(description.media.len() <= MAX_MEDIA && description.attributes.len() <= MAX_ATTRIBUTES);
        assert!(description.media.iter().all(|media| media.formats.len() <= MAX_FORMATS));
    }
    for policy in [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required] {
        answered(text, policy);
        let mut offerer = negotiation(policy);
        offerer.offer();
        if let Ok(agreed) = offerer.accept(text) {
            assert!(is_as_wanted(policy, agreed.srtp.is_some()));
        }
        // A later offer of ours keeps as many streams as there were.
        Description::parse(&offerer.offer()).unwrap();
    }
}

/// Whether a stream may be protected, or in the clear.
fn is_as_wanted(policy: SrtpPolicy, protected: bool) -> bool {
    match policy {
        SrtpPolicy::Off => !protected,
        SrtpPolicy::Optional => true,
        SrtpPolicy::Required => protected,
    }
}

/// RFC 3264 6: as many streams as in the offer, each of the kind it was, and only formats that were offered.
fn answered(text: &[u8], policy: SrtpPolicy) {
    let mut answerer = negotiation(policy);
    let Ok((answer, agreed)) = answerer.answer(text) else { return };
    assert!(is_as_wanted(policy, agreed.srtp.is_some()));
    let (offer, answer) = (Description::parse(text).unwrap(), Description::parse(&answer).unwrap());
    assert_eq!(offer.media.len(), answer.media.len());
    for (asked, given) in offer.media.iter().zip(&answer.media) {
        assert_eq!((&asked.kind, &asked.protocol), (&given.kind, &given.protocol));
        assert!(given.formats.iter().all(|format| asked.formats.contains(format)));
    }
    assert!(agreed.send_payload_type < 128 && agreed.packet_time_ms.is_none_or(|ms| (10..=60).contains(&ms)));
    assert_eq!(answer.media.iter().filter(|media| media.port != 0).count(), 1);
    let again = answerer.answer(text).unwrap();
    assert_eq!(again.1, agreed, "the same offer again changes nothing");
}
