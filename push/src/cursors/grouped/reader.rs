//! One session without a wire, and its client.

use std::sync::Arc;
use std::time::Duration;

use auth::Subscriber;
use lines::StreamName;

use super::client::{Client, Known};
use super::{IDS, subscribe};
use crate::Push;
use crate::cursors::Cursors;
use crate::cursors::capacity::{Capacity, Held};
use crate::cursors::owed::Owed;
use crate::cursors::subscription::{From, Mode, Subscribe, To};
use crate::feeds::wake::Wake;
use crate::session::{Meet, Outbound, Reads, Session};
use crate::wire::frame::FRAMES;

/// One session, and what its client knows.
pub(super) struct Reader {
    pub(super) session: Session,
    pub(super) out: Out,
    pub(super) client: Client,
}

/// Takes so many bytes.
pub(super) struct Out {
    room: usize,
    pub(super) owed: Vec<Owed>,
}

impl Outbound for Out {
    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn put(&mut self, owed: &mut Vec<Owed>, _: &Cursors) {
        let bytes = |owed: &Owed| match owed {
            Owed::Lines(chunk) => chunk.bytes.len(),
            Owed::Joined(piece) => piece.bytes.len(),
            _ => 0,
        };
        self.room = self.room.saturating_sub(owed.iter().map(bytes).sum());
        self.owed.append(owed);
    }
}

impl Reader {
    pub(super) fn new(push: &Arc<Push>, subscriber: &Subscriber) -> Self {
        let reads = Reads {
            encoding: FRAMES,
            capacity: Capacity {
                streams: 100,
                place_bytes: None,
            },
        };
        Self {
            session: Session::new(
                Arc::clone(push.host()),
                subscriber.clone(),
                Arc::<Wake>::default(),
                reads,
            ),
            out: Out {
                room: 0,
                owed: Vec::new(),
            },
            client: Client::default(),
        }
    }

    pub(super) fn hear(&mut self) {
        for owed in self.out.owed.drain(..) {
            self.client.hear(&owed);
        }
    }

    /// Takes at most so much of what there is, until nothing happens for a moment.
    pub(super) async fn take(&mut self, room: usize, moment: Duration) {
        self.out.room = room;
        loop {
            self.session.fill(&mut self.out);
            self.hear();
            self.session.begin_waiting(self.out.has_room(), Meet::Yes);
            let happened = tokio::time::timeout(moment, self.session.happening(Meet::Yes)).await;
            let Ok(happened) = happened else {
                return;
            };
            self.session.react(happened, &mut self.out.owed);
            self.hear();
        }
    }

    pub(super) async fn subscribe(&mut self, push: &Push, id: &str, targets: &[&str], last: Option<u64>) {
        if self.session.cursors.has(id) {
            return;
        }
        let request = Subscribe {
            id: id.to_owned(),
            streams: targets.iter().map(|&target| target.to_owned()).collect(),
            from: last.map_or(From::Live, From::Last),
            filter: None,
            mode: Mode::Complete,
        };
        let sources = Arc::clone(&push.host().sources);
        // What is refused changes nothing.
        if let Ok(started) = subscribe::start(sources, self.session.asker(), request).await {
            self.session.add(started, &mut self.out.owed);
            self.hear();
        }
    }

    pub(super) async fn unsubscribe(&mut self, id: &str) {
        let before = self.session.cursors.streams();
        self.session.remove(id, &mut self.out.owed);
        self.hear();
        let after = self.session.cursors.streams();
        for stream in before.iter().filter(|stream| !after.contains(stream)) {
            self.client.places.remove(stream.as_str());
        }
    }

    pub(super) async fn seek(&mut self, push: &Push, stream: &str, percent: Option<u64>) {
        let stream = StreamName::parse(stream).unwrap();
        let Some(id) = IDS
            .into_iter()
            .find(|id| self.session.cursors.check_has(id, &stream).is_ok())
        else {
            return;
        };
        let sources = Arc::clone(&push.host().sources);
        let extent = subscribe::extent(sources, id.to_owned(), stream.clone()).await;
        let extent = extent.unwrap_or_else(|refusal| panic!("{}", refusal.code));
        let (to, wanted) = match percent {
            None => (To::Live, None),
            Some(percent) => (
                To::Offset(extent.next.0 * percent / 100),
                Some(extent.next.0 * percent / 100),
            ),
        };
        let mut owed = Vec::new();
        let sought = self.session.cursors.seek(id, &stream, to, extent, &mut owed);
        assert!(sought.is_ok());
        let known = self.client.known(stream.as_str());
        *known = Known {
            next: wanted.unwrap_or_else(|| match owed.last() {
                Some(Owed::Live { head, .. }) => head.0,
                _ => panic!("who seeks the head is live"),
            }),
            fresh: false,
            waits_for_live: true,
        };
        self.out.owed.append(&mut owed);
        self.hear();
    }

    /// What is counted on is what there is.
    pub(super) fn check_accounts(&self) {
        let cursors = &self.session.cursors;
        let mut held = Held::default();
        cursors.streams().iter().for_each(|stream| held.add(stream));
        assert_eq!(cursors.held, held);
        for number in 0..cursors.free_from {
            let slot = cursors.slots.get(number as usize).and_then(Option::as_ref);
            assert!(
                slot.is_some() || cursors.following(number).is_some(),
                "{number} is free"
            );
        }
    }

    /// Streams that it has by cursors of its own though others have them, too.
    pub(super) fn alone(&self) -> Vec<String> {
        let cursors = &self.session.cursors;
        let slots = cursors.slots.iter().flatten();
        let grouped = slots.filter(|slot| {
            let mut of = cursors.subscriptions.iter();
            of.any(|of| Arc::ptr_eq(&of.terms, &slot.terms) && of.follow.is_some())
        });
        grouped.map(|slot| slot.member.stream().to_string()).collect()
    }
}
