//! What holds for every text read as an address or a Via: what was read is what is written, and is read again.

use nightbell::sip::{NameAddr, Via};

/// Fails by panic.
pub fn check(text: &[u8]) {
    if let Some(address) = NameAddr::parse(text) {
        let written = address.to_bytes();
        assert_eq!(NameAddr::parse(&written).as_ref(), Some(&address));
        let tagged = NameAddr::parse(&address.with_tag("t4g").to_bytes());
        assert_eq!(tagged.as_ref().and_then(NameAddr::tag), Some("t4g"));
    }
    if let Some(mut via) = Via::parse(text) {
        assert_eq!(Via::parse(&via.to_bytes()), Some(via.clone()));
        let source = ([192, 0, 2, 7], 5099).into();
        let asked = via.rport.is_some();
        via.stamp(source);
        assert_eq!(Via::parse(&via.to_bytes()), Some(via.clone()));
        // RFC 3581 4: who asks for the port gets it, and the address with it.
        assert!(!asked || (via.rport == Some(Some(5099)) && via.received == Some(source.ip())));
    }
}
