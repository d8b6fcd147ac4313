//! What can change while the node runs. Whoever heeds it subscribes; whoever reads the file again tells it.

use collect::append::{AppendLimits, StreamLimits};
use push::AdmissionLimits;
use store::trim::Keeping;
use tokio::sync::watch;

use super::limits::Limits;
use super::{Log, Streams};

/// What can change.
#[derive(Debug)]
pub(crate) struct Live {
    /// What is kept.
    pub retention: watch::Sender<Keeping>,
    /// How many sessions the node takes.
    pub admission: watch::Sender<AdmissionLimits>,
    /// How much may wait, and how many streams may be made.
    pub append: watch::Sender<AppendLimits>,
    /// What the server says of itself: a filter.
    pub log: watch::Sender<String>,
}

/// Tables of limits that are heeded while the node runs.
const TABLES: &[&str] = &["admission", "append"];

impl Live {
    /// As these sections have it.
    pub(super) fn new(retention: Keeping, streams: Streams, log: &Log, limits: &Limits) -> Self {
        // How many streams may be made stands beside the limits: it is a flag and a variable, too.
        let append = AppendLimits {
            streams: StreamLimits {
                burst: streams.new,
                per_minute: streams.new_per_minute,
                ..limits.append.streams
            },
            ..limits.append
        };
        Self {
            retention: watch::Sender::new(retention),
            admission: watch::Sender::new(limits.admission),
            append: watch::Sender::new(append),
            log: watch::Sender::new(log.filter.clone()),
        }
    }

    /// Tells everybody what another one says.
    pub(super) fn become_as(&self, other: &Self) {
        self.retention.send_replace(*other.retention.borrow());
        self.admission.send_replace(*other.admission.borrow());
        self.append.send_replace(*other.append.borrow());
        self.log.send_replace(other.log.borrow().clone());
    }
}

/// Whether a limit is heeded while the node runs, by its name in `[limits]`.
pub(crate) fn is_live(limit: &str) -> bool {
    let table = limit.split('.').next();
    table.is_some_and(|table| TABLES.contains(&table))
}
