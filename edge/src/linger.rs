//! A body that nobody reads to its end. Many senders write all of a request before they read anything; when the connection
//! is closed with bytes that nobody read, the system resets it, and the sender never sees why it was refused. Over HTTP/2 the
//! rest can be refused alone, and then there are senders that forget the answer they had. So the rest is read and thrown
//! away, for a while, beside the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http::header::EXPECT;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::patience::Exchange;

/// How long and how much is read of what nobody wants.
#[derive(Debug, Clone, Copy)]
pub struct LingerLimits {
    /// From when it is not wanted any more: 1 s.
    pub within: Duration,
    /// In bytes: 32 MiB.
    pub bytes: u64,
}

impl Default for LingerLimits {
    fn default() -> Self {
        Self {
            within: Duration::from_secs(1),
            bytes: 32 * 1024 * 1024,
        }
    }
}

/// A request's body, of which the rest is read when it is dropped.
pub(crate) struct Lingering<B: Body<Data = Bytes> + Send + Unpin + 'static> {
    /// `None` only while it is dropped.
    body: Option<B>,
    /// Whether the sender waits to be told that the body is wanted: reading tells it.
    waits: bool,
    limits: LingerLimits,
    exchange: Arc<Exchange>,
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Lingering<B> {
    pub(crate) fn of(request: Request<B>, limits: LingerLimits, exchange: Arc<Exchange>) -> Request<Self> {
        let waits = request.headers().contains_key(EXPECT);
        request.map(|body| Self {
            body: Some(body),
            waits,
            limits,
            exchange,
        })
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Body for Lingering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.waits = false;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Drop for Lingering<B> {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if self.waits || body.is_end_stream() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let LingerLimits { within, bytes } = self.limits;
        let exchange = Arc::clone(&self.exchange);
        runtime.spawn(async move {
            let _exchange = exchange;
            // Whatever comes of it, it was not wanted.
            let _ = timeout(within, discard(body, bytes)).await;
        });
    }
}

async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B, most: u64) {
    let mut left = most;
    while left > 0 {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else { return };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        left = left.saturating_sub(bytes as u64);
    }
}
