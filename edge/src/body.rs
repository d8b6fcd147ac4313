//! Bodies of requests that are short, and sent at once: read whole, within a bound and a time.
//!
//! Who lets a peer take as long as it likes for a few bytes gives it a connection and a task for as long.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::HeaderValue;
use http::header::CONNECTION;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Problem;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It has more bytes than it may have. Nobody waits for the rest.
    TooLarge,
    /// It did not come in time. Nobody waits for the rest.
    TooSlow,
    /// The peer went away, or what it sent is no body.
    BrokenOff,
}

impl Unread {
    /// A refusal for it: where there is a rest that nobody waits for, the connection ends.
    pub fn refuse(self, problem: Problem) -> Problem {
        match self {
            Self::TooLarge | Self::TooSlow => problem.header(CONNECTION, HeaderValue::from_static("close")),
            Self::BrokenOff => problem,
        }
    }
}

/// All of a body, which has at most so many bytes, and so long to come from now on.
pub async fn whole(body: Body, bytes: usize, within: Duration) -> Result<Bytes, Unread> {
    match tokio::time::timeout(within, Limited::new(body, bytes).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::BrokenOff),
        Err(_) => Err(Unread::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    /// A piece each so many seconds.
    fn dripping(pieces: &'static [&'static str], seconds: u64) -> Body {
        let pieces = stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, std::io::Error>(*piece)
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_within_its_bound_and_its_time_and_else_it_is_told_why_not() {
        assert_eq!(whole(Body::from("four"), 4, WITHIN).await, Ok("four".into()));
        assert_eq!(whole(dripping(&["a", "b"], 2), 4, WITHIN).await, Ok("ab".into()));
        assert_eq!(whole(Body::from("five!"), 4, WITHIN).await, Err(Unread::TooLarge));
        assert_eq!(
            whole(dripping(&["a", "b", "c"], 2), 4, WITHIN).await,
            Err(Unread::TooSlow)
        );
        let broken = Body::from_stream(stream::iter([Ok("a"), Err(std::io::Error::other("gone"))]));
        assert_eq!(whole(broken, 4, WITHIN).await, Err(Unread::BrokenOff));
    }
}
