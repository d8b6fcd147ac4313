//! How sessions are spoken to: `tailcast.v1` over WebSockets.

#[cfg(feature = "echo")]
pub mod echo;
mod fragments;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod inbound_rate;
pub mod protocol;
pub(crate) mod socket;
pub(crate) mod websocket;
