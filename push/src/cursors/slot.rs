//! One stream of a session: where its cursor stands, and what has been said of it.

use std::sync::Arc;

use lines::Offset;
use tokio::time::Instant;

use super::filtering::Home;
use super::owed::{Missing, Owed};
use super::sources::Sources;
use super::subscription::{Mode, Terms};
use crate::feeds::Member;
use crate::feeds::window::Pull;

/// A stream of a session, and how far it got.
pub(super) struct Slot {
    pub(super) member: Member,
    pub(super) terms: Arc<Terms>,
    pub(super) paused: bool,
    pub(super) cursor: Offset,
    /// Where the last thing that the client was told of the stream ended. Before the cursor where a filter has looked
    /// through lines since, and left none.
    pub(super) told: Offset,
    /// `live` is owed once the cursor gets here and to the head.
    pub(super) live_from: Option<Offset>,
    /// What the last `behind` said.
    pub(super) behind: u64,
    /// Failed or fruitless reads in a row. Each stream has its own: what one waits for holds up no other.
    pub(super) attempts: u32,
    /// After such a read, when the store is asked again.
    pub(super) rests_until: Option<Instant>,
}

/// Where lines are kept.
#[derive(Clone, Copy)]
pub(super) enum Kept {
    InFeed,
    InPages,
}

impl Slot {
    /// Of a stream of which all before `cursor` is told.
    pub(super) fn at(cursor: Offset, member: Member, terms: Arc<Terms>, paused: bool) -> Self {
        Self {
            member,
            terms,
            paused,
            cursor,
            told: cursor,
            live_from: None,
            behind: 0,
            attempts: 0,
            rests_until: None,
        }
    }

    /// What there is at the cursor, in the feed or else in a page of the store.
    pub(super) fn pull(&self, sources: &Sources) -> (Pull, Kept) {
        let view = &self.terms.view;
        match self.member.pull(self.cursor, view) {
            Pull::Behind => {
                let pulled = sources.pages.cut(self.member.stream(), self.cursor, view);
                (pulled, Kept::InPages)
            }
            pulled => (pulled, Kept::InFeed),
        }
    }

    /// Who keeps for others what is sifted out of lines.
    pub(super) fn home(&self, kept: Kept, sources: &Sources) -> Home {
        match kept {
            Kept::InFeed => Home::Feed(Arc::clone(self.member.feed())),
            Kept::InPages => Home::Pages(Arc::clone(&sources.pages)),
        }
    }

    pub(super) fn go_to(&mut self, cursor: Offset) {
        self.cursor = cursor;
        self.told = cursor;
        self.attempts = 0;
        self.rests_until = None;
    }

    /// Whether it waits after a read that brought nothing. Its signal is marked when that is over.
    pub(super) fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Says how far a filter has looked and left nothing, where the client does not know that yet. So whatever is said
    /// next of the stream begins where the last thing ended, and a client can prove that nothing is missing.
    pub(super) fn tell(&mut self, out: &mut Vec<Owed>) {
        if self.told < self.cursor {
            out.push(Owed::Looked {
                stream: self.member.stream().clone(),
                first: self.told,
                next: self.cursor,
            });
            self.told = self.cursor;
        }
    }

    pub(super) fn live(&self) -> Owed {
        Owed::Live {
            stream: self.member.stream().clone(),
            head: self.cursor,
        }
    }

    /// Goes on at `to`, and names what lies between.
    pub(super) fn jump(&mut self, to: Offset, why: Missing, out: &mut Vec<Owed>) {
        self.tell(out);
        out.push(Owed::Gap {
            stream: self.member.stream().clone(),
            from: self.cursor,
            to,
            why,
        });
        self.go_to(to);
    }

    /// Jumps ahead, when the client wants that. Whether it did.
    pub(super) fn skip(&mut self, recent: usize, out: &mut Vec<Owed>) -> bool {
        if self.terms.mode != Mode::Recent || self.live_from.is_some() {
            return false;
        }
        let to = self.member.newest(recent);
        let skips = self.cursor < to;
        if skips {
            self.jump(to, Missing::Skipped, out);
        }
        skips
    }
}
