//! Commits that wait, and what becomes of those that are tried together.
//!
//! Everything that waits is one revision and one write, as appends are one commit: a key can be changed once in a
//! revision, so commits about the same key take turns.

use std::collections::{BTreeMap, HashMap, VecDeque};

use lines::ledger::{Action, Change};
use lines::ledger::{CommitError, Entry, LedgerError, LedgerKey, Revision, Write};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The most keys of one group, and its bytes, about.
const GROUP_WRITES: usize = 256;
const GROUP_BYTES: usize = 1024 * 1024;
/// So many that have to wait are passed over for others.
const PASSED_OVER: usize = 1_000;
/// What may wait, in bytes. A commit beyond is refused.
const WAITING_BYTES: usize = 32 * 1024 * 1024;
/// What a write takes beside its key and value.
const OVERHEAD: usize = 256;

/// What a commit is answered.
pub(crate) type Verdict = Result<Revision, CommitError>;

/// A commit that waits, or is being tried.
pub(crate) struct Pending {
    number: u64,
    pub(crate) writes: Vec<Write>,
    answer: oneshot::Sender<Verdict>,
}

impl Pending {
    pub(crate) fn answer(self, verdict: Verdict) {
        // Whoever stopped waiting has been told that the outcome is unknown, or told nobody.
        let _ = self.answer.send(verdict);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.writes.iter().map(|write| write.bytes() + OVERHEAD).sum()
    }
}

/// The commits that wait, in their order.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    commits: VecDeque<Pending>,
    bytes: usize,
    last: u64,
    /// Whether somebody takes groups.
    served: bool,
}

impl Queue {
    /// Puts a commit at the end, calls `serve` if nobody takes groups now, and waits for the answer.
    pub(crate) async fn commit(
        &self,
        writes: Vec<Write>,
        until: Instant,
        late: LedgerError,
        serve: impl FnOnce(),
    ) -> Verdict {
        let (answer, answered) = oneshot::channel();
        let (number, unserved) = {
            let mut waiting = self.0.lock();
            waiting.last += 1;
            let number = waiting.last;
            let pending = Pending {
                number,
                writes,
                answer,
            };
            if waiting.bytes + pending.bytes() > WAITING_BYTES {
                let busy = "too many commits wait for their turn".into();
                return Err(CommitError::NotDone(LedgerError::Away(busy)));
            }
            waiting.bytes += pending.bytes();
            waiting.commits.push_back(pending);
            (number, !std::mem::replace(&mut waiting.served, true))
        };
        if unserved {
            serve();
        }
        match timeout_at(until, answered).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => Err(CommitError::Unknown(LedgerError::Away(
                "the ledger has stopped".into(),
            ))),
            Err(_) if self.take_back(number) => Err(CommitError::NotDone(late)),
            Err(_) => Err(CommitError::Unknown(late)),
        }
    }

    /// What can be tried together. `None` when nothing waits: from then on the next commit calls for somebody.
    pub(crate) fn take(&self) -> Option<Vec<Pending>> {
        let mut waiting = self.0.lock();
        let Waiting {
            commits,
            bytes,
            served,
            ..
        } = &mut *waiting;
        let mut group = Vec::new();
        let mut left = VecDeque::new();
        let (mut writes, mut size) = (0, 0);
        // Whether a key only has to stay as it is, so that others may ask the same.
        let mut keys: HashMap<LedgerKey, bool> = HashMap::new();
        while let Some(pending) = commits.pop_front() {
            if pending.answer.is_closed() {
                *bytes -= pending.bytes();
                continue;
            }
            let kept = |write: &Write| write.action == Action::Keep;
            let apart = pending.writes.iter().all(|write| match keys.get(&write.key) {
                Some(only_kept) => *only_kept && kept(write),
                None => true,
            });
            let fits = group.is_empty()
                || writes + pending.writes.len() <= GROUP_WRITES && size + pending.bytes() <= GROUP_BYTES;
            for write in &pending.writes {
                // The keys of one that has to wait are passed over, too: it comes first next time.
                let only_kept = keys.entry(write.key.clone()).or_insert(true);
                *only_kept &= kept(write) && apart;
            }
            if apart && fits {
                writes += pending.writes.len();
                size += pending.bytes();
                group.push(pending);
            } else {
                left.push_back(pending);
            }
            if !fits || left.len() >= PASSED_OVER {
                break;
            }
        }
        left.append(commits);
        *commits = left;
        *bytes -= size;
        *served = !group.is_empty();
        served.then_some(group)
    }

    /// For as long as somebody takes groups, who may panic: then the next commit calls for somebody else.
    pub(crate) fn serving(&self) -> Serving<'_> {
        Serving(self)
    }

    /// Whether the commit still waited. It does no more.
    fn take_back(&self, number: u64) -> bool {
        let mut waiting = self.0.lock();
        let place = waiting
            .commits
            .iter()
            .position(|pending| pending.number == number);
        match place.and_then(|place| waiting.commits.remove(place)) {
            Some(pending) => {
                waiting.bytes -= pending.bytes();
                true
            }
            None => false,
        }
    }
}

/// Somebody takes groups.
pub(crate) struct Serving<'a>(&'a Queue);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.lock().served = false;
        }
    }
}

/// Whether each commit is met by what is there, and what all that are change together. Commits of one group have no key
/// in common that one of them changes, so the order is the same whichever one looks at.
pub(crate) fn judge(
    group: &[Pending],
    there: &HashMap<LedgerKey, Entry>,
    next: Revision,
) -> (Vec<Option<CommitError>>, Vec<Change>) {
    let mut changes = BTreeMap::new();
    let verdicts = group.iter().map(|pending| {
        let unmet = pending
            .writes
            .iter()
            .find(|write| !write.is_met_by(there.get(&write.key)));
        if let Some(write) = unmet {
            return Some(CommitError::Conflict {
                key: write.key.clone(),
                current: there.get(&write.key).cloned(),
            });
        }
        for write in &pending.writes {
            if let Some(value) = write.outcome(there.get(&write.key)) {
                changes.insert(write.key.clone(), value);
            }
        }
        None
    });
    let verdicts = verdicts.collect();
    let changes = changes.into_iter().map(|(key, value)| Change {
        key,
        revision: next,
        value,
    });
    (verdicts, changes.collect())
}
