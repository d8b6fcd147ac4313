//! What a sender is told of lines that were taken: where they are, or why not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use edge::Problem;
use lines::{Offset, StreamName};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tokio::time::timeout;

use crate::append::{Pending, Prior, RunError, Stored};
use crate::door::intake::Rejected;
use crate::door::memory::Held;
use crate::door::refused::{Refusal, RejectCode};

/// What a sender is told when all that could be taken is stored.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) accepted: u32,
    pub(crate) rejected: Vec<Rejected>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rejected_more: BTreeMap<RejectCode, u32>,
    pub(crate) streams: Streams,
}

/// The answer to a request. What it holds of the requests' memory is given back when its last byte is sent, or its
/// connection ended.
pub(crate) async fn respond(outcome: Result<Answer, Problem>, held: Option<Held>) -> Response {
    let many = |answer: &Answer| answer.streams.0.len() > MANY_STREAMS;
    let write = |outcome: Result<Answer, Problem>| match outcome {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    };
    let response = match outcome.as_ref().is_ok_and(many) {
        false => write(outcome),
        true => tokio::task::spawn_blocking(move || write(outcome))
            .await
            .unwrap_or_else(|_| Problem::from(Refusal::Unknown(Streams::default())).into_response()),
    };
    let Some(held) = held else { return response };
    let (head, body) = response.into_parts();
    // It is in memory as a whole.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(head, Body::from(Bytes::from_owner(Sent { bytes, _held: held })))
}

/// An answer of more streams is written on a thread where it holds up nobody else.
const MANY_STREAMS: usize = 1000;

/// An answer on its way.
struct Sent {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where lines are, per stream, in the order in which the streams appear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Streams(Vec<(StreamName, Stored)>);

impl Streams {
    /// Whether no line is stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, name: StreamName, stored: Stored) {
        if !stored.is_empty() {
            self.0.push((name, stored));
        }
    }
}

/// Refuses a request when one of its streams has its key from another request, before anything of it is stored. What is
/// stored of this one is told: an attempt before may have got so far.
pub(crate) fn refuse_reused(names: &[StreamName], prior: Vec<Prior>) -> Result<(), Refusal> {
    if !prior.contains(&Prior::KeyReused) {
        return Ok(());
    }
    let mut streams = Streams::default();
    for (name, prior) in names.iter().zip(prior) {
        if let Prior::Stored(stored) = prior {
            streams.push(name.clone(), stored);
        }
    }
    Err(Refusal::KeyReused(streams))
}

/// Waits for the store. Of several failures the one is told that the sender has to act on first: what is not known has to
/// be asked again before anything else can be said.
pub(crate) async fn answered(
    names: Vec<StreamName>,
    pending: Pending,
    within: Duration,
) -> Result<Streams, Refusal> {
    let Ok(outcomes) = timeout(within, pending.outcomes()).await else {
        return Err(Refusal::Unknown(Streams::default()));
    };
    let mut streams = Streams::default();
    let mut worst = None;
    for (name, outcome) in names.into_iter().zip(outcomes) {
        let (stored, error) = match outcome {
            Ok(stored) => (stored, None),
            Err(failure) => (failure.stored, Some(failure.error)),
        };
        streams.push(name, stored);
        worst = worst.max(error.map(|error| match error {
            RunError::NotStored => 0,
            RunError::Full => 1,
            RunError::KeyReused => 2,
            RunError::Unknown => 3,
        }));
    }
    match worst {
        None => Ok(streams),
        Some(0) => Err(Refusal::NotStored(streams)),
        Some(1) => Err(Refusal::Full(streams)),
        Some(2) => Err(Refusal::KeyReused(streams)),
        Some(_) => Err(Refusal::Unknown(streams)),
    }
}

impl Serialize for Streams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Stretch {
            first: u64,
            next: u64,
        }
        let stretch = |range: &Range<Offset>| {
            let (Offset(first), Offset(next)) = (range.start, range.end);
            Stretch { first, next }
        };
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, stored) in &self.0 {
            let stretches: Vec<Stretch> = stored.iter().map(stretch).collect();
            map.serialize_entry(name.as_str(), &stretches)?;
        }
        map.end()
    }
}
