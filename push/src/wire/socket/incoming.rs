//! What comes in over a WebSocket, read by tungstenite, of which little is kept: most sessions are idle.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::session::close::{self, Close};
use crate::wire::fragments::{Fragments, TooMany};

/// What the library keeps for each connection to read into. What is larger it makes room for while it comes.
const READ_BYTES: usize = 64;

/// What is read from the connection at once. Nothing of it is kept but what came beyond what the library takes.
const READ_AT_ONCE: usize = 4 * 1024;

/// The library keeps the room of the longest frame that it ever had. After a longer one than this it is made anew.
const KEPT_BYTES: usize = 512;

/// The reading side of a connection.
pub(super) struct Incoming {
    protocol: WebSocketContext,
    /// What was read already and the library has not taken yet.
    ahead: Bytes,
    /// Those of the message that comes in.
    fragments: Fragments,
    /// Pongs and close answers that tungstenite made while it read.
    pub(super) replies: Vec<u8>,
    /// When the first ping was written that nothing was heard since.
    pub(super) asked: Option<Instant>,
    /// The library has the room of a long message.
    has_grown: bool,
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message.
    Text(Utf8Bytes),
    /// A message that is no text.
    #[cfg_attr(
        not(feature = "echo"),
        expect(dead_code, reason = "sessions refuse it, whatever it says")
    )]
    Binary(Bytes),
    /// The queue has room again.
    Room,
    /// Something else came in: the peer is there.
    Heard,
    /// The peer said that it leaves; the answer is queued.
    Left,
    /// The peer broke a rule.
    Broken(&'static Close),
    /// The connection is gone.
    Gone,
}

impl Incoming {
    /// Messages have at most so many bytes, in at most so many fragments.
    pub(super) fn new(message_bytes: usize, fragments: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        Self {
            protocol: WebSocketContext::new(Role::Server, Some(config)),
            ahead: Bytes::new(),
            fragments: Fragments::at_most(fragments),
            replies: Vec::new(),
            asked: None,
            has_grown: false,
        }
    }

    /// The next thing that comes in. `None`: only replies were made.
    pub(super) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Event>> {
        let mut side = ReadSide {
            io,
            cx,
            ahead: &mut self.ahead,
            fragments: &mut self.fragments,
            replies: &mut self.replies,
            asked: &mut self.asked,
        };
        let event = match self.protocol.read(&mut side) {
            Ok(Message::Text(text)) => {
                self.has_grown |= text.len() > KEPT_BYTES;
                Event::Text(text)
            }
            Ok(Message::Binary(bytes)) => Event::Binary(bytes),
            Ok(Message::Close(Some(frame))) if had_forbidden_code(&frame) => Event::Broken(&close::PROTOCOL),
            Ok(Message::Close(_)) => {
                // The answer to a close is made now, not at the next read. Its error says that all is said.
                let _ = self.protocol.flush(&mut side);
                Event::Left
            }
            // A pong is made at the next read.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                let _ = self.protocol.flush(&mut side);
                Event::Heard
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.replies.is_empty() {
                    self.let_go();
                    return Poll::Pending;
                }
                return Poll::Ready(None);
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Event::Broken(&close::TOO_BIG)
            }
            Err(Error::Capacity(_)) => Event::Broken(&close::TOO_BIG),
            Err(Error::Utf8(_)) => Event::Broken(&close::BAD_UTF8),
            Err(Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => Event::Gone,
            Err(Error::Protocol(_)) => Event::Broken(&close::PROTOCOL),
            Err(_) => Event::Gone,
        };
        Poll::Ready(Some(event))
    }

    /// Nothing is there to be read. If the library has room that it needs no more, and has nothing of a message and nothing
    /// to say, another one takes its place.
    fn let_go(&mut self) {
        if self.has_grown && self.protocol.can_write() && self.fragments.are_between_messages() {
            self.has_grown = false;
            self.protocol = WebSocketContext::new(Role::Server, Some(*self.protocol.get_config()));
        }
    }
}

/// A close with a code that must not be sent comes out of tungstenite as this one, which it would answer with. It breaks
/// the rules like any other fault, and is told so in the same words.
fn had_forbidden_code(close: &CloseFrame) -> bool {
    close.code == CloseCode::Protocol && close.reason == "Protocol violation"
}

