//! The messages of `tailcast.v1`, as types. What a client may say is read in [`request`] and nowhere else; what the
//! server says is in [`message`], lines aside: those are framed once for all sessions. docs/protocol.md says the same
//! in words.

pub mod message;
pub mod request;

pub use message::{Begins, Details, Message, Missing, Refusal, Welcome, WelcomeLimits};
pub use request::{From, Mode, Request, Seek, Subscribe, To};

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "tailcast.v1";

/// The longest `id`, in characters.
pub const MAX_ID_CHARS: usize = 64;
