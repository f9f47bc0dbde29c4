//! Writing of age files, version 1 (<https://age-encryption.org/v1>), for X25519 recipients: what `age` and `rage` open
//! with the key. Nothing here can open one.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The first line.
const VERSION: &str = "age-encryption.org/v1\n";
/// What the wrapping key of a recipient is made for.
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// Octets that are sealed at once.
const CHUNK: usize = 64 << 10;
/// The secret of one file, in octets.
const FILE_KEY: usize = 16;
/// A key of ChaCha20-Poly1305, of X25519, and of HMAC with SHA-256.
const KEY: usize = 32;

/// Whom a file is encrypted to: a public key, which is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient([u8; KEY]);

/// Why a text is no recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRecipient {
    /// The secret key was written instead.
    #[error("this is the secret key, which only the reader of messages should have")]
    Secret,
    /// Something else.
    #[error("this is no age recipient")]
    Other,
}

impl FromStr for Recipient {
    type Err = NoRecipient;

    fn from_str(text: &str) -> Result<Self, NoRecipient> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(NoRecipient::Secret);
        }
        let lower = text.to_ascii_lowercase();
        if lower != text && text.to_ascii_uppercase() != text {
            return Err(NoRecipient::Other);
        }
        let octets = lower.strip_prefix("age1").and_then(bech32).ok_or(NoRecipient::Other)?;
        octets.try_into().map(Self).map_err(|_| NoRecipient::Other)
    }
}

/// Encrypts what comes to those who hold a key of one of the recipients.
pub fn encrypt(recipients: &[Recipient], mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let random = SystemRandom::new();
    let file_key: Zeroizing<[u8; FILE_KEY]> = random_octets(&random)?.into();
    to.write_all(header(recipients, &file_key[..], &random)?.as_bytes())?;
    let nonce: [u8; 16] = random_octets(&random)?;
    to.write_all(&nonce)?;
    let payload = key(&*derive(&nonce, &file_key[..], b"payload")?)?;
    let (mut chunk, mut counter) = (read_chunk(&mut from)?, 0_u64);
    loop {
        let next = if chunk.len() < CHUNK { Vec::new() } else { read_chunk(&mut from)? };
        let last = next.is_empty();
        let tag = payload
            .seal_in_place_separate_tag(chunk_nonce(counter, last), Aad::empty(), &mut chunk)
            .map_err(broken)?;
        to.write_all(&chunk)?;
        to.write_all(tag.as_ref())?;
        if last {
            return Ok(());
        }
        (chunk, counter) = (next, counter.saturating_add(1));
    }
}

/// Version, a stanza for each recipient, and the tag over them.
fn header(recipients: &[Recipient], file_key: &[u8], random: &SystemRandom) -> io::Result<String> {
    let mut header = VERSION.to_owned();
    for recipient in recipients {
        let (share, body) = wrap(recipient, file_key, random)?;
        header.push_str(&format!("-> X25519 {}\n{}\n", Base64(&share), Base64(&body)));
    }
    header.push_str("---");
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &derive(&[], file_key, b"header")?[..]),
        header.as_bytes(),
    );
    header.push_str(&format!(" {}\n", Base64(tag.as_ref())));
    Ok(header)
}

/// The secret of a file, for one recipient: our share of the agreement, and the sealed secret.
fn wrap(recipient: &Recipient, file_key: &[u8], random: &SystemRandom) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let ours = EphemeralPrivateKey::generate(&X25519, random).map_err(broken)?;
    let share = ours.compute_public_key().map_err(broken)?.as_ref().to_vec();
    let salt = [&share[..], &recipient.0].concat();
    let theirs = UnparsedPublicKey::new(&X25519, recipient.0);
    let wrapping = agreement::agree_ephemeral(ours, &theirs, |shared| derive(&salt, shared, X25519_LABEL));
    let wrapping = key(&*wrapping.map_err(broken)??)?;
    let mut body = file_key.to_vec();
    // The key is used once.
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let tag = wrapping.seal_in_place_separate_tag(nonce, Aad::empty(), &mut body).map_err(broken)?;
    body.extend_from_slice(tag.as_ref());
    Ok((share, body))
}

/// HKDF with SHA-256, 32 octets.
fn derive(salt: &[u8], secret: &[u8], label: &[u8]) -> io::Result<Zeroizing<[u8; KEY]>> {
    let mut made = Zeroizing::new([0; KEY]);
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    prk.expand(&[label], HKDF_SHA256).and_then(|okm| okm.fill(&mut made[..])).map_err(broken)?;
    Ok(made)
}

fn key(octets: &[u8; KEY]) -> io::Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, octets).map(LessSafeKey::new).map_err(broken)
}

