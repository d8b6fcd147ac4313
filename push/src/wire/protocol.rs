//! The messages of `tailcast.v1`, as types. What a client may say is read in [`request`] and nowhere else; what the
//! server says is in [`message`], and in [`lines`] what is made once for all sessions. docs/protocol.md says the same
//! in words.

pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod request;

pub(crate) use message::{Message, Told, Welcome, WelcomeLimits};
pub(crate) use request::{Request, Seek};

/// The subprotocol's name.
pub(crate) const SUBPROTOCOL: &str = "tailcast.v1";

/// The longest `id`, in characters.
pub(crate) const MAX_ID_CHARS: usize = 64;

#[cfg(test)]
mod agreed;
