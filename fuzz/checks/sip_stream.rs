//! What holds for every stream: however it is split, the same messages come out of it, and each can be read.

use nightbell::sip::stream::{Framed, Stream};
use nightbell::sip::{Malformed, Message};

/// Fails by panic. The first octet tells how the others are split.
pub fn check(data: &[u8]) {
    let Some((&split, stream)) = data.split_first() else { return };
    let (whole, fault) = framed([stream]);
    let (pieces, piece_fault) = framed(pieces(stream, split));
    assert_eq!(pieces, whole);
    assert_eq!(piece_fault.is_some(), fault.is_some());
    for message in &whole {
        if let Framed::Message(message) = message {
            readable(message);
        }
    }
    if let Some(malformed) = fault {
        assert!((400..=699).contains(&malformed.fault.status()));
    }
}

/// A message is as long as it says: its reader finds a body of just that length.
fn readable(message: &[u8]) {
    let Ok(read) = Message::parse_datagram(message) else { return };
    let body = match &read {
        Message::Request(request) => &request.body,
        Message::Response(response) => &response.body,
    };
    assert!(message.ends_with(body));
    let one_less = message.get(..message.len() - 1).unwrap();
    assert!(body.is_empty() || Message::parse_datagram(one_less).is_err());
}

/// Pieces of 1 to 16 octets in no even row.
fn pieces(stream: &[u8], split: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut dice) = (stream, usize::from(split));
    std::iter::from_fn(move || {
        dice = (dice * 29 + 17) % 251;
        let at = (1 + dice % 16).min(rest.len());
        let (piece, others) = rest.split_at(at);
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}

fn framed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Framed>, Option<Malformed>) {
    let (mut stream, mut all) = (Stream::new(), Vec::new());
    for piece in pieces {
        stream.push(piece);
        loop {
            match stream.next_whole() {
                Ok(Some(whole)) => all.push(whole),
                Ok(None) => break,
                Err(malformed) => return (all, Some(malformed)),
            }
        }
    }
    (all, None)
}