/// Eleven octets of counter, and whether it is the last chunk.
fn chunk_nonce(counter: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let [.., a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    nonce[3..].copy_from_slice(&[a, b, c, d, e, f, g, h, u8::from(last)]);
    Nonce::assume_unique_for_key(nonce)
}

fn read_chunk(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    from.take(CHUNK as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

fn random_octets<const N: usize>(random: &SystemRandom) -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    random.fill(&mut octets).map_err(broken)?;
    Ok(octets)
}

fn broken(_: ring::error::Unspecified) -> io::Error {
    io::Error::other("the cipher or the system's source of chance failed")
}

/// Octets in base64 without padding (RFC 4648 4).
struct Base64<'a>(&'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for three in self.0.chunks(3) {
            let bits = three.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet))
                << (8 * (3 - three.len()));
            for shift in [18, 12, 6, 0].iter().take(three.len() + 1) {
                let letter = LETTERS.get((bits >> shift & 63) as usize).copied().unwrap_or(b'A');
                fmt::Write::write_char(f, char::from(letter))?;
            }
        }
        Ok(())
    }
}

/// The octets of a text in Bech32 (BIP 173) after `age1`, in lower case. Nothing: its checksum is wrong.
fn bech32(data: &str) -> Option<Vec<u8>> {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let fives: Vec<u32> = data
        .chars()
        .map(|letter| LETTERS.find(letter).and_then(|at| u32::try_from(at).ok()))
        .collect::<Option<_>>()?;
    // The prefix `age`, as the checksum counts it.
    let prefix = [3, 3, 3, 0, 1, 7, 5];
    let sum = prefix.iter().chain(&fives).fold(1_u32, |sum, five| polymod(sum, *five));
    let (fives, _) = fives.split_at_checked(fives.len().checked_sub(6)?)?;
    let mut octets = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for five in fives {
        bits = (bits << 5 | five) & 0xFFF;
        held += 5;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    let padded_with_zeros = held < 5 && bits & ((1 << held) - 1) == 0;
    (sum == 1 && padded_with_zeros).then_some(octets)
}

fn polymod(sum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let step = (sum & 0x01ff_ffff) << 5 ^ value;
    (0..5).zip(GENERATOR).filter(|(bit, _)| top >> bit & 1 == 1).fold(step, |sum, (_, term)| sum ^ term)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;
    use crate::store::scratch::Scratch;

    /// Of the specification's own example.
    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn a_recipient_is_read_and_a_slip_of_the_pen_is_found() {
        let key = Recipient::from_str(RECIPIENT).unwrap();
        assert_eq!(Recipient::from_str(&RECIPIENT.to_uppercase()), Ok(key));
        let slip = RECIPIENT.replace("zvkyg", "zvkyh");
        for wrong in [
            "",
            "age1",
            "age1qqqq",
            &RECIPIENT[..60],
            &slip,
            "ssh-ed25519 AAAA",
            &RECIPIENT.replace('z', "Z"),
        ] {
            assert_eq!(Recipient::from_str(wrong), Err(NoRecipient::Other), "{wrong}");
        }
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        assert_eq!(Recipient::from_str(secret), Err(NoRecipient::Secret));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,80}", tail in "[a-z0-9]{0,64}") {
            let _ = Recipient::from_str(&text);
            let _ = Recipient::from_str(&format!("age1{tail}"));
        }
    }

    #[test]
    fn what_is_written_is_as_long_as_it_must_be_and_never_the_same_twice() {
        let to = [Recipient::from_str(RECIPIENT).unwrap()];
        for (plain, chunks) in [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 2), (3 * CHUNK, 3)] {
            let sealed = [(), ()].map(|()| {
                let mut sealed = Vec::new();
                encrypt(&to, &vec![7; plain][..], &mut sealed).unwrap();
                sealed
            });
            let end = sealed[0].windows(4).position(|four| four == b"\n---").unwrap();
            let body = sealed[0].len() - (end + 1 + "--- ".len() + 43 + 1);
            assert_eq!(body, 16 + plain + 16 * chunks, "{plain}");
            assert_ne!(sealed[0], sealed[1]);
        }
    }

    /// Runs a program over some octets; nothing where it is not installed.
    fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
        let child =
            Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.ok()?;
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        Some(output.stdout)
    }

    #[test]
    fn the_program_age_opens_what_we_write_with_any_of_the_keys() {
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path()).unwrap();
        let keys = ["one", "two"].map(|name| scratch.path().join(name).display().to_string());
        let made = keys.each_ref().map(|key| {
            let file = piped("age-keygen", &["-o", key], &[])?;
            Some(file).and(piped("age-keygen", &["-y", key], &[]))
        });
        let [Some(first), Some(second)] = made else {
            assert!(std::env::var_os("NIGHTBELL_REQUIRE_WIRE").is_none(), "age is not installed");
            eprintln!("left out: the program `age` is not installed");
            return;
        };
        let recipient = |text: &[u8]| std::str::from_utf8(text).unwrap().trim().parse::<Recipient>().unwrap();
        let both = [recipient(&first), recipient(&second)];
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 300_000] {
            let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut sealed = Vec::new();
            encrypt(&both, &plain[..], &mut sealed).unwrap();
            for key in &keys {
                assert_eq!(piped("age", &["-d", "-i", key], &sealed).unwrap(), plain, "{length}");
            }
        }
    }
}
