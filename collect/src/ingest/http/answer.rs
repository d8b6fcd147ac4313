//! What a sender is told over HTTP: in JSON, unless its protocol has words of its own.

use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use edge::Problem;
use lines::Offset;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::refusal::Refusal;
use crate::door::{Held, Outcome, Refused, Streams};

/// The outcome as `POST /v1/lines` tells it.
pub(crate) fn json(outcome: &Outcome) -> Response {
    #[derive(Serialize)]
    struct Answer<'a> {
        accepted: u32,
        #[serde(skip_serializing_if = "is_none")]
        undated: u32,
        #[serde(skip_serializing_if = "is_none")]
        cut: u32,
        rejected: &'a [crate::door::Rejected],
        #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
        rejected_more: &'a std::collections::BTreeMap<crate::door::RejectCode, u32>,
        streams: &'a Streams,
    }
    let answer = Answer {
        accepted: outcome.accepted,
        undated: outcome.undated,
        cut: outcome.cut,
        rejected: &outcome.rejected.told,
        rejected_more: &outcome.rejected.more,
        streams: &outcome.streams,
    };
    axum::Json(answer).into_response()
}

fn is_none(lines: &u32) -> bool {
    *lines == 0
}

/// An answer of more streams is written on a thread where it holds up nobody else.
const MANY_STREAMS: usize = 1000;

/// The answer to a request, as `write` says it. What it holds of the requests' memory is given back when its last byte is
/// sent, or its connection ended.
pub(super) async fn respond(
    outcome: Result<Outcome, Refusal>,
    held: Option<Held>,
    write: impl FnOnce(Result<Outcome, Refusal>) -> Response + Send + 'static,
) -> Response {
    let is_long = |outcome: &Outcome| outcome.streams.len() > MANY_STREAMS;
    let response = if outcome.as_ref().is_ok_and(is_long) {
        tokio::task::spawn_blocking(move || write(outcome))
            .await
            .unwrap_or_else(|_| {
                let unknown = Refusal::Refused(Refused::Unknown(Streams::default()));
                Problem::from(unknown).into_response()
            })
    } else {
        write(outcome)
    };
    let Some(held) = held else { return response };
    let (head, body) = response.into_parts();
    // It is in memory as a whole.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(head, Body::from(Bytes::from_owner(Sent { bytes, _held: held })))
}

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
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, stored) in self.iter() {
            let stretches: Vec<Stretch> = stored.iter().map(stretch).collect();
            map.serialize_entry(name.as_str(), &stretches)?;
        }
        map.end()
    }
}
