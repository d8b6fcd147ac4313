//! What a repeated request is found again by.

use std::sync::Arc;
use std::time::Duration;

use lines::Timestamp;
use lines::log_store::Digest;
use sha2::{Digest as _, Sha256};

use super::{Marks, Told};
use crate::append::{RequestKey, RunKey, name_of};

/// The longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 128;

/// What a sender's request is known by when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// An idempotency key, which the sender made for this. Kept as long as the lines.
    Key(String),
    /// An id that the protocol has for what it sends and repeats: Fluent's `chunk`, Heroku's frame, a Kafka partition with
    /// its offsets. Kept as long as the lines.
    Natural {
        /// Ids of different protocols are different.
        protocol: &'static str,
        /// Unique per subscriber.
        id: Vec<u8>,
    },
    /// The body, where the protocol has no id and its senders repeat a body as it was. For a while only: see
    /// [`Limits::repeats`](super::Limits::repeats).
    Body {
        /// The same bytes mean other lines in another protocol.
        protocol: &'static str,
    },
}

/// A request that can be repeated: what it is known by, and what its body comes to.
#[derive(Debug, Clone)]
pub struct Key {
    request: RequestKey,
    /// See [`RunKey::also`].
    also: Option<RequestKey>,
    body: [u8; 32],
    remembered: Option<Remembered>,
}

/// How a collector remembers a request.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) name: [u8; 32],
    /// What tells it from another one under the same id.
    pub(super) body: [u8; 32],
    pub(super) whose: Arc<str>,
}

impl Identity {
    /// A sender's idempotency key: 1 to 128 printable characters.
    pub fn key(text: &str) -> Option<Self> {
        let fits = (1..=MAX_KEY_CHARS).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self::Key(text.to_owned()))
    }

    /// The identity with its inflated body and what its sender says of its lines, at the time `now`. `format` is the [tag](crate::ingest::decode::Format::tag)
    /// of its format: the same bytes can be other lines in another one. `window` is
    /// [`Limits::repeats`](super::Limits::repeats).
    pub(super) fn with(
        &self,
        subscriber: &str,
        format: u8,
        body: &[u8],
        told: &Told,
        now: Timestamp,
        window: Duration,
    ) -> Key {
        let mut hash = Sha256::new();
        hash.update([format]);
        hash.update(body);
        // Keys that are stored were made without: of a request that marks nothing the digest is that of its body alone.
        if !told.is_empty() {
            hash.update(digest_of(told));
        }
        let body: [u8; 32] = hash.finalize().into();
        let remembered = |protocol: &str, kind: &[u8], id: &[u8]| {
            let name = name_of(&[subscriber.as_bytes(), protocol.as_bytes(), kind, id]);
            Some(Remembered {
                name: name.finalize().into(),
                body,
                whose: subscriber.into(),
            })
        };
        match self {
            Self::Key(key) => Key {
                request: RequestKey::new(subscriber, key),
                also: None,
                body,
                remembered: None,
            },
            Self::Natural { protocol, id } => Key {
                request: RequestKey::named(&[subscriber.as_bytes(), protocol.as_bytes(), b"id", id]),
                also: None,
                body,
                remembered: remembered(protocol, b"id", id),
            },
            Self::Body { protocol } => {
                let (this, next) = windows(now, window);
                let of = |window: [u8; 16]| {
                    RequestKey::named(&[
                        subscriber.as_bytes(),
                        protocol.as_bytes(),
                        b"body",
                        &body,
                        &window,
                    ])
                };
                Key {
                    request: of(this),
                    also: Some(of(next)),
                    body,
                    remembered: remembered(protocol, b"body", &body),
                }
            }
        }
    }
}

/// The marks of lines, in the order of their numbers: however the sender told them.
fn digest_of(told: &Told) -> [u8; 32] {
    let mut lines: Vec<(&u32, &Marks)> = told.iter().collect();
    lines.sort_by_key(|(number, _)| **number);
    let mut hash = Sha256::new();
    for (number, marks) in lines {
        hash.update(number.to_be_bytes());
        hash.update(marks.cut.to_be_bytes());
        hash.update([u8::from(marks.partial)]);
    }
    hash.finalize().into()
}

