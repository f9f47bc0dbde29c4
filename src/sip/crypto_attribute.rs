//! a=crypto: keys for SRTP in the session description (RFC 4568).

use std::fmt;

/// Octets of a master key and its salt, for every suite we know (RFC 4568 6.1).
const KEY: usize = 30;
/// The same in base64.
const KEY_TEXT: usize = 40;
/// The longest name of a key that RFC 4568 6.1 allows, in octets.
const MAX_MKI: u8 = 128;
/// The alphabet of base64 (RFC 4648 4).
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A way of protecting RTP (RFC 4568 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CryptoSuite {
    /// AES_CM_128_HMAC_SHA1_80.
    AesCm128HmacSha1_80,
    /// AES_CM_128_HMAC_SHA1_32.
    AesCm128HmacSha1_32,
}

impl CryptoSuite {
    /// All, the best first.
    pub(crate) const ALL: [CryptoSuite; 2] =
        [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AesCm128HmacSha1_32];

    /// The name in a=crypto.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CryptoSuite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            CryptoSuite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// A master key, 16 octets, and its salt, 14. It is not printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey(pub [u8; KEY]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What protects one direction of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKey {
    /// How.
    pub suite: CryptoSuite,
    /// With what.
    pub master: MasterKey,
    /// Octets of the name of the key (MKI) before the tag of each packet; 0: none.
    pub mki: u8,
}

/// What protects a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// What we send.
    pub send: SrtpKey,
    /// What we receive.
    pub receive: SrtpKey,
}

/// One line a=crypto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CryptoAttribute {
    /// 1 to 9 digits; the answer repeats it.
    pub(crate) tag: u32,
    /// What protects the packets of whoever wrote the line.
    pub(crate) key: SrtpKey,
}

impl CryptoAttribute {
    /// Reads `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4 WSH=64`. Nothing: the line is not for us. It is
    /// broken, of an unknown suite, with several keys, or demands what we do not do.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9 && is_number(tag))?.parse().ok()?;
        let name = words.next()?;
        let suite = CryptoSuite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))?;
        let (method, inline) = words.next()?.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || !words.all(is_harmless) {
            return None;
        }
        let mut parts = inline.split('|');
        let master = MasterKey(from_base64(parts.next()?)?);
        let mki = name_of_key(parts.next(), parts.next())?;
        parts.next().is_none().then_some(Self { tag, key: SrtpKey { suite, master, mki } })
    }

    /// The value of the attribute.
    pub(crate) fn to_text(&self) -> String {
        format!("{} {} inline:{}", self.tag, self.key.suite.name(), to_base64(&self.key.master.0))
    }
}

/// What follows the key: a lifetime, a name of the key, or both in this order. A key that lives shorter than
/// the call is its owner's to replace. Returns the octets of the name.
fn name_of_key(first: Option<&str>, second: Option<&str>) -> Option<u8> {
    let (lifetime, name) = match (first, second) {
        (Some(name), None) if name.contains(':') => (None, Some(name)),
        both => both,
    };
    let lifetime_is_one = |text: &str| is_number(text.strip_prefix("2^").unwrap_or(text));
    if lifetime.is_some_and(|lifetime| !lifetime_is_one(lifetime)) {
        return None;
    }
    let Some(name) = name else { return Some(0) };
    let (number, length) = name.split_once(':')?;
    let length = length.parse().ok().filter(|length| (1..=MAX_MKI).contains(length))?;
    is_number(number).then_some(length)
}

/// A session parameter that changes nothing for us: a hint for the size of the replay window, or one that
/// may be passed over by who does not know it (RFC 4568 6.3.7).
fn is_harmless(parameter: &str) -> bool {
    let hint = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("WSH"));
    hint.is_some_and(|(_, size)| is_number(size)) || parameter.starts_with('-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn to_base64(octets: &[u8]) -> String {
    let sextets = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        [18, 12, 6, 0].map(|shift| BASE64.get((bits >> shift & 63) as usize).copied().map_or('A', char::from))
    };
    octets.chunks_exact(3).flat_map(sextets).collect()
}

