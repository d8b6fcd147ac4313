//! What an answer says of itself, beside the lines or counts.

use lines::filter::Reading;
use lines::{Offset, StreamName};

/// What stands around the lines.
pub(super) struct Head {
    pub(super) stream: StreamName,
    pub(super) first_available: Offset,
    pub(super) from: Offset,
    pub(super) next: Offset,
    /// Lines that the filter gave up on.
    pub(super) undecided: u64,
    /// How the filter was read, where there is one.
    pub(super) filter: Option<Reading>,
}

impl Head {
    /// What stands before the lines in JSON.
    pub(super) fn opening(&self) -> Vec<u8> {
        let undecided = match self.undecided {
            0 => String::new(),
            lines => format!("\"undecided\":{lines},"),
        };
        let filter = self.filter.as_ref().map(|filter| {
            // Texts only: there is nothing that could not be written.
            let filter = serde_json::to_string(filter).unwrap_or_default();
            format!(
                "\"looked_through\":{},\"filter\":{filter},",
                self.looked_through()
            )
        });
        // A stream's name needs no escapes: see `StreamName`.
        format!(
            "{{\"stream\":\"{}\",\"first_available\":{},\"from\":{},\"next\":{},{undecided}{}\"lines\":[",
            self.stream,
            self.first_available,
            self.from,
            self.next,
            filter.unwrap_or_default()
        )
        .into_bytes()
    }

    /// How many lines there are between where the answer begins and where it ends, those included that do not match.
    pub(super) fn looked_through(&self) -> u64 {
        self.next.since(self.from)
    }
}
