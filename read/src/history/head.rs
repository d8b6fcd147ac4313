//! What an answer says of itself, beside the lines or counts.

use lines::{Offset, StreamName};

/// What stands around the lines.
pub(super) struct Head {
    pub(super) stream: StreamName,
    pub(super) first_available: Offset,
    pub(super) from: Offset,
    pub(super) next: Offset,
    /// Lines that the filter gave up on.
    pub(super) undecided: u64,
}

impl Head {
    /// What stands before the lines in JSON.
    pub(super) fn opening(&self) -> Vec<u8> {
        let undecided = match self.undecided {
            0 => String::new(),
            lines => format!("\"undecided\":{lines},"),
        };
        // A stream's name needs no escapes: see `StreamName`.
        format!(
            "{{\"stream\":\"{}\",\"first_available\":{},\"from\":{},\"next\":{},{undecided}\"lines\":[",
            self.stream, self.first_available, self.from, self.next
        )
        .into_bytes()
    }
}
