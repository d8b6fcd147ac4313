//! Tokens that were found good lately: a sender shows the same one with every request.
//!
//! A token is known by a digest of all of it, by the verifier whose key it is signed with, and never longer than that
//! verifier. It counts from when it was checked to its `exp`; at any other time, by a clock that was set back for example, it
//! is checked again, and the check decides. Of tokens that are not good nothing is kept.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;

use crate::grants::Subscriber;

/// How many are known at once, at most.
const MOST: usize = 4_096;

/// A longer token is not kept, so that all of them take some MiB at the most.
const LONGEST: usize = 2 * 1024;

/// SHA-256 of a token.
type Digest = [u8; 32];

#[derive(Default)]
pub(crate) struct Checked(Mutex<Generations>);

/// Those that nobody shows any more make room.
#[derive(Default)]
struct Generations {
    /// Checked or shown lately; at most half of all.
    young: HashMap<Digest, Good>,
    /// Before that.
    old: HashMap<Digest, Good>,
}

/// A good token.
struct Good {
    subscriber: Subscriber,
    /// When it was checked, in Unix seconds.
    since: i64,
}

impl Good {
    fn counts(&self, now: i64) -> bool {
        (self.since..self.subscriber.expires_at()).contains(&now)
    }
}

impl Checked {
    /// The owner of a token that was found good, when it still is at the time `now`.
    pub(crate) fn owner(&self, token: &str, now: i64) -> Option<Subscriber> {
        if token.len() > LONGEST {
            return None;
        }
        let name = name_of(token)?;
        let mut generations = self.0.lock();
        if let Some(good) = generations.young.get(&name) {
            return good.counts(now).then(|| good.subscriber.clone());
        }
        let good = generations.old.remove(&name).filter(|good| good.counts(now))?;
        let subscriber = good.subscriber.clone();
        generations.put(name, good);
        Some(subscriber)
    }

    /// What was found good by other keys is to be checked anew.
    pub(crate) fn forget(&self) {
        *self.0.lock() = Generations::default();
    }

    /// Remembers that a token was found good just now.
    pub(crate) fn is_good(&self, token: &str, subscriber: &Subscriber, now: i64) {
        if token.len() > LONGEST {
            return;
        }
        if let Some(name) = name_of(token) {
            let subscriber = subscriber.clone();
            self.0.lock().put(
                name,
                Good {
                    subscriber,
                    since: now,
                },
            );
        }
    }
}

impl Generations {
    fn put(&mut self, name: Digest, good: Good) {
        if self.young.len() >= MOST / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, good);
    }
}

fn name_of(token: &str) -> Option<Digest> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::grants::Grants;

    fn subscriber(name: &str, expires_at: i64) -> Subscriber {
        Subscriber::new(name, Grants::default(), expires_at, None).unwrap()
    }

    #[test]
    fn a_token_counts_from_when_it_was_checked_until_it_ends() {
        let checked = Checked::default();
        checked.is_good("a.b.c", &subscriber("alice", 200), 100);
        let owner = |token: &str, now| checked.owner(token, now).map(|owner| owner.sub().to_owned());
        for (now, known) in [
            (99, false),
            (100, true),
            (199, true),
            (200, false),
            (i64::MAX, false),
        ] {
            assert_eq!(owner("a.b.c", now).is_some(), known, "{now}");
        }
        assert_eq!(owner("a.b.c", 150).as_deref(), Some("alice"));
        assert_eq!(owner("a.b.C", 150), None);
        assert_eq!(owner("a.b.", 150), None);
    }

    #[test]
    fn what_is_shown_stays_known_and_all_of_it_is_bounded() {
        let checked = Checked::default();
        let shown = subscriber("shown", 200);
        checked.is_good("shown", &shown, 100);
        for number in 0..3 * MOST {
            checked.is_good(&number.to_string(), &subscriber("many", 200), 100);
            assert!(checked.owner("shown", 100).is_some(), "{number}");
        }
        let long = "x".repeat(LONGEST + 1);
        checked.is_good(&long, &shown, 100);
        assert!(checked.owner(&long, 100).is_none());
        let generations = checked.0.lock();
        assert!(generations.young.len() + generations.old.len() <= MOST);
    }
}
