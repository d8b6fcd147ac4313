//! The body of an answer that is made while it is sent, or that is larger than what may wait for a slow reader.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

/// How much is given to the connection at a time: a reader that takes this much within the time it has is not cut off.
const PIECE: usize = 32 * 1024;

/// Where an answer is poured into. One that is dropped before [`Outlet::close`] breaks the connection off, so that no
/// reader takes a part for the whole.
pub struct Outlet {
    pieces: mpsc::Sender<Option<Bytes>>,
    stall: Duration,
}

/// The reader is gone, or takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader is gone, or takes nothing")]
pub struct CutOff;

impl Outlet {
    /// The outlet, and the body that it fills. A reader that takes nothing for as long as `stall` is cut off.
    pub fn new(stall: Duration) -> (Self, Body) {
        let (pieces, taken) = mpsc::channel(1);
        (Self { pieces, stall }, Body::from_stream(body(taken)))
    }

    /// Sends bytes, as the reader takes them.
    pub async fn put(&self, mut bytes: Bytes) -> Result<(), CutOff> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            self.send(Some(piece)).await?;
        }
        Ok(())
    }

    /// Says that this was all.
    pub async fn close(self) -> Result<(), CutOff> {
        self.send(None).await
    }

    async fn send(&self, piece: Option<Bytes>) -> Result<(), CutOff> {
        let sent = self.pieces.send_timeout(piece, self.stall).await;
        sent.map_err(|_| CutOff)
    }
}

fn body(taken: mpsc::Receiver<Option<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(taken), |taken| async {
        let mut taken = taken?;
        match taken.recv().await {
            Some(Some(bytes)) => Some((Ok(bytes), Some(taken))),
            Some(None) => None,
            None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    const STALL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_goes_on_reading_gets_all_of_it() {
        let (outlet, body) = Outlet::new(STALL);
        let whole = Bytes::from(vec![b'x'; 1024 * 1024]);
        let sent = whole.clone();
        let sending = tokio::spawn(async move {
            outlet.put(sent).await?;
            outlet.close().await
        });
        let mut body = body.into_data_stream();
        let mut got = Vec::new();
        while let Some(piece) = body.next().await {
            got.extend_from_slice(&piece.unwrap());
            // 1 MiB takes it far longer than the stall.
            tokio::time::sleep(STALL / 2).await;
        }
        assert_eq!(got, whole);
        assert_eq!(sending.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_nothing_is_cut_off_and_sees_that_it_was_not_all() {
        let (outlet, body) = Outlet::new(STALL);
        let sent = outlet.put(Bytes::from(vec![b'x'; 1024 * 1024])).await;
        assert_eq!(sent, Err(CutOff));
        drop(outlet);
        let pieces: Vec<_> = body.into_data_stream().collect().await;
        assert!(pieces.last().unwrap().is_err());
    }
}
