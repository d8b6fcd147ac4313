//! Questions with one answer: which streams there are, which nodes are alive.

use std::time::Duration;

use http::header::AUTHORIZATION;
use lines::{Offset, StreamInfo, StreamName};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::server::{Server, TokenError, read_body};

/// How long an answer may take as a whole.
const ANSWER: Duration = Duration::from_secs(30);

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No connection, or no whole answer in time.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// The installation's address.
        url: String,
        /// What happened.
        why: String,
    },
    /// The server said no.
    #[error("{0}")]
    Refused(Problem),
    /// The answer is not the one of the protocol: something else listens there.
    #[error("{url} does not answer like a Tailcast installation: {why}")]
    NotTailcast {
        /// The installation's address.
        url: String,
        /// What is wrong.
        why: String,
    },
}

/// A stream that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct DeletedStream {
    /// Its name.
    pub stream: String,
    /// The first offset that it had.
    pub from: u64,
    /// Where it ended, and goes on when somebody sends to it again.
    pub next: u64,
}

/// A process of the installation that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Node {
    /// Its id, a new one at every start.
    pub id: String,
    /// What it does.
    pub roles: Vec<String>,
    /// Its internal address.
    pub address: String,
    /// How many sessions it has.
    pub sessions: u64,
    /// When it started, as RFC 3339.
    pub started: String,
    /// What it runs.
    pub version: String,
}

impl Server {
    /// The streams that the token may read, those that `pattern` covers when there is one, by name.
    pub async fn streams(&self, pattern: Option<&str>) -> Result<Vec<StreamInfo>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            streams: Vec<StreamInfo>,
        }
        let mut url = self.at("v1/streams");
        if let Some(pattern) = pattern {
            url.query_pairs_mut().append_pair("match", pattern);
        }
        let mut answer: Answer = self.ask(url).await?;
        answer.streams.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(answer.streams)
    }

    /// The streams that a name or a pattern means, whoever may read them, by name. Answered by an internal listener of a
    /// collector, to a token with `admin`.
    pub async fn find_streams(&self, target: &str) -> Result<Vec<StreamInfo>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            streams: Vec<StreamInfo>,
        }
        let answer: Answer = self.ask(self.at(&format!("v1/streams/{target}"))).await?;
        Ok(answer.streams)
    }

    /// Deletes a stream, with every line of it, for good; `None` when there is no such stream. With `ending` only if it
    /// ends there: 412 `stream_changed` else. Asked as [`Server::find_streams`] is.
    pub async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Option<DeletedStream>, AskError> {
        let mut url = self.at(&format!("v1/streams/{stream}"));
        if let Some(ending) = ending {
            url.query_pairs_mut().append_pair("next", &ending.to_string());
        }
        match self.answer(self.http().delete(url)).await {
            Ok(deleted) => Ok(Some(deleted)),
            Err(AskError::Refused(problem)) if problem.code.as_deref() == Some("stream_not_found") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The nodes that are alive. Answered by an internal listener, to a token with `admin`.
    pub async fn nodes(&self) -> Result<Vec<Node>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            nodes: Vec<Node>,
        }
        let answer: Answer = self.ask(self.at("v1/nodes")).await?;
        Ok(answer.nodes)
    }

    pub(crate) async fn ask<T: DeserializeOwned>(&self, url: Url) -> Result<T, AskError> {
        self.answer(self.http().get(url)).await
    }

    pub(crate) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &impl Serialize,
    ) -> Result<T, AskError> {
        // Texts in memory can always be written.
        let body = serde_json::to_string(what).unwrap_or_default();
        let request = self.http().post(self.at(path));
        let request = request.header(http::header::CONTENT_TYPE, "application/json");
        self.answer(request.body(body)).await
    }

    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, AskError> {
        let token = self.token(ANSWER).await?;
        let request = request.header(AUTHORIZATION, token.header());
        let response = request.timeout(ANSWER).send().await;
        let response = response.map_err(|error| self.not_reached(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response).await.map_err(|why| self.unreachable(why))?;
        if status != http::StatusCode::OK {
            return Err(AskError::Refused(Problem::read(status, &headers, &body)));
        }
        serde_json::from_slice(&body).map_err(|error| self.not_tailcast(error.to_string()))
    }
}