/// The connection as tungstenite sees it while it reads. What it writes are replies, which take their turn in the
/// queue.
struct ReadSide<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
    ahead: &'a mut Bytes,
    fragments: &'a mut Fragments,
    replies: &'a mut Vec<u8>,
    /// Any byte that comes in answers a ping.
    asked: &'a mut Option<Instant>,
}

impl<S: AsyncRead + Unpin> ReadSide<'_, '_, S> {
    /// Reads what is there into `buffer`, and what does not fit, ahead.
    fn read_more(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut scratch = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
        let mut scratch = ReadBuf::uninit(&mut scratch);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut scratch) {
            Poll::Ready(read) => read?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        let read = scratch.filled();
        if !read.is_empty() {
            *self.asked = None;
        }
        let (taken, ahead) = read.split_at(read.len().min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(taken);
        *self.ahead = Bytes::copy_from_slice(ahead);
        Ok(taken.len())
    }

    /// What was read before.
    fn take_ahead(&mut self, buffer: &mut [u8]) -> usize {
        let taken = self.ahead.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.ahead[..taken]);
        self.ahead.advance(taken);
        if self.ahead.is_empty() {
            *self.ahead = Bytes::new();
        }
        taken
    }
}

impl<S: AsyncRead + Unpin> Read for ReadSide<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = if self.ahead.is_empty() {
            self.read_more(buffer)?
        } else {
            self.take_ahead(buffer)
        };
        match self.fragments.read(&buffer[..taken]) {
            Ok(()) => Ok(taken),
            // No kind of error that the system has for a socket.
            Err(TooMany) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl<S> Write for ReadSide<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::wire::socket::{Listen, Socket};

    /// A message of a client, masked with nothing.
    fn masked(text: &str) -> Vec<u8> {
        let mut bytes = vec![0x81, 0x80 | 126];
        bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    #[tokio::test]
    async fn messages_of_any_size_are_heard_whole_and_nothing_is_kept_of_them() {
        let lengths = [0, 1, 55, 56, 57, 64, 4_000, 4_096, 4_097, 16_000, 3, 9_000, 0];
        let texts = lengths.map(|length| "x".repeat(length));
        let all: Vec<u8> = texts.iter().flat_map(|text| masked(text)).collect();
        for piece in [1_000_000, 5_000, 4_096, 65, 1] {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            let mut socket = Socket::new(ours, 16 * 1024, 4, 1024);
            let said = all.clone();
            tokio::spawn(async move {
                for piece in said.chunks(piece) {
                    theirs.write_all(piece).await.unwrap();
                }
                std::future::pending::<()>().await;
            });
            for text in &texts {
                let event = std::future::poll_fn(|cx| socket.poll_event(cx, Listen::Yes)).await;
                assert!(
                    matches!(&event, Event::Text(heard) if heard.as_str() == text),
                    "{event:?}"
                );
            }
            assert!(socket.incoming.ahead.is_empty());
        }
    }

    #[tokio::test]
    async fn a_long_message_leaves_no_room_behind_and_what_follows_is_heard() {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let mut socket = Socket::new(ours, 16 * 1024, 4, 1024);
        let (long, next) = ("x".repeat(16_000), masked("next"));
        // What comes after it is there in part, whole, or not at all when it was heard.
        for ahead in [0, 1, 7, next.len()] {
            theirs.write_all(&masked(&long)).await.unwrap();
            theirs.write_all(&next[..ahead]).await.unwrap();
            let mut hear = async || std::future::poll_fn(|cx| socket.poll_event(cx, Listen::Yes)).await;
            let Event::Text(heard) = hear().await else {
                panic!("the long one is not heard");
            };
            assert!(heard.as_str() == long);
            let rest = async {
                tokio::task::yield_now().await;
                theirs.write_all(&next[ahead..]).await.unwrap();
            };
            let (event, ()) = tokio::join!(hear(), rest);
            assert!(
                matches!(&event, Event::Text(text) if text.as_str() == "next"),
                "{event:?}"
            );
            drop(event);
            let pending = futures_util::poll!(std::pin::pin!(hear()));
            assert!(pending.is_pending());
            assert!(Bytes::from(heard).is_unique(), "the library holds its room");
        }
    }
}
