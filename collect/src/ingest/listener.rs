//! Protocols with a port of their own: what each of them is given.
//!
//! # How to add a listener
//!
//! 1. A file in `ingest/listener/` with a type that holds an [`Entrance`] and speaks the protocol.
//!    - *Connections*: it is an [`edge::accept::Protocol`], and [`edge::accept`](fn@edge::accept) runs it: how many connections there may
//!      be, by when the first byte has to come, who has to go for others and how the end comes are judged there.
//!    - *Datagrams*: a loop over its socket until it is told to stop. There is no answer to give, so what is refused or
//!      lost, here or in the kernel, is counted and said.
//!    - *Pulls* (a consumer of somebody else's log) have no port, but the same entrance: the position that they read up to
//!      is stored as the [`Identity`](crate::door::Identity) of what was read, and is confirmed when that is settled.
//! 2. Its settings: a list of listeners, each with its address, how streams are named, and whose lines they are.
//! 3. A page in docs/ for those who send so: what an acknowledgement means, and what is lost when.
//!
//! What a connection does, in this order: it finds out who sends ([`Entrance::admit`]) before it reads anything that is
//! long. It reads into an [`Intake`] ([`Entrance::enter`]), under a bound of its own for what is not whole yet, and with
//! [`Held::has_to_go`](crate::door::Held::has_to_go) heeded while it holds memory and waits for more. What has an
//! acknowledgement of its own, or an id of its own, is an intake of its own: the door stores many at once as cheaply as
//! one. [`Door::submit`] gives lines their place in the order of their stream; acknowledgements follow when
//! [`Submitted::settled`](crate::door::Submitted::settled) says so, in order, with a bound on how many are under way. At
//! that bound, and while the door is [busy](crate::door::Refused::Busy), nothing more is read: that is what makes a sender
//! slower. An acknowledgement means *stored*. When told to stop it reads nothing new, and acknowledges what is under way.
//!
//! Nothing here knows which protocols there are.

use std::sync::Arc;

use auth::token::unix_now;
use auth::{Subscriber, TokenError, Verifier};
use edge::Visitor;

use crate::door::{Door, Intake, Naming, Refused};

/// Who sends on a listener.
#[derive(Clone)]
pub enum Senders {
    /// Each connection shows a token, wherever its protocol has room for one.
    ByToken(Arc<Verifier>),
    /// The listener's own subscriber, from the settings: the protocol has room for nothing, and who can reach the port can
    /// send.
    All(Subscriber),
}

/// What a protocol with a port of its own is given: the way to the door.
#[derive(Clone)]
pub struct Entrance {
    door: Door,
    senders: Senders,
    naming: Naming,
}

/// Why a connection may not send.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// It shows no token, where one is needed.
    #[error("a token is needed")]
    NoToken,
    /// It shows one that is not good.
    #[error(transparent)]
    BadToken(TokenError),
    /// It is not known at the moment whether its token is good: it may come again in some seconds.
    #[error("whether a token is good is not known at the moment; come again in some seconds")]
    NotYetKnown,
    /// It may not write any stream.
    #[error("this token may not write any stream: get one with a `write` grant")]
    MayNotWrite,
    /// Too many connections, or bad tokens, come from where it comes from; the text says which.
    #[error("{0}")]
    TooMany(String),
}

impl Entrance {
    /// For a listener whose streams are named by `naming`.
    pub fn new(door: Door, senders: Senders, naming: Naming) -> Self {
        Self {
            door,
            senders,
            naming,
        }
    }

    /// The door, for what is settled.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Who sends on a connection, by the token that it showed. Whoever showed a good one keeps its place among the
    /// connections.
    pub async fn admit(&self, token: Option<&str>, visitor: &Visitor) -> Result<Subscriber, NotAdmitted> {
        let verifier = match &self.senders {
            Senders::All(subscriber) => return Ok(subscriber.clone()),
            Senders::ByToken(verifier) => verifier,
        };
        let subscriber = match verifier.verify(token.ok_or(NotAdmitted::NoToken)?).await {
            Ok(subscriber) => subscriber,
            Err(TokenError::NotYetKnown) => return Err(NotAdmitted::NotYetKnown),
            Err(error) => {
                let slowed = visitor.showed_a_bad_token();
                slowed.map_err(|problem| NotAdmitted::TooMany(problem.detail().to_owned()))?;
                return Err(NotAdmitted::BadToken(error));
            }
        };
        let place = visitor.showed_a_good_token();
        place.map_err(|problem| NotAdmitted::TooMany(problem.detail().to_owned()))?;
        if subscriber.grants().write.is_empty() {
            return Err(NotAdmitted::MayNotWrite);
        }
        Ok(subscriber)
    }

    /// The next intake of a connection that was admitted. A token counts until it ends or is taken back, and not as long as
    /// its connection stays.
    pub fn enter(&self, subscriber: &Subscriber) -> Result<Intake, NotEntered> {
        if let Senders::ByToken(verifier) = &self.senders {
            if subscriber.expires_at() <= unix_now() {
                return Err(NotEntered::Expired);
            }
            // Where it is not known at the moment, who is in stays.
            if verifier.stands(subscriber) == Err(TokenError::Revoked) {
                return Err(NotEntered::Revoked);
            }
        }
        self.door
            .enter(subscriber, self.naming.clone())
            .map_err(NotEntered::Refused)
    }
}

/// Why an admitted connection brings no more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEntered {
    /// Its token has ended since it was shown.
    Expired,
    /// Its token was taken back since.
    Revoked,
    /// The door is closed to it.
    Refused(Refused),
}
