//! `/v1/streams/{name}`: which streams there are, and deleting one of them, for whoever may use the admin API.

use std::sync::Arc;
use std::time::Duration;

use auth::{Need, Subscriber, Verifier};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use edge::{Parameters, Problem, bad_parameter};
use http::{StatusCode, Uri};
use lines::retention::{Deleted, Deletion};
use lines::{Hint, HintSink, LogStore, Offset, Pattern, StoreError, StreamInfo, StreamName};
use serde::Serialize;

/// For the internal listener. Whoever follows a stream that is deleted hears of it by `hints`.
pub fn router(verifier: Arc<Verifier>, store: Arc<dyn LogStore>, hints: Arc<dyn HintSink>) -> Router {
    let routes = Router::new()
        .route("/v1/streams/{*name}", get(found).delete(delete))
        .with_state(Deleting { store, hints });
    auth::guarded(routes, verifier, Need::Admin)
}

#[derive(Clone)]
struct Deleting {
    store: Arc<dyn LogStore>,
    hints: Arc<dyn HintSink>,
}

impl Deleting {
    async fn run(
        self,
        stream: StreamName,
        ending: Option<Offset>,
        by: String,
    ) -> Result<Deletion, StoreError> {
        let deletion = self.store.delete_stream(&stream, ending).await;
        // Nodes hold lines in memory for those who follow. Also where there was nothing to delete: whoever asked before may
        // have died before he said so.
        self.hints.hand_off(Hint::Lost(stream.clone()));
        if let Ok(Deletion::Done(Deleted { from, next })) = &deletion {
            let lines = next.since(*from);
            tracing::info!(%stream, lines, %next, by, "a stream was deleted");
        }
        deletion
    }
}

#[derive(Serialize)]
struct Found {
    streams: Vec<FoundEntry>,
}

#[derive(Serialize)]
struct FoundEntry {
    name: String,
    first_available: u64,
    next: u64,
    last_arrival: Option<String>,
    lines_per_second: f64,
}

impl From<&StreamInfo> for FoundEntry {
    fn from(info: &StreamInfo) -> Self {
        Self {
            name: info.name.to_string(),
            first_available: info.extent.first_available.0,
            next: info.extent.next.0,
            last_arrival: info.last_arrival.map(|at| at.to_string()),
            lines_per_second: info.lines_per_second,
        }
    }
}

/// What a name or a pattern means.
async fn found(
    State(Deleting { store, .. }): State<Deleting>,
    subscriber: Subscriber,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let text = match text.as_str() {
        "@me" => subscriber.personal().as_str(),
        text => text,
    };
    let pattern =
        Pattern::parse(text).map_err(|error| bad_parameter("name", &format!("the name: {error}")))?;
    let listing = store.streams().await.map_err(|error| unavailable(&error))?;
    let meant = listing.candidates(&pattern).iter();
    let streams = meant
        .filter(|info| pattern.matches(&info.name))
        .map(FoundEntry::from)
        .collect();
    Ok(Json(Found { streams }).into_response())
}

#[derive(Serialize)]
struct Answer {
    stream: String,
    from: u64,
    next: u64,
}

async fn delete(
    State(deleting): State<Deleting>,
    subscriber: Subscriber,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let ending = ending(&uri)?;
    let stream = subscriber
        .names(&text)
        .map_err(|error| bad_parameter("name", &format!("the name, which is of one stream: {error}")))?;
    // What the store has begun it ends, whether the asker waits or has gone: so does what follows from it.
    let deletion = deleting.run(stream.clone(), ending, subscriber.sub().to_owned());
    let deletion = tokio::spawn(deletion).await;
    let deletion = deletion.unwrap_or_else(|stopped| Err(StoreError::Away(Box::new(stopped))));
    let Deleted { from, next } = match deletion.map_err(|error| unavailable(&error))? {
        Deletion::Done(deleted) => deleted,
        Deletion::Absent => {
            let sentence = format!("there is no stream {stream}");
            return Err(Problem::new(StatusCode::NOT_FOUND, "stream_not_found", sentence));
        }
        Deletion::Grown { next } => {
            let sentence =
                format!("{stream} ends at {next} by now, and nothing of it was deleted: look again");
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "stream_changed",
                sentence,
            ));
        }
    };
    Ok(Json(Answer {
        stream: stream.to_string(),
        from: from.0,
        next: next.0,
    })
    .into_response())
}

/// Where the stream has to end.
fn ending(uri: &Uri) -> Result<Option<Offset>, Problem> {
    let parameters = Parameters::known(uri, &["next"])?;
    let next = parameters.iter().next();
    next.map(|(name, text)| match text.parse() {
        Ok(next) => Ok(Offset(next)),
        Err(_) => Err(bad_parameter(
            name,
            "`next` is the offset where the stream ends, as it was listed",
        )),
    })
    .transpose()
}

/// Also where the outcome is not known: to ask again does no harm.
fn unavailable(error: &StoreError) -> Problem {
    tracing::warn!(%error, "a stream could not be found or deleted");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "the store does not answer at the moment; ask again",
    )
    .retry_after(Duration::from_secs(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use auth::token::unix_now;
    use auth::{Claims, Key, Minter};
    use axum::body::Body;
    use http::Request;
    use lines::log_store::Draft;
    use lines::{Line, Lines, Timestamp};
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;
    use crate::sqlite::{SqliteOptions, SqliteStore};

    struct Told(mpsc::UnboundedSender<Hint>);

    impl HintSink for Told {
        fn hand_off(&self, hint: Hint) {
            self.0.send(hint).unwrap();
        }
    }

    #[tokio::test]
    async fn a_deletion_whose_asker_goes_away_is_told_to_those_who_follow() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
        let store: Arc<dyn LogStore> = Arc::new(store);
        let stream = StreamName::parse("a/b").unwrap();
        let line = Line {
            ts: Timestamp::now(),
            level: None,
            message: "x".to_owned(),
            fields: Vec::new(),
        };
        let draft = Draft {
            stream: stream.clone(),
            arrived: None,
            lines: Lines::encode(&[line]).unwrap(),
            keys: Vec::new(),
        };
        store.append(vec![draft]).await.remove(0).unwrap();

        let key = Key::from_text("an installation's key of 32 bytes or more").unwrap();
        let mut claims = Claims::new("root", unix_now() + 600);
        claims.admin = true;
        let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
        let (told, mut hints) = mpsc::unbounded_channel();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        let router = router(verifier, store.clone(), Arc::new(Told(told)));
        let request = Request::delete("/v1/streams/a/b")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let asked = router.oneshot(request);
        tokio::select! {
            biased;
            answer = asked => panic!("the store answers at once: {answer:?}"),
            () = std::future::ready(()) => {}
        }
        assert!(matches!(hints.recv().await, Some(Hint::Lost(lost)) if lost == stream));
        assert!(!store.extents(&[stream]).await.unwrap()[0].exists());
    }
}
