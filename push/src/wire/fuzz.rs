//! What the fuzz targets give their bytes to: the reader of messages and that of frames, as sessions have them.

pub use super::echo::echo as frames;
use super::protocol::Request;

/// Reads a message of a client; the code of its refusal otherwise.
pub fn message(text: &str) -> Result<(), &'static str> {
    Request::read(text).map(drop).map_err(|refusal| refusal.code)
}
