//! Lines looked through for sessions with filters: few lines in passing, more in slices of the [`Sieve`], and each piece
//! once for all sessions that want the same of it.

use std::collections::HashMap;
use std::sync::Arc;

use collect::{Filter, Offset, StreamName};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::feed::Feed;
use crate::frame::{Frame, View};
use crate::sieve::{Account, Sieve, Slice};
use crate::strip::Piece;
use crate::{Limits, Push};

/// The looks of a node.
pub(crate) struct Looks {
    pub(crate) sieve: Arc<Sieve>,
    limits: Arc<Limits>,
    /// How to hear of the end of those under way.
    under_way: Mutex<HashMap<Key, watch::Receiver<()>>>,
}

/// What is looked through for what: a stream from an offset on, and where the filter lies in memory, since equal ones
/// are the same one.
type Key = (StreamName, Offset, usize);

/// A look that takes its time.
pub(crate) struct Look {
    pub(crate) piece: Piece,
    pub(crate) filter: Arc<Filter>,
    pub(crate) home: Home,
}

/// Who keeps the frame for others.
pub(crate) enum Home {
    /// The feed that the piece is of.
    Feed(Arc<Feed>),
    /// The page of the store that it is of.
    Page,
}

impl Looks {
    pub(crate) fn new(sieve: Arc<Sieve>, limits: Arc<Limits>) -> Self {
        Self {
            sieve,
            limits,
            under_way: Mutex::default(),
        }
    }

    /// The frame, when it is sure to cost next to nothing.
    pub(crate) fn in_passing(&self, account: &Account, piece: &Piece, filter: &Filter) -> Option<Frame> {
        let limits = &self.limits;
        let little = piece.cost(filter) <= usize::try_from(limits.filter_in_passing.as_nanos()).unwrap_or(0);
        (little && account.wait().is_none()).then(|| {
            let slice = Slice::of(limits.filter_in_passing);
            account.charging(|| piece.matching(filter, limits.frame_bytes, limits.filter_bytes, slice))
        })
    }

    /// Says that a look begins; its end is told when the answer is dropped. Otherwise how to hear of the end of one that
    /// was quicker.
    fn begin(&self, key: Key) -> Result<Turn<'_>, watch::Receiver<()>> {
        let mut under_way = self.under_way.lock();
        if let Some(end) = under_way.get(&key) {
            return Err(end.clone());
        }
        let (end, ended) = watch::channel(());
        under_way.insert(key.clone(), ended);
        Ok(Turn {
            looks: self,
            key,
            _end: end,
        })
    }
}

impl Look {
    /// Looks, or waits for another session that looks for the same: then the frame is kept where this piece came from.
    /// A subscriber that has used up its budget waits before that, and keeps nobody else waiting.
    pub(crate) async fn run(self, push: &Push, account: &Arc<Account>) -> Option<Frame> {
        while let Some(wait) = account.wait() {
            tokio::time::sleep(wait).await;
        }
        let Self { piece, filter, home } = self;
        let (stream, from) = piece.at();
        let stream = stream.clone();
        let key = (stream.clone(), from, Arc::as_ptr(&filter) as usize);
        let _turn = match push.looks.begin(key) {
            Ok(turn) => turn,
            Err(mut end) => {
                // An error of `changed` is the end of that look.
                drop(end.changed().await);
                return None;
            }
        };
        let (frame_bytes, filter_bytes) = (push.limits.frame_bytes, push.limits.filter_bytes);
        let view = View::Matching(Arc::clone(&filter));
        let work = move |slice| piece.matching(&filter, frame_bytes, filter_bytes, slice);
        let frame = push.looks.sieve.run(account, work).await;
        home.keep(push, &stream, &view, &frame);
        Some(frame)
    }
}

impl Home {
    pub(crate) fn keep(&self, push: &Push, stream: &StreamName, view: &View, frame: &Frame) {
        match self {
            Self::Feed(feed) => feed.remember(view, frame),
            Self::Page => push.replay.remember(stream, view, frame),
        }
    }
}

/// A look under way.
struct Turn<'a> {
    looks: &'a Looks,
    key: Key,
    /// Dropping it wakes those who wait.
    _end: watch::Sender<()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.looks.under_way.lock().remove(&self.key);
    }
}
