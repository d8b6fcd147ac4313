//! The bytes of a connection, with its place among the others, and whether they go through TLS or not.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::connections::Place;

/// What a protocol reads and writes, whatever carries it.
#[derive(Debug)]
pub struct Socket {
    carrier: Carrier,
    /// What was read of it already, and comes first.
    ahead: Bytes,
    _place: Place,
}

/// What carries the bytes. A connection in the clear pays nothing for those that are not.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// The connection itself.
    Clear(TcpStream),
    /// TLS over it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Carrier {
    /// The runtime that calls this is told from now on when there is something to read, and when there is room to write.
    fn settled(self) -> io::Result<Self> {
        Ok(match self {
            Self::Clear(stream) => Self::Clear(TcpStream::from_std(stream.into_std()?)?),
            Self::Tls(mut tls) => {
                // The state of TLS stays where it is, and with it what waits to be sent: its connection is exchanged below
                // it for the same one.
                let (stream, _) = tls.get_mut();
                let same = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
                *stream = TcpStream::from_std(same)?;
                Self::Tls(tls)
            }
        })
    }
}

impl Socket {
    pub(crate) fn new(carrier: Carrier, place: Place) -> Self {
        Self {
            carrier,
            ahead: Bytes::new(),
            _place: place,
        }
    }

    /// The same, with what was read `ahead` of whoever reads it now. The runtime that calls this is told from now on when
    /// there is something to read, and when there is room to write.
    pub(crate) fn settled(self, ahead: &[u8]) -> io::Result<Self> {
        Ok(Self {
            carrier: self.carrier.settled()?,
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
        match &mut self.carrier {
            Carrier::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Carrier::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Carrier::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Clear(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Carrier::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Clear(stream) => stream.is_write_vectored(),
            Carrier::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_in_the_clear_is_no_larger_for_those_that_are_not() {
        assert_eq!(size_of::<Carrier>(), size_of::<TcpStream>());
    }
}
