//! Tokens that were found good lately: a sender shows the same one with every request.
//!
//! A token is known by a digest of all of it, by the verifier whose key it is signed with, and never longer than that
//! verifier. It counts from when it was checked to its `exp`, or to the end of its key; at any other time, by a clock that was
//! set back for example, it is checked again, and the check decides. Of tokens that are not good nothing is kept.
//!
//! When keys change, all is forgotten; and what was checked by those of before and is told later is not kept either. So
//! each set of keys has a number, which whoever checks takes together with them.

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
    /// The number of the keys by which these are good.
    keys: u64,
}

/// A good token.
struct Good {
    subscriber: Subscriber,
    /// When it was checked, in Unix seconds.
    since: i64,
    /// When it ends, or its key.
    until: i64,
}

/// What a check found.
pub(crate) struct Found {
    /// Whose the token is.
    pub owner: Subscriber,
    /// When it ends, or its key: in Unix seconds.
    pub until: i64,
    /// The number of the keys that it was checked with.
    pub keys: u64,
}

impl Good {
    fn counts(&self, now: i64) -> bool {
        (self.since..self.until).contains(&now)
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

    /// From now on tokens are checked by the keys of this number: what was found good by others is to be checked anew.
    pub(crate) fn forget(&self, keys: u64) {
        *self.0.lock() = Generations {
            keys,
            ..Generations::default()
        };
    }

    /// Remembers that a token was found good at `now`, unless other keys count meanwhile.
    pub(crate) fn is_good(&self, token: &str, found: &Found, now: i64) {
        if token.len() > LONGEST {
            return;
        }
        let Some(name) = name_of(token) else { return };
        let mut generations = self.0.lock();
        if generations.keys == found.keys {
            let good = Good {
                subscriber: found.owner.clone(),
                since: now,
                until: found.until,
            };
            generations.put(name, good);
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

    fn found(name: &str) -> Found {
        Found {
            owner: Subscriber::new(name, Grants::default(), 200, None).unwrap(),
            until: 200,
            keys: 0,
        }
    }

    #[test]
    fn a_token_counts_from_when_it_was_checked_until_it_ends() {
        let checked = Checked::default();
        checked.is_good("a.b.c", &found("alice"), 100);
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
    fn what_was_found_good_by_keys_of_before_is_not_kept() {
        let checked = Checked::default();
        let early = found("alice");
        checked.is_good("before", &early, 100);
        checked.forget(1);
        checked.is_good("between", &early, 100);
        checked.is_good("after", &Found { keys: 1, ..early }, 100);
        for (token, known) in [("before", false), ("between", false), ("after", true)] {
            assert_eq!(checked.owner(token, 100).is_some(), known, "{token}");
        }
    }

    #[test]
    fn a_token_is_known_no_longer_than_its_key_counts() {
        let checked = Checked::default();
        let until = 150;
        checked.is_good(
            "a.b.c",
            &Found {
                until,
                ..found("alice")
            },
            100,
        );
        assert!(checked.owner("a.b.c", 149).is_some() && checked.owner("a.b.c", 150).is_none());
    }

    #[test]
    fn what_is_shown_stays_known_and_all_of_it_is_bounded() {
        let checked = Checked::default();
        let shown = found("shown");
        checked.is_good("shown", &shown, 100);
        for number in 0..3 * MOST {
            checked.is_good(&number.to_string(), &found("many"), 100);
            assert!(checked.owner("shown", 100).is_some(), "{number}");
        }
        let long = "x".repeat(LONGEST + 1);
        checked.is_good(&long, &shown, 100);
        assert!(checked.owner(&long, 100).is_none());
        let generations = checked.0.lock();
        assert!(generations.young.len() + generations.old.len() <= MOST);
    }
}