/// Exactly as many characters as a key has: there is never any padding.
fn from_base64(text: &str) -> Option<[u8; KEY]> {
    if text.len() != KEY_TEXT {
        return None;
    }
    let sextet = |c: u8| BASE64.iter().position(|known| *known == c).and_then(|at| u32::try_from(at).ok());
    let mut key = [0; KEY];
    for (group, octets) in text.as_bytes().chunks_exact(4).zip(key.chunks_exact_mut(3)) {
        let bits = group.iter().try_fold(0_u32, |bits, c| Some(bits << 6 | sextet(*c)?))?;
        octets.copy_from_slice(bits.to_be_bytes().get(1..)?);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY_OF_THE_RFC: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn read(rest: &str) -> Option<CryptoAttribute> {
        CryptoAttribute::parse(&rest.replace("KEY", KEY_OF_THE_RFC))
    }

    #[test]
    fn the_examples_of_rfc_4568_are_read() {
        let line = read("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:32").expect("read");
        assert_eq!((line.tag, line.key.suite, line.key.mki), (1, CryptoSuite::AesCm128HmacSha1_80, 32));
        assert_eq!(&line.key.master.0, b"wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#");
        let line = read("2 AES_CM_128_HMAC_SHA1_32 inline:KEY|2^20|1:4").expect("read");
        assert_eq!((line.tag, line.key.suite, line.key.mki), (2, CryptoSuite::AesCm128HmacSha1_32, 4));
        assert_eq!(read("1 F8_128_HMAC_SHA1_80 inline:KEY|2^20|1:4"), None, "a suite that we have not");
    }

    #[test]
    fn lifetime_and_name_of_the_key_may_be_left_out() {
        for (rest, mki) in
            [("KEY", 0), ("KEY|2^31", 0), ("KEY|1048576", 0), ("KEY|1:1", 1), ("KEY|2^48|99:128", 128)]
        {
            let line = read(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{rest}"));
            assert_eq!(line.map(|line| line.key.mki), Some(mki), "{rest}");
        }
        assert!(read("12 aes_cm_128_hmac_sha1_80 INLINE:KEY WSH=64 -NEW=1").is_some());
    }

    #[test]
    fn lines_that_are_not_for_us_are_passed_over() {
        for rest in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "x AES_CM_128_HMAC_SHA1_80 inline:KEY",
            "-1 AES_CM_128_HMAC_SHA1_80 inline:KEY",
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:KEY",
            "1 AES_256_CM_HMAC_SHA1_80 inline:KEY",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEYA",
            "1 AES_CM_128_HMAC_SHA1_80 inline:short",
            "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSo=",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4;inline:KEY|2^20|2:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:0",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:129",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4|more",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|long",
            "1 AES_CM_128_HMAC_SHA1_80 url:KEY",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTCP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNAUTHENTICATED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:KEY FEC_ORDER=FEC_SRTP",
        ] {
            assert_eq!(read(rest), None, "{rest}");
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let line = read("1 AES_CM_128_HMAC_SHA1_80 inline:KEY").expect("read");
        let shown = format!("{line:?}");
        assert!(!shown.contains("d0Rm") && !shown.contains("119"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tag in 0_u32..1_000_000_000, key: [u8; 30], first: bool) {
            let suite = CryptoSuite::ALL[usize::from(!first)];
            let key = SrtpKey { suite, master: MasterKey(key), mki: 0 };
            let line = CryptoAttribute { tag, key };
            prop_assert_eq!(CryptoAttribute::parse(&line.to_text()), Some(line));
        }

        #[test]
        fn any_text_is_read_or_passed_over(text in ".{0,120}") {
            let _ = CryptoAttribute::parse(&text);
        }

        #[test]
        fn a_damaged_line_is_read_or_passed_over(at in 0_usize..80, c in any::<char>()) {
            let mut text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_OF_THE_RFC}|2^20|1:4");
            let at = at.min(text.len());
            text.insert(at, c);
            let _ = CryptoAttribute::parse(&text);
        }
    }
}
