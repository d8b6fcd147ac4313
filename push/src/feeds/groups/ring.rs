//! The bundles of a group that somebody has not taken yet, and who stands where. Pure: no feeds, no sessions.
//!
//! A bundle is kept until the last one who wants it has it, or until there is no room: then those who still want it fall,
//! and what is kept of them is where they stood.

use std::collections::VecDeque;
use std::sync::Arc;

use lines::Offset;

use crate::feeds::groups::bundle::Bundle;

/// Bundles in order, and those who take them.
#[derive(Default)]
pub(super) struct Ring {
    bundles: VecDeque<Kept>,
    /// The number of the first of them.
    first: u64,
    /// What they hold.
    held: usize,
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    /// How many stand at a bundle.
    following: usize,
}

struct Kept {
    bundle: Arc<Bundle>,
    /// So many have not taken it. Never more than want the next one: all take them in order, and nobody comes in between.
    wanted_by: usize,
}

#[derive(Clone)]
enum Place {
    /// Before the bundle with this number.
    At(u64),
    /// Before one that was let go of: where it stood in each stream, by the group's numbers.
    Fell(Arc<[Offset]>),
}

/// What there is for one who follows.
pub(super) enum Taken {
    Bundle(Arc<Bundle>),
    /// It has all of them.
    Nothing,
    /// It came too late.
    Fell,
}

impl Ring {
    /// What is kept, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn next(&self) -> u64 {
        self.first + self.bundles.len() as u64
    }

    /// A place behind all bundles that there are.
    pub(super) fn join(&mut self) -> usize {
        self.following += 1;
        let place = Some(Place::At(self.next()));
        match self.free.pop() {
            Some(at) => {
                self.places[at] = place;
                at
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        }
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, at: usize) {
        if let Some(Place::At(number)) = self.places[at].take() {
            self.following -= 1;
            self.unwant(number, 1);
        }
        self.free.push(at);
    }

    /// So many want no bundle from this number on any more.
    fn unwant(&mut self, number: u64, count: usize) {
        let skip = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        for kept in self.bundles.iter_mut().skip(skip) {
            kept.wanted_by -= count;
        }
        self.let_go();
    }

    fn let_go(&mut self) {
        while let Some(kept) = self.bundles.pop_front_if(|kept| kept.wanted_by == 0) {
            self.held -= kept.bundle.held();
            self.first += 1;
        }
    }

    /// Adds a bundle for all who follow.
    pub(super) fn push(&mut self, bundle: Bundle) {
        if self.following > 0 {
            self.held += bundle.held();
            self.bundles.push_back(Kept {
                bundle: Arc::new(bundle),
                wanted_by: self.following,
            });
        }
    }

    /// Whether this one has taken all there is.
    pub(super) fn is_at_the_end(&self, at: usize) -> bool {
        matches!(self.places[at], Some(Place::At(number)) if number == self.next())
    }

    /// The next bundle for this one.
    pub(super) fn take(&mut self, at: usize) -> Taken {
        let number = match &self.places[at] {
            Some(Place::At(number)) => *number,
            _ => return Taken::Fell,
        };
        let place = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        let Some(kept) = self.bundles.get_mut(place) else {
            return Taken::Nothing;
        };
        kept.wanted_by -= 1;
        let bundle = Arc::clone(&kept.bundle);
        self.places[at] = Some(Place::At(number + 1));
        self.let_go();
        Taken::Bundle(bundle)
    }

    /// Where one stands in a stream whose lines are in bundles up to `tip`.
    pub(super) fn position(&self, at: usize, number: u32, tip: Offset) -> Offset {
        match &self.places[at] {
            Some(Place::At(next)) => {
                let skip = usize::try_from(next - self.first).unwrap_or(usize::MAX);
                let mut ahead = self.bundles.iter().skip(skip);
                ahead.find_map(|kept| kept.bundle.from(number)).unwrap_or(tip)
            }
            Some(Place::Fell(positions)) => positions.get(number as usize).copied().unwrap_or(tip),
            None => tip,
        }
    }

    /// Where one stands in every stream. `tips` are where all bundles together lead.
    pub(super) fn positions(&self, at: usize, tips: Vec<Offset>) -> Arc<[Offset]> {
        match &self.places[at] {
            Some(Place::At(next)) => self.positions_before(*next, tips),
            Some(Place::Fell(positions)) => Arc::clone(positions),
            None => tips.into(),
        }
    }

    fn positions_before(&self, number: u64, mut positions: Vec<Offset>) -> Arc<[Offset]> {
        let skip = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        for kept in self.bundles.iter().skip(skip).rev() {
            for entry in kept.bundle.entries().iter().rev() {
                if let Some(position) = positions.get_mut(entry.number as usize) {
                    *position = entry.from;
                }
            }
        }
        positions.into()
    }

    /// Lets go of the oldest bundles until at most so many bytes are kept. Who has not taken one of them falls.
    pub(super) fn shrink(&mut self, most: usize, tips: impl Fn() -> Vec<Offset>) {
        while self.held > most && !self.bundles.is_empty() {
            let number = self.first;
            let positions = self.positions_before(number, tips());
            let mut fallen = 0;
            for place in self.places.iter_mut().flatten() {
                if matches!(place, Place::At(at) if *at == number) {
                    *place = Place::Fell(Arc::clone(&positions));
                    fallen += 1;
                }
            }
            self.following -= fallen;
            self.unwant(number, fallen);
        }
    }
}
