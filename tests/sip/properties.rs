//! Rules that hold for every input.

use crate::{sdp, sip_message, uri};
use nightbell::sip::{Codec, LocalMedia, Negotiation, Uri};
use proptest::prelude::*;

/// Every message of RFC 4475 and RFC 5118.
fn torture() -> Vec<Vec<u8>> {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = ["rfc4475", "rfc5118"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(data.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A torture message with octets replaced, put in or cut out.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (prop::sample::select(torture()), prop::collection::vec(edit, 1..12)).prop_map(|(mut message, edits)| {
        for (place, octet, kind) in edits {
            let at = place.index(message.len().max(1)).min(message.len().saturating_sub(1));
            match kind {
                0 if !message.is_empty() => message[at] = octet,
                1 if !message.is_empty() => drop(message.remove(at)),
                _ => message.insert(at, octet),
            }
        }
        message
    })
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic_and_written_back_the_same(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        sip_message::check(&octets);
        sdp::check(&octets);
        uri::check(&octets);
    }

    #[test]
    fn a_torture_message_with_octets_changed_is_read_without_panic(message in mutated()) {
        sip_message::check(&message);
    }

    #[test]
    fn any_user_survives_a_uri(user in "[^\\p{Cc}]{1,40}") {
        let uri = Uri::sip(Some(&user), &std::net::IpAddr::from([192, 0, 2, 1]).into(), Some(5060));
        prop_assert!(!uri.is_broken());
        // What stands behind `;` in a telephone number is its parameters (RFC 3261 19.1.6).
        prop_assume!(!user.contains(';'));
        prop_assert_eq!(uri.user(), Some(user));
    }

    #[test]
    fn two_of_us_agree_on_a_codec_or_have_none_in_common(
        ours in prop::sample::subsequence(vec![Codec::Pcma, Codec::Pcmu], 1..=2).prop_shuffle(),
        theirs in prop::sample::subsequence(vec![Codec::Pcma, Codec::Pcmu], 1..=2).prop_shuffle(),
    ) {
        let side = |codecs: &[Codec], port| LocalMedia {
            address: [192, 0, 2, 1].into(), rtp_port: port, codecs: codecs.to_vec(), session_id: 1,
        };
        let mut offerer = Negotiation::new(side(&ours, 4000));
        let mut answerer = Negotiation::new(side(&theirs, 5000));
        let common = ours.iter().find(|codec| theirs.contains(codec));
        match answerer.answer(&offerer.offer()) {
            Ok((answer, far)) => {
                let near = offerer.accept(&answer).unwrap();
                prop_assert_eq!(Some(&far.codec), common);
                prop_assert_eq!(near.codec, far.codec);
                prop_assert_eq!(near.send_payload_type, far.receive_payload_type);
                prop_assert_eq!(near.receive_payload_type, far.send_payload_type);
                prop_assert_eq!((near.remote_rtp.port(), far.remote_rtp.port()), (5000, 4000));
                prop_assert!(near.telephone_event.is_some() && far.telephone_event.is_some());
            }
            Err(_) => prop_assert_eq!(common, None),
        }
    }
}
