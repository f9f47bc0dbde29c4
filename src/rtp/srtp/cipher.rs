//! AES in counter mode, HMAC-SHA1 and the derivation of their keys (RFC 3711 4).

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::Keying;

const KEY: usize = 16;
const SALT: usize = 14;
/// Octets of the key of HMAC-SHA1 (RFC 3711 5.2).
const AUTH: usize = 20;
/// Octets of a block of SHA-1.
const HMAC_BLOCK: usize = 64;
/// Octets of a block of AES.
const BLOCK: usize = 16;
/// Blocks of key stream that are made at once: the processor works on them side by side.
const TOGETHER: usize = 8;

/// The keys of RTP, or those of RTCP, in one direction.
pub(super) struct Cipher {
    aes: Aes128,
    salt: [u8; SALT],
    mac: Hmac<Sha1>,
}

impl Cipher {
    /// The keys of RTP.
    pub fn rtp(keying: &Keying) -> Self {
        Self::derived(keying, [0, 1, 2])
    }

    /// The keys of RTCP.
    pub fn rtcp(keying: &Keying) -> Self {
        Self::derived(keying, [3, 4, 5])
    }

    /// From the labels of encryption, authentication and salt (RFC 3711 4.3.2).
    fn derived(keying: &Keying, [encryption, authentication, salting]: [u8; 3]) -> Self {
        let (key, master_salt) = keying.master.split_at(KEY);
        let master = Aes128::new(&std::array::from_fn(|at| key.get(at).copied().unwrap_or(0)).into());
        let (mut key, mut salt) = ([0; KEY], [0; SALT]);
        // HMAC fills a shorter key up with zeros itself (RFC 2104 2).
        let mut auth = [0; HMAC_BLOCK];
        derive(&master, master_salt, encryption, &mut key);
        derive(&master, master_salt, authentication, auth.get_mut(..AUTH).unwrap_or_default());
        derive(&master, master_salt, salting, &mut salt);
        let mac = Hmac::new(&Array::from(auth));
        Self { aes: Aes128::new(&Array::from(key)), salt, mac }
    }

    /// Encrypts or decrypts in place (RFC 3711 4.1.1).
    pub fn apply(&self, ssrc: u32, index: u64, octets: &mut [u8]) {
        let counter = u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        apply(&self.aes, initial(&self.salt) ^ counter, octets);
    }

    /// The tag of two parts in a row, of which the first octets are sent (RFC 3711 4.2).
    pub fn tag(&self, first: &[u8], second: &[u8]) -> [u8; AUTH] {
        self.over(first, second).finalize().into_bytes().into()
    }

    /// Whether the tag is right; it takes as long when it is not.
    pub fn is_right(&self, first: &[u8], second: &[u8], tag: &[u8]) -> bool {
        self.over(first, second).verify_truncated_left(tag).is_ok()
    }

    fn over(&self, first: &[u8], second: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(first);
        mac.update(second);
        mac
    }
}

/// A salt as the upper 14 octets of a counter.
fn initial(salt: &[u8]) -> u128 {
    salt.iter().fold(0, |number, octet| number << 8 | u128::from(*octet)) << 16
}

fn derive(master: &Aes128, salt: &[u8], label: u8, key: &mut [u8]) {
    apply(master, initial(salt) ^ u128::from(label) << 64, key);
}

/// Adds the key stream from a counter on.
fn apply(aes: &Aes128, mut counter: u128, octets: &mut [u8]) {
    for part in octets.chunks_mut(BLOCK * TOGETHER) {
        let mut stream = [Array::from([0; BLOCK]); TOGETHER];
        for block in &mut stream {
            *block = Array::from(counter.to_be_bytes());
            counter = counter.wrapping_add(1);
        }
        let blocks = part.len().div_ceil(BLOCK);
        aes.encrypt_blocks(stream.get_mut(..blocks).unwrap_or_default());
        for (octets, keys) in part.chunks_mut(BLOCK).zip(&stream) {
            for (octet, key) in octets.iter_mut().zip(keys) {
                *octet ^= key;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        let digits: Vec<u8> = hex.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
        let octets: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        octets.try_into().expect("as many octets")
    }

    #[test]
    fn the_key_stream_is_that_of_rfc_3711_b_2() {
        let aes = Aes128::new(&Array::from(octets::<16>("2B7E151628AED2A6ABF7158809CF4F3C")));
        let mut stream = vec![0; 0xff02 * BLOCK];
        apply(&aes, initial(&octets::<14>("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")), &mut stream);
        for (block, expected) in [
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ] {
            assert_eq!(stream[block * BLOCK..][..BLOCK], octets::<16>(expected), "block {block:x}");
        }
    }

    #[test]
    fn keys_are_derived_as_in_rfc_3711_b_3() {
        let master = Aes128::new(&Array::from(octets::<16>("E1F97A0D3E018BE0D64FA32C06DE4139")));
        let salt = octets::<14>("0EC675AD498AFEEBB6960B3AABE6");
        let derived = |label, length| {
            let mut key = vec![0; length];
            derive(&master, &salt, label, &mut key);
            key
        };
        assert_eq!(derived(0, 16), octets::<16>("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(2, 14), octets::<14>("30CBBC08863D8C85D49DB34A9AE1"));
        let auth = octets::<94>(
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7\
             2270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2",
        );
        assert_eq!(derived(1, 94), auth);
    }
}
