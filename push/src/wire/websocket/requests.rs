//! What a client asks for, and the answers.

use std::sync::Arc;

use auth::{Subscriber, TokenError, audit};
use lines::{Extent, StreamName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{End, WebSocket};
use crate::cursors::refusal::Refusal;
use crate::cursors::subscribe;
use crate::cursors::subscription::{Started, Subscribe, To};
use crate::cursors::unknown;
use crate::session::close;
use crate::wire::protocol::{Message, Request, Seek};

/// What became of a request that had to wait for the store, or for somebody's keys.
pub(super) enum Answer {
    Subscribe(Result<Started, Refusal>),
    Seek(Result<Sought, Refusal>),
    /// Of a `refresh`, with its `id`.
    Refresh(Option<String>, Result<Subscriber, TokenError>),
}

/// What a `seek` needs to know.
pub(super) struct Sought {
    id: String,
    stream: StreamName,
    to: To,
    extent: Extent,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Does what a message asks for, or begins to.
    pub(super) fn read(&mut self, text: &Utf8Bytes) -> Result<(), End> {
        match self.inbound_rate.judge(Request::read(text), Instant::now()) {
            Ok(request) => self.perform(request),
            Err(refused) => {
                self.refuse(&refused.refusal);
                refused.close.map_or(Ok(()), |close| Err(End::Close(close)))
            }
        }
    }

    fn perform(&mut self, request: Request) -> Result<(), End> {
        let done = match request {
            Request::Refresh { id, token } => {
                self.refresh(id, token);
                Ok(())
            }
            Request::Ping { id } => {
                let id = id.as_deref();
                self.out
                    .socket
                    .send(Message::Done { id, request: "ping" }.frame());
                Ok(())
            }
            Request::Subscribe(request) => self.subscribe(request),
            Request::Seek(seek) => self.seek(seek),
            Request::Unsubscribe { id } => {
                let mut owed = Vec::new();
                let removed = self.session.remove(&id, &mut owed);
                self.put(&mut owed);
                self.done(&id, "unsubscribe", removed)
            }
            Request::Pause { id } => {
                let paused = self.session.cursors.pause(&id, true);
                self.done(&id, "pause", paused)
            }
            Request::Resume { id } => {
                let resumed = self.session.cursors.pause(&id, false);
                self.done(&id, "resume", resumed)
            }
        };
        if let Err(refusal) = done {
            self.refuse(&refusal);
        }
        Ok(())
    }

    /// Says that a request was done, if there was a subscription to do it with.
    fn done(&mut self, id: &str, request: &'static str, found: bool) -> Result<(), Refusal> {
        if !found {
            return Err(unknown(id));
        }
        self.out.socket.send(
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
        if self.session.cursors.has(id) {
            let message = "this session has a subscription with this `id` already";
            return Err(Refusal::new("duplicate_id", message).to(id));
        }
        let most = self.host.limits.subscriptions;
        if self.session.cursors.subscriptions() >= most {
            let message = format!("a session has at most {most} subscriptions");
            return Err(Refusal::new("limit", message).to(id));
        }
        let told = audit::is_wanted().then(|| {
            let streams = request.streams.join(" ");
            (self.session.subscriber.clone(), self.id.to_string(), streams)
        });
        let started = subscribe::start(Arc::clone(&self.host.sources), self.session.asker(), request);
        self.request = Some(Box::pin(async move {
            let started = started.await;
            if let Some((who, session, streams)) = told {
                let refusal = started.as_ref().err().map(|refusal| refusal.code);
                audit::subscribed(&who, &session, &streams, refusal);
            }
            Answer::Subscribe(started)
        }));
        Ok(())
    }

    fn seek(&mut self, seek: Seek) -> Result<(), Refusal> {
        let Seek { id, stream, to } = seek;
        let stream = self.session.subscriber.names(&stream).map_err(|error| {
            Refusal::new("bad_stream", error.to_string())
                .about(&stream)
                .to(&id)
        })?;
        self.session.cursors.check_has(&id, &stream)?;
        let sources = Arc::clone(&self.host.sources);
        self.request = Some(Box::pin(async move {
            let extent = subscribe::extent(sources, id.clone(), stream.clone()).await;
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

    fn refresh(&mut self, id: Option<String>, token: String) {
        let verifier = Arc::clone(&self.host.verifier);
        self.request = Some(Box::pin(async move {
            let verified = verifier.verify(&token).await;
            Answer::Refresh(id, verified)
        }));
    }

    /// A new token, for the same subscriber. What it no longer allows ends at once.
    fn refreshed(&mut self, id: Option<&str>, subscriber: Subscriber) -> Result<(), End> {
        if subscriber.sub() != self.session.subscriber.sub() {
            return Err(End::Close(&close::WRONG_SUBSCRIBER));
        }
        self.host.admission.showed(self.id, &subscriber);
        // It can have been taken back before it was known as this session's. Where that is not known, who is in stays.
        if self.host.verifier.stands(&subscriber) == Err(TokenError::Revoked) {
            return Err(End::Close(&close::REVOKED));
        }
        self.clock.renew(subscriber.expires_at(), Instant::now());
        let mut owed = Vec::new();
        self.session.regrant(subscriber, &mut owed);
        self.put(&mut owed);
        self.out.socket.send(
            Message::Done {
                id,
                request: "refresh",
            }
            .frame(),
        );
        Ok(())
    }

    /// Takes the answer to a request that waited.
    pub(super) fn answered(&mut self, answer: Answer) -> Result<(), End> {
        self.request = None;
        let mut owed = Vec::new();
        let done = match answer {
            Answer::Subscribe(Ok(started)) => {
                self.session.add(started, &mut owed);
                Ok(())
            }
            Answer::Seek(Ok(Sought {
                id,
                stream,
                to,
                extent,
            })) => self.session.cursors.seek(&id, &stream, to, extent, &mut owed),
            Answer::Subscribe(Err(refusal)) | Answer::Seek(Err(refusal)) => Err(refusal),
            Answer::Refresh(id, Ok(subscriber)) => return self.refreshed(id.as_deref(), subscriber),
            Answer::Refresh(id, Err(error)) => {
                let refusal = Refusal::new("bad_token", error.to_string());
                Err(match id {
                    Some(id) => refusal.to(&id),
                    None => refusal,
                })
            }
        };
        self.put(&mut owed);
        if let Err(refusal) = done {
            self.refuse(&refusal);
        }
        Ok(())
    }
}
