//! The bytes of a connection, with its place among the others.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connections::Place;

/// What a protocol reads and writes, whatever carries it.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// What was read of it already, and comes first.
    ahead: Bytes,
    _place: Place,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, place: Place) -> Self {
        Self {
            stream,
            ahead: Bytes::new(),
            _place: place,
        }
    }

    /// The same, with what was read `ahead` of whoever reads it now. The runtime that calls this is told from now on when
    /// there is something to read, and when there is room to write.
    pub(crate) fn settled(self, ahead: &[u8]) -> io::Result<Self> {
        Ok(Self {
            stream: TcpStream::from_std(self.stream.into_std()?)?,
            // A copy: what it is cut from is a buffer of some KiB, and a session may last for days.
            ahead: Bytes::copy_from_slice(ahead),
            ..self
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let next = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..next]);
            self.ahead.advance(next);
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
