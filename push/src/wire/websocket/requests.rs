//! What a client asks for, and the answers.

use std::sync::Arc;

use lines::{Extent, StreamName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{End, Session};
use crate::cursors::subscribe::{self, Started};
use crate::cursors::unknown;
use crate::session::close;
use crate::wire::protocol::{Message, Refusal, Request, Seek, Subscribe, To};

/// What became of a request that had to wait for the store.
pub(super) enum Answer {
    Subscribe(Result<Started, Refusal>),
    Seek(Result<Sought, Refusal>),
}

/// What a `seek` needs to know.
pub(super) struct Sought {
    id: String,
    stream: StreamName,
    to: To,
    extent: Extent,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Does what a message asks for, or begins to.
    pub(super) fn read(&mut self, text: &Utf8Bytes) -> Result<(), End> {
        match self.inbound_rate.judge(Request::read(text), Instant::now()) {
            Ok(request) => self.perform(request),
            Err(refused) => {
                self.refuse(refused.refusal);
                refused.close.map_or(Ok(()), |close| Err(End::Close(close)))
            }
        }
    }

    fn perform(&mut self, request: Request) -> Result<(), End> {
        let done = match request {
            Request::Refresh { id, token } => return self.refresh(id.as_deref(), &token),
            Request::Ping { id } => {
                let id = id.as_deref();
                self.socket.send(Message::Done { id, request: "ping" }.frame());
                Ok(())
            }
            Request::Subscribe(request) => self.subscribe(request),
            Request::Seek(seek) => self.seek(seek),
            Request::Unsubscribe { id } => {
                let mut out = Vec::new();
                let freed = self.cursors.remove(&id, &mut out);
                self.send(&mut out);
                let done = self.done(&id, "unsubscribe", freed.is_some());
                if let Some(freed) = freed {
                    self.met.extend(freed.handed);
                    self.list |= freed.left_out;
                }
                done
            }
            Request::Pause { id } => {
                let paused = self.cursors.pause(&id, true);
                self.done(&id, "pause", paused)
            }
            Request::Resume { id } => {
                let resumed = self.cursors.pause(&id, false);
                self.done(&id, "resume", resumed)
            }
        };
        if let Err(refusal) = done {
            self.refuse(refusal);
        }
        Ok(())
    }

    /// Says that a request was done, if there was a subscription to do it with.
    fn done(&mut self, id: &str, request: &'static str, found: bool) -> Result<(), Refusal> {
        if !found {
            return Err(unknown(id));
        }
        self.socket.send(
            Message::Done {
                id: Some(id),
                request,
            }
            .frame(),
        );
        Ok(())
    }

    fn subscribe(&mut self, request: Subscribe) -> Result<(), Refusal> {
        let id = &request.id;
        if self.cursors.has(id) {
            let message = "this session has a subscription with this `id` already";
            return Err(Refusal::new("duplicate_id", message).to(id));
        }
        let most = self.push.limits.subscriptions;
        if self.cursors.subscriptions() >= most {
            let message = format!("a session has at most {most} subscriptions");
            return Err(Refusal::new("limit", message).to(id));
        }
        let started = subscribe::start(Arc::clone(&self.push), self.asker(), request);
        self.request = Some(Box::pin(async move { Answer::Subscribe(started.await) }));
        Ok(())
    }

    fn seek(&mut self, seek: Seek) -> Result<(), Refusal> {
        let Seek { id, stream, to } = seek;
        let stream = self.subscriber.names(&stream).map_err(|error| {
            Refusal::new("bad_stream", error.to_string())
                .about(&stream)
                .to(&id)
        })?;
        self.cursors.check_has(&id, &stream)?;
        let push = Arc::clone(&self.push);
        self.request = Some(Box::pin(async move {
            let extent = subscribe::extent(push, id.clone(), stream.clone()).await;
            let sought = extent.map(|extent| Sought {
                id,
                stream,
                to,
                extent,
            });
            Answer::Seek(sought)
        }));
        Ok(())
    }

    /// A new token, for the same subscriber. What it no longer allows ends at once.
    fn refresh(&mut self, id: Option<&str>, token: &str) -> Result<(), End> {
        let subscriber = match self.push.verifier.verify(token) {
            Ok(subscriber) => subscriber,
            Err(error) => {
                let refusal = Refusal::new("bad_token", error.to_string());
                self.refuse(match id {
                    Some(id) => refusal.to(id),
                    None => refusal,
                });
                return Ok(());
            }
        };
        if subscriber.sub() != self.subscriber.sub() {
            return Err(End::Close(&close::WRONG_SUBSCRIBER));
        }
        self.clock.renew(subscriber.expires_at(), Instant::now());
        self.subscriber = subscriber;
        let mut out = Vec::new();
        self.cursors.regrant(&self.subscriber, &mut out);
        self.send(&mut out);
        self.socket.send(
            Message::Done {
                id,
                request: "refresh",
            }
            .frame(),
        );
        // Patterns may cover more now.
        self.list = true;
        Ok(())
    }

    /// Takes the answer to a request that waited for the store.
    pub(super) fn answered(&mut self, answer: Answer) {
        self.request = None;
        let mut out = Vec::new();
        let done = match answer {
            Answer::Subscribe(Ok(started)) => {
                self.cursors.add(started, &self.epoch, &mut out);
                Ok(())
            }
            Answer::Seek(Ok(Sought {
                id,
                stream,
                to,
                extent,
            })) => self.cursors.seek(&id, &stream, to, extent, &mut out),
            Answer::Subscribe(Err(refusal)) | Answer::Seek(Err(refusal)) => Err(refusal),
        };
        self.send(&mut out);
        if let Err(refusal) = done {
            self.refuse(refusal);
        }
    }
}
