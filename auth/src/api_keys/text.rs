//! What a key looks like: `tck_`, its id, 256 random bits, and a checksum of all of it.
//!
//! One word, which a double click selects, and which programs that look for lost secrets know by its beginning and prove by
//! its checksum. The checksum keeps nobody out: it tells a slip from a key.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::revoked::hex;

const BEGIN: &str = "tck_";
/// Letters and digits that nobody takes for one another, 5 bits each.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID: usize = 8;
/// As hexadecimal.
const RANDOM: usize = 64;
const CHECKSUM: usize = 8;

/// A key as its owner shows it. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one, with a new id. `None` where the system has no random numbers.
    pub fn random() -> Option<Self> {
        let mut bytes = [0; ID];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        Self::of(&letters.iter().collect::<String>())
    }

    /// A new one, with this id.
    pub(crate) fn of(id: &str) -> Option<Self> {
        let mut bytes = [0; RANDOM / 2];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let text = format!("{BEGIN}{id}{}", hex(&bytes));
        let checksum = checksum(text.as_bytes());
        Some(Self(format!("{text}{checksum:08x}")))
    }

    /// Reads what was shown. `None` for what no key looks like.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(BEGIN)?;
        let is_one =
            rest.len() == ID + RANDOM + CHECKSUM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_one {
            return None;
        }
        let (checked, sum) = text.split_at(text.len() - CHECKSUM);
        let right = format!("{:08x}", checksum(checked.as_bytes())) == sum;
        right.then(|| Self(text.to_owned()))
    }

    /// Its name, which is no secret.
    pub fn id(&self) -> &str {
        &self.0[BEGIN.len()..BEGIN.len() + ID]
    }

    /// All of it, for its owner, once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it. 256 random bits need no slow one.
    pub(crate) fn digest(&self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        Digest(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGIN}{}…", self.id())
    }
}

/// What a token says in `client_id` that a key was exchanged for.
pub(crate) fn client_id(id: &str) -> String {
    let id = id.split(':').next().unwrap_or_default();
    format!("{BEGIN}{id}")
}

/// Which key a `client_id` is about; none where it is about something else.
pub(crate) fn id_of_client(text: &str) -> Option<&str> {
    let id = text.strip_prefix(BEGIN)?;
    let is_one = id.len() == ID && id.bytes().all(|byte| LETTERS.contains(&byte));
    is_one.then_some(id)
}

/// Whether somebody who shows this means a key, and not a token.
pub(crate) fn is_meant(text: &str) -> bool {
    text.starts_with(BEGIN)
}

/// The SHA-256 of a key.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// In a time that says nothing of either.
    pub(crate) fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// What a mark knows it by.
    pub(crate) fn half(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        half
    }

    /// As the ledger has it.
    pub(crate) fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Of what the ledger has.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// CRC-32 as Ethernet, gzip and PNG have it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_key_is_read_as_it_was_made_and_no_slip_of_it_is() {
        let secret = Secret::random().unwrap();
        let text = secret.text();
        assert_eq!(text.len(), 84);
        assert_eq!(Secret::read(text), Some(secret.clone()));
        assert_eq!(&text[4..12], secret.id());
        assert_ne!(secret, Secret::of(secret.id()).unwrap());
        for at in 0..text.len() {
            for other in ["0", "a", "Z", "-", "é"] {
                let slip = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(slip == text || Secret::read(&slip).is_none(), "{at} {other}");
            }
            assert!(Secret::read(&text[..at]).is_none());
        }
        assert!(Secret::read(&format!("{text}0")).is_none());
        assert!(Secret::read(&text.to_uppercase()).is_none());
        assert_eq!(format!("{secret:?}"), format!("tck_{}…", secret.id()));
    }

    #[test]
    fn what_the_ledger_has_of_a_key_is_compared_as_it_is() {
        let secret = Secret::random().unwrap();
        let kept = Digest::from_hex(&secret.digest().to_hex()).unwrap();
        assert!(kept.is(&secret.digest()));
        assert!(!kept.is(&Secret::random().unwrap().digest()));
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert!(Digest::from_hex(text).is_none());
        }
    }
}
