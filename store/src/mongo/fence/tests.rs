//! A model of the protocol: any number of steps of others may come between any two of one's own, for any time, and anybody
//! may end anywhere.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// A linear congruential generator: the same walks at every run.
struct Walk(u64);

impl Walk {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// One stream, as the servers have it.
#[derive(Default)]
struct Servers {
    /// Where documents begin, and where they end.
    documents: BTreeMap<u64, u64>,
    /// Everything below was deleted or is about to be.
    floor: u64,
    admitted: i32,
    made: i32,
    told: i32,
}

impl Servers {
    fn end(&self) -> u64 {
        self.documents
            .values()
            .next_back()
            .map_or(self.floor, |end| self.floor.max(*end))
    }
}

/// How far somebody came who wants to append a line.
#[derive(Clone, Copy)]
enum Appending {
    Begins,
    Told(i32),
    Knows(i32, u64),
}

/// How far somebody came who takes documents away.
#[derive(Clone)]
enum Taking {
    Begins,
    /// What was there before the end.
    Seen(u64),
    Made(u64, i32),
    Admitted(u64, i32),
    Raised(u64),
}

#[derive(Clone, Copy, PartialEq)]
enum Fence {
    Raised,
    /// As it would be without one.
    Missing,
}

/// Takes so many steps, and says at which places something was stored where lines had been given an offset before.
fn walk(seed: u64, fence: Fence) -> (Vec<u64>, usize) {
    let mut walk = Walk(seed);
    let mut servers = Servers::default();
    let mut given = BTreeSet::new();
    let (mut twice, mut stored) = (Vec::new(), 0);
    let mut appending = [Appending::Begins; 3];
    let mut taking = [Taking::Begins, Taking::Begins];
    for _ in 0..400 {
        let who = walk.below(5);
        if let Some(one) = appending.get_mut(who) {
            *one = match *one {
                Appending::Begins => Appending::Told(servers.told),
                Appending::Told(token) => Appending::Knows(token, servers.end()),
                Appending::Knows(token, place) => {
                    if token != servers.admitted && fence == Fence::Raised {
                        Appending::Begins
                    } else if let Entry::Vacant(free) = servers.documents.entry(place) {
                        let lines = 1 + walk.below(3) as u64;
                        free.insert(place + lines);
                        stored += 1;
                        for offset in place..place + lines {
                            if !given.insert(offset) {
                                twice.push(offset);
                            }
                        }
                        // It goes on where it was, as long as it is let in.
                        Appending::Knows(token, place + lines)
                    } else {
                        Appending::Told(token)
                    }
                }
            };
            continue;
        }
        let one = &mut taking[who - 3];
        let next = match one {
            // Whoever has died is followed by somebody who begins anew.
            _ if walk.below(12) == 0 => Taking::Begins,
            Taking::Begins => Taking::Seen(servers.end()),
            Taking::Seen(end) => {
                servers.made += 1;
                Taking::Made(*end, servers.made)
            }
            Taking::Made(end, token) => {
                servers.admitted = *token;
                Taking::Admitted(*end, *token)
            }
            Taking::Admitted(end, token) => {
                servers.told = servers.told.max(*token);
                Taking::Raised(*end)
            }
            Taking::Raised(end) => {
                take(&mut servers, *end, &mut walk);
                Taking::Begins
            }
        };
        *one = next;
    }
    (twice, stored)
}

/// Makes one of two that follow each other, or lets go what is below a floor.
fn take(servers: &mut Servers, seen: u64, walk: &mut Walk) {
    let below: Vec<u64> = servers.documents.range(..seen).map(|(first, _)| *first).collect();
    if walk.below(4) == 0 {
        // No floor lies within a document.
        let last = servers.documents.range(..seen).next_back();
        let floor = last
            .filter(|(_, end)| **end > seen)
            .map_or(seen, |(first, _)| *first);
        servers.floor = servers.floor.max(floor);
        servers.documents.retain(|first, _| *first >= floor);
        return;
    }
    for first in below {
        let Some(end) = servers.documents.get(&first).copied() else {
            continue;
        };
        if end < seen
            && let Some(next) = servers.documents.remove(&end)
        {
            servers.documents.insert(first, next);
        }
    }
}

#[test]
fn no_offset_is_given_twice_whoever_stands_still_wherever_for_however_long() {
    let mut all = 0;
    for seed in 0..20_000 {
        let (twice, stored) = walk(seed, Fence::Raised);
        assert_eq!(twice, Vec::<u64>::new(), "walk {seed}");
        all += stored;
    }
    assert!(all > 100_000, "hardly anybody got in: {all}");
}

#[test]
fn without_a_fence_offsets_are_given_twice_on_such_walks() {
    let walks = (0..1000).filter(|seed| !walk(*seed, Fence::Missing).0.is_empty());
    assert!(walks.count() > 100);
}
