//! Sends lines to a Tailcast installation and follows its streams, over the wire.
//!
//! Knows the protocol document and the words of [`lines`]: of the server it shares nothing, so that it proves the document.
//!
//! - [`Sender`] appends lines to one stream, in order, each stored once.
//! - [`Tail`] follows streams: every line once, in order, whatever happens to the connection.
//! - [`Server`] is where the installation is and what it is asked with.

mod api_keys;
mod history;
mod keys;
mod list;
mod outcome;
mod post;
mod problem;
mod retention;
mod revoke;
mod send;
mod server;
mod tail;
mod trust;

pub use api_keys::{ApiKey, NewApiKey};
pub use history::{History, Past, Question};
pub use keys::{KeyInfo, RotatedKeys};
pub use lines::filter::Reading;
pub use lines::{Epoch, Level, Line, Offset, StreamInfo, StreamName};
pub use list::{AskError, DeletedStream, Node};
pub use outcome::{Rejected, Report, SendError, SendLimits, Stopped, Summary, Unfinished};
pub use problem::Problem;
pub use retention::{Allowed, HiddenEntry, Restored, RetentionStatus, Why};
pub use revoke::{Revocation, Revoked};
pub use send::{Haste, Marks, Progress, Sender};
pub use server::{AddressError, FixedToken, Server, TokenError, Tokens};
pub use tail::{
    Event, Fault, Follow, From, GapReason, Received, Run, Start, State, Tail, TailError, TailLimits,
};
pub use trust::{Authorities, AuthorityError};
