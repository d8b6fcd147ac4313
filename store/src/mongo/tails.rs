//! Where streams end, as far as this process knows without asking, and which of them others write to as well.
//!
//! # Why a known end grows old, and why removed batches stay on the disk for a while
//!
//! A known end may be outdated, because other collectors write too. Usually that does no harm: the unique index
//! refuses an insert at a place that is taken. But suppose that this process knows a stream to end at 10, another one
//! writes 10 to 15, and somebody merges that batch with the one before it, or a trimmer deletes it: then the index has
//! nothing at 10, and an insert there would give offsets again that were given to other lines (against invariants 2, 3
//! and 10). The server refuses it, since it has the token that was told before that end was read: see
//! [`fence`](super::fence).
//!
//! For what is deleted there is a second reason, which holds where nobody may raise the fence, too. A trim only raises the
//! stream's floor, which every reader heeds at once, and batches below it are deleted when that was `grace` ago, by the
//! clock of the database. And a known end counts for `tail_valid`, by this process's monotonic clock, from before it was
//! asked for. `grace` is longer than `tail_valid` and the deadline of the insert together, so whoever inserts by a known
//! end finds everything still there that was written since. Two clocks measure these two, and the database's may be set in
//! between. By as much as [`TOLERANCE`] nobody notices, so `grace` is longer by that, too. A leap that is larger is
//! noticed by whoever deletes, and nothing is deleted until `grace` has passed since then by its own monotonic clock; where
//! somebody says that the clock is right, all that is invisible gets a new `grace`.
//!
//! Whoever stops waiting for an insert closes the connection, and is told that the outcome is unknown: also where the
//! process stood still for so long, and finds the server's answer when it wakes up
//! ([`answered_by`](crate::timing::answered_by)).
//!
//! [`TOLERANCE`]: crate::clock::TOLERANCE
//!
//! The next offset is the greater one of the last batch's end and the floor, so an emptied stream goes on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lines::{Offset, StreamName, Timestamp};

use super::fence::Token;

/// Known ends of streams.
pub(super) struct Tails {
    /// Written by appends and by reading the database, read by appends; bounded by `most`.
    known: HashMap<StreamName, Tail>,
    /// The token that was learned last, and when it was asked for: no end that was read before another one was told is of
    /// use any more.
    admits: Option<(Token, Instant)>,
    /// Streams to which somebody else wrote lately, and until when that counts. Written and read by appends; bounded
    /// by `most`.
    contended: HashMap<StreamName, Race>,
    most: usize,
    valid: Duration,
}

/// A stream to which somebody else wrote lately.
struct Race {
    /// When this is forgotten unless it happens again.
    until: Instant,
    /// How long an append took that succeeded.
    turn: Duration,
}

/// How long a turn is taken to be before there was one.
const FIRST_TURN: Duration = Duration::from_millis(5);

/// How long a stream counts as contended after somebody else wrote to it.
const CONTENDED_FOR: Duration = Duration::from_secs(1);

struct Tail {
    next: Offset,
    /// When the batch arrived that ends there; `None` when there is none.
    arrived: Option<Timestamp>,
    /// When the question was sent that this answers, or the insert that made it true.
    confirmed: Instant,
    /// What was told before the end was read that this one, or those before it which this process wrote, followed.
    token: Token,
}

impl Tails {
    pub(super) fn new(most: usize, valid: Duration) -> Self {
        Self {
            known: HashMap::new(),
            admits: None,
            contended: HashMap::new(),
            most,
            valid,
        }
    }

    /// The stream's end, when it is known well enough to insert there now, and by what the server admits that.
    pub(super) fn get(&self, stream: &StreamName, now: Instant) -> Option<(Offset, Token)> {
        let tail = self.known.get(stream)?;
        let admits = self.admits.is_some_and(|(token, _)| token == tail.token);
        let is_young = now.saturating_duration_since(tail.confirmed) < self.valid;
        (admits && is_young).then_some((tail.next, tail.token))
    }

    /// Learns an end that was true at `confirmed` or after, and was read after `token` was told.
    pub(super) fn learn(
        &mut self,
        stream: &StreamName,
        next: Offset,
        arrived: Option<Timestamp>,
        confirmed: Instant,
        token: Token,
    ) {
        if self.admits.is_none_or(|(_, asked)| confirmed >= asked) {
            self.admits = Some((token, confirmed));
        }
        if !self.known.contains_key(stream) && self.known.len() >= self.most {
            self.make_room(confirmed);
        }
        let learned = Tail {
            next,
            arrived,
            confirmed,
            token,
        };
        let Some(tail) = self.known.get_mut(stream) else {
            self.known.insert(stream.clone(), learned);
            return;
        };
        // Ends only grow, so of two answers that cross the greater one is the later one.
        if next >= tail.next {
            *tail = learned;
        }
    }

    /// When the last batch of a stream arrived whose end is known.
    pub(super) fn arrived(&self, stream: &StreamName) -> Option<Timestamp> {
        self.known.get(stream)?.arrived
    }

    /// Ask the next time.
    pub(super) fn forget(&mut self, stream: &StreamName) {
        self.known.remove(stream);
    }

    /// Somebody else wrote where this process believed the stream to end.
    pub(super) fn overtaken(&mut self, stream: &StreamName, now: Instant) {
        if self.contended.len() >= self.most {
            self.contended.retain(|_, race| race.until > now);
        }
        let until = now + CONTENDED_FOR;
        if let Some(race) = self.contended.get_mut(stream) {
            race.until = until;
        } else if self.contended.len() < self.most {
            let turn = FIRST_TURN;
            self.contended.insert(stream.clone(), Race { until, turn });
        }
    }

