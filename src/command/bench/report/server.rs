//! What the servers of a run needed, as far as they run on this machine.

use std::fmt::Write as _;

use serde::Serialize;

use super::{grouped, mebibytes};

/// Of the processes that `--pid` names, together.
#[derive(Debug, Serialize)]
pub(in super::super) struct ServerReport {
    /// Bytes of resident memory before any session was there.
    pub(in super::super) resident_before: u64,
    /// With all sessions subscribed and nothing sent.
    pub(in super::super) resident_idle: u64,
    pub(in super::super) resident_after: u64,
    pub(in super::super) kib_per_idle_session: Option<f64>,
    pub(in super::super) cpu_user: f64,
    pub(in super::super) cpu_system: f64,
    pub(in super::super) cpu_per_million_delivered: Option<f64>,
    pub(in super::super) cpu_per_million_acknowledged: Option<f64>,
    /// Bytes that they gave to the disk.
    pub(in super::super) written: Option<u64>,
    /// Of each acknowledged line.
    pub(in super::super) written_per_line: Option<f64>,
}

impl ServerReport {
    pub(super) fn memory(&self) -> String {
        let idle = match self.kib_per_idle_session {
            Some(each) => format!(
                "{} with idle sessions ({each:.1} KiB each), ",
                mebibytes(self.resident_idle)
            ),
            None => String::new(),
        };
        format!(
            "{} before, {idle}{} after",
            mebibytes(self.resident_before),
            mebibytes(self.resident_after)
        )
    }

    pub(super) fn written(&self) -> Option<String> {
        let all = format!("{:.1} MB", self.written? as f64 / 1e6);
        Some(match self.written_per_line {
            Some(each) => format!("{} bytes a line; {all}", grouped(each.round() as u64)),
            None => all,
        })
    }

    pub(super) fn cpu(&self, seconds: f64) -> String {
        let (user, system) = (self.cpu_user, self.cpu_system);
        let mut text = String::new();
        let costs = [
            (self.cpu_per_million_delivered, "delivered"),
            (self.cpu_per_million_acknowledged, "acknowledged"),
        ];
        // Where many watch, the other one says nothing: most of the time is theirs.
        if let Some((cost, what)) = costs.into_iter().find_map(|(cost, what)| Some((cost?, what))) {
            let _ = write!(text, "{cost:.2} s per million {what} lines; ");
        }
        let _ = write!(
            text,
            "{:.2} s in {seconds:.1} s (user {user:.2}, system {system:.2})",
            user + system
        );
        text
    }
}
