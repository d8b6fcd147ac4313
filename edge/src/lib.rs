//! What every network edge of Tailcast does in the same way: accepting, admitting, stopping, and saying no.
//!
//! The order of admission: connections by address, their first byte, and the handshake of TLS ([`mod@accept`]); the bounds of a request's head
//! ([`mod@serve`]); the page that it comes from ([`page`]); and then, in `auth`, the token and its grant. Only behind these is a body read or a store asked.
//!
//! Knows nothing of lines, tokens, stores or routes.

pub mod accept;
pub mod attempts;
pub mod body;
mod certificate;
pub mod coalescing;
pub mod connections;
mod head;
pub mod http2;
pub mod linger;
mod origin;
pub mod outlet;
pub mod pace;
pub mod page;
pub mod parameters;
mod patience;
pub mod preferences;
pub mod problem;
pub mod proxies;
mod seldom;
pub mod serve;
pub mod served_by;
pub mod shares;
pub mod sieve;
pub mod socket;
pub mod tls;
pub mod upgrade;
pub mod visitor;

pub use accept::{AcceptLimits, Entered, Protocol, accept};
pub use attempts::AttemptLimits;
pub use coalescing::Coalescing;
pub use connections::{ConnectionLimits, Connections, Full};
pub use http2::Http2Limits;
pub use linger::LingerLimits;
pub use origin::Origin;
pub use outlet::{CutOff, Outlet};
pub use pace::Pace;
pub use page::{Names, Page, PageRules, may_use_cookie, ruled};
pub use parameters::{Parameters, bad_parameter};
pub use preferences::{Liking, Preferences};
pub use problem::Problem;
pub use proxies::{ToldBy, TrustedProxies};
pub use serve::{Http, ServeLimits, serve};
pub use served_by::ServedBy;
pub use shares::{Share, Shares};
pub use socket::Socket;
pub use tls::{Certificate, CertificateError, Tls};
pub use upgrade::upgraded;
pub use visitor::Visitor;