    /// Whether somebody else wrote to the stream lately.
    pub(super) fn is_contended(&self, stream: &StreamName, now: Instant) -> bool {
        self.contended.get(stream).is_some_and(|race| race.until > now)
    }

    /// How long an append to a contended stream takes.
    pub(super) fn turn(&self, stream: &StreamName) -> Duration {
        self.contended
            .get(stream)
            .map_or(Duration::ZERO, |race| race.turn)
    }

    /// An append to a contended stream succeeded after so long.
    pub(super) fn won(&mut self, stream: &StreamName, turn: Duration) {
        if let Some(race) = self.contended.get_mut(stream) {
            race.turn = turn;
        }
    }

    /// Old ends first; when all are young, all of them: asking again costs one round trip for many.
    fn make_room(&mut self, now: Instant) {
        let valid = self.valid;
        self.known
            .retain(|_, tail| now.saturating_duration_since(tail.confirmed) < valid);
        if self.known.len() >= self.most {
            self.known.clear();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const VALID: Duration = Duration::from_secs(30);
    const TOLD: Token = Token(1);

    fn stream(name: &str) -> StreamName {
        StreamName::parse(name).unwrap()
    }

    #[test]
    fn a_known_end_grows_old() {
        let begun = Instant::now();
        let mut tails = Tails::new(10, VALID);
        tails.learn(&stream("s"), Offset(5), None, begun, TOLD);
        assert_eq!(tails.get(&stream("s"), begun), Some((Offset(5), TOLD)));
        assert_eq!(tails.get(&stream("s"), begun + VALID), None);
        tails.learn(&stream("s"), Offset(5), None, begun + VALID, TOLD);
        assert_eq!(tails.get(&stream("s"), begun + VALID), Some((Offset(5), TOLD)));
    }

    /// After the fence was raised a collector is refused once, and not once for each stream that it knows.
    #[test]
    fn ends_that_were_read_before_another_token_was_told_are_asked_for_again() {
        let begun = Instant::now();
        let mut tails = Tails::new(10, VALID);
        for name in ["s", "t", "u"] {
            tails.learn(&stream(name), Offset(5), None, begun, TOLD);
        }
        let later = begun + Duration::from_secs(1);
        tails.learn(&stream("s"), Offset(6), None, later, Token(2));
        assert_eq!(tails.get(&stream("s"), later), Some((Offset(6), Token(2))));
        assert_eq!(tails.get(&stream("t"), later), None);
        // An insert that was let in before is answered late.
        tails.learn(&stream("u"), Offset(6), None, begun, TOLD);
        assert_eq!(tails.get(&stream("u"), later), None);
        assert_eq!(tails.get(&stream("s"), later), Some((Offset(6), Token(2))));
        // A database that was restored tells an earlier one.
        let restored = later + Duration::from_secs(1);
        tails.learn(&stream("t"), Offset(2), None, restored, TOLD);
        assert_eq!(tails.get(&stream("s"), restored), None);
    }

    #[test]
    fn an_end_never_moves_back() {
        let begun = Instant::now();
        let mut tails = Tails::new(10, VALID);
        tails.learn(&stream("s"), Offset(9), None, begun, TOLD);
        tails.learn(&stream("s"), Offset(5), None, begun + VALID, TOLD);
        assert_eq!(tails.get(&stream("s"), begun), Some((Offset(9), TOLD)));
        assert_eq!(tails.get(&stream("s"), begun + VALID), None);
        tails.forget(&stream("s"));
        assert_eq!(tails.get(&stream("s"), begun), None);
    }

    #[test]
    fn a_stream_is_contended_for_a_while_after_somebody_else_wrote_to_it() {
        let begun = Instant::now();
        let mut tails = Tails::new(2, VALID);
        tails.learn(&stream("s"), Offset(5), None, begun, TOLD);
        assert!(!tails.is_contended(&stream("s"), begun));
        tails.overtaken(&stream("s"), begun);
        assert!(tails.is_contended(&stream("s"), begun));
        assert!(!tails.is_contended(&stream("s"), begun + CONTENDED_FOR));

        tails.overtaken(&stream("t"), begun);
        tails.overtaken(&stream("u"), begun);
        assert!(!tails.is_contended(&stream("u"), begun), "there is no room");
        tails.overtaken(&stream("u"), begun + CONTENDED_FOR);
        assert!(tails.is_contended(&stream("u"), begun + CONTENDED_FOR));
        assert_eq!(tails.contended.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let begun = Instant::now();
        let mut tails = Tails::new(2, VALID);
        tails.learn(&stream("old"), Offset(1), None, begun, TOLD);
        tails.learn(&stream("young"), Offset(2), None, begun + VALID, TOLD);
        tails.learn(&stream("new"), Offset(3), None, begun + VALID, TOLD);
        let known = |tails: &Tails| {
            ["old", "young", "new", "last"].map(|s| tails.get(&stream(s), begun + VALID).map(|(o, _)| o.0))
        };
        assert_eq!(known(&tails), [None, Some(2), Some(3), None]);
        tails.learn(&stream("last"), Offset(4), None, begun + VALID, TOLD);
        assert_eq!(known(&tails), [None, None, None, Some(4)]);
    }
}