/// The window of time that `now` is in, and the one after it. A request is stored under both: whoever comes in either of
/// them, or in the one before by a clock that is late, has one of these keys too, and the store sees it.
fn windows(now: Timestamp, window: Duration) -> ([u8; 16], [u8; 16]) {
    let length = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX).max(1);
    let this = now.nanos().div_euclid(length);
    let named = |number: i64| {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&length.to_be_bytes());
        name[8..].copy_from_slice(&number.to_be_bytes());
        name
    };
    (named(this), named(this.saturating_add(1)))
}

impl Key {
    /// What the store finds one stream's lines by.
    ///
    /// `by_default` says whether the lines are there because the request named the stream: the same body, sent to no stream,
    /// has other lines for this one, and counts as another body.
    pub(super) fn run(&self, by_default: bool) -> RunKey {
        let mut digest = Sha256::new();
        digest.update(self.body);
        digest.update([u8::from(by_default)]);
        RunKey {
            request: self.request.clone(),
            also: self.also.clone(),
            digest: Digest(digest.finalize().into()),
        }
    }

    pub(super) fn remembered(&self) -> Option<&Remembered> {
        self.remembered.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn stored(key: &Key) -> Vec<String> {
        key.run(true).part(0).map(|key| key.0.to_string()).collect()
    }

    #[test]
    fn bodies_are_told_apart_by_what_becomes_of_them() {
        let marked = |told: &[(u32, u64, bool)], body: &[u8], format, by_default| {
            let identity = Identity::key("k").unwrap();
            let marks = |&(line, cut, partial)| (line, Marks { cut, partial });
            let told = told.iter().map(marks).collect();
            let key = identity.with("a", format, body, &told, at(0), WINDOW);
            key.run(by_default).digest
        };
        let digest = |body, format, by_default| marked(&[], body, format, by_default);
        let first = digest(b"x", 0, true);
        assert_eq!(digest(b"x", 0, true), first);
        assert_ne!(digest(b"y", 0, true), first);
        assert_ne!(digest(b"x", 2, true), first);
        assert_ne!(digest(b"x", 0, false), first);
        // What is said of the lines belongs to what becomes of them.
        let told = |told: &[(u32, u64, bool)]| marked(told, b"x", 0, true);
        let mut all = vec![
            first,
            told(&[(1, 0, true)]),
            told(&[(2, 0, true)]),
            told(&[(1, 7, false)]),
            told(&[(1, 7, true)]),
            told(&[(1, 7, true), (2, 0, true)]),
        ];
        assert_eq!(told(&[(2, 0, true), (1, 7, true)]), all[5]);
        let number = all.len();
        all.sort_by_key(|digest| digest.0);
        all.dedup();
        assert_eq!(all.len(), number);
    }

    #[test]
    fn identities_of_different_kinds_protocols_and_subscribers_are_different() {
        let natural = |protocol, id: &[u8]| Identity::Natural {
            protocol,
            id: id.to_vec(),
        };
        let mut all = Vec::new();
        for identity in [
            Identity::key("p").unwrap(),
            natural("p", b"x"),
            natural("q", b"x"),
            natural("p", b"body"),
            Identity::Body { protocol: "p" },
            Identity::Body { protocol: "q" },
        ] {
            for subscriber in ["a", "b"] {
                all.extend(stored(&identity.with(
                    subscriber,
                    0,
                    b"x",
                    &Told::new(),
                    at(0),
                    WINDOW,
                )));
            }
        }
        let number = all.len();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), number), (16, 16));
    }

    /// A repeat has a key in common with the first as long as both are in windows side by side, whichever clock is ahead.
    #[test]
    fn a_body_is_known_for_a_window_at_least_and_for_two_at_most() {
        let keys = |seconds| {
            stored(&Identity::Body { protocol: "p" }.with("a", 0, b"x", &Told::new(), at(seconds), WINDOW))
        };
        for first in [0, 1, 599, -1, -600] {
            let common = |later: i64| keys(first).iter().any(|key| keys(first + later).contains(key));
            for later in [0, 1, 300, 600, -1, -600] {
                assert!(common(later), "{first} and {later} after it");
            }
            for later in [1200, 1800, 100_000, -1200] {
                assert!(!common(later), "{first} and {later} after it");
            }
        }
    }
}
