//! What holds for every text read as a URI.

use nightbell::sip::Uri;

/// Fails by panic.
pub fn check(text: &[u8]) {
    let uri = Uri::parse(text);
    assert_eq!(uri.as_bytes(), text, "the text is kept");
    assert_eq!(uri.is_broken(), uri.scheme().is_none());
    if let Some(user) = uri.user() {
        assert!(!user.chars().any(char::is_control));
    }
    if let Some(sip) = uri.as_sip() {
        let made = Uri::sip(uri.user().as_deref(), &sip.host, sip.port);
        assert!(!made.is_broken() || uri.user().as_deref() == Some(""), "{made}");
        assert_eq!((made.host(), made.port()), (Some(&sip.host), sip.port));
    }
}
