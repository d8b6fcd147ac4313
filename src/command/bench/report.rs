//! What a run came to, for people and for programs.

mod server;

use std::fmt;

use serde::Serialize;

pub(super) use self::server::ServerReport;
use super::cost::Usage;
use super::follow::{By, Plan};
use super::latency::Percentiles;

/// The result of a run. The warm-up is in nothing but what went wrong.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) run: String,
    #[serde(flatten)]
    pub(super) sessions: Sessions,
    /// Lines a second, as asked for; none when the answers set the pace.
    pub(super) rate: Option<u64>,
    pub(super) lines_a_request: u64,
    pub(super) line_bytes: u64,
    /// From the first request's time to the last line's arrival.
    pub(super) seconds: f64,
    pub(super) lines: Option<LinesReport>,
    /// That sessions got from the server.
    pub(super) pings: u64,
    pub(super) sessions_ended: u64,
    /// What one of them was told.
    pub(super) session_ended: Option<String>,
    pub(super) server: Option<ServerReport>,
    /// What `tailcast bench` itself used.
    pub(super) bench: Usage,
}

/// Who follows what.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sessions {
    sessions: u64,
    streams: u64,
    streams_a_session: u64,
    pattern: bool,
}

/// Of a run that sends.
#[derive(Debug, Serialize)]
pub(super) struct LinesReport {
    pub(super) requests: u64,
    pub(super) sent: u64,
    pub(super) unsent: u64,
    pub(super) acknowledged: u64,
    pub(super) acknowledged_a_second: f64,
    /// With the warm-up, and with what made streams: so many stand in the store.
    pub(super) acknowledged_in_all: u64,
    pub(super) unacknowledged: u64,
    pub(super) requests_repeated: u64,
    pub(super) requests_late: u64,
    pub(super) trouble: Option<String>,
    /// What the sessions together were to get.
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) out_of_order: u64,
    pub(super) damaged: u64,
    /// Lines that stand in the streams and that no answer spoke of.
    pub(super) stored_unasked: u64,
    /// Lines whose offsets had been given to others.
    pub(super) acknowledged_twice: u64,
    /// Milliseconds from a line's time on the schedule to its arrival at a session.
    pub(super) latency_ms: Option<Percentiles>,
    /// Milliseconds from a request's time on the schedule to its acknowledgement.
    pub(super) answer_ms: Option<Percentiles>,
    /// Milliseconds from a request's time on the schedule to its sending.
    pub(super) lateness_ms: Option<Percentiles>,
    pub(super) frames: u64,
    pub(super) lines_a_frame: f64,
    pub(super) bytes: u64,
}

impl Sessions {
    pub(super) fn of(sessions: u64, plan: &Plan) -> Self {
        Self {
            sessions,
            streams: plan.streams as u64,
            streams_a_session: plan.follow as u64,
            pattern: plan.by == By::Pattern,
        }
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sessions, each) = (grouped(self.sessions), grouped(self.streams_a_session));
        let (streams, all) = (grouped(self.streams), self.streams_a_session == self.streams);
        match (self.sessions, self.streams, self.streams_a_session) {
            (0, 1, _) => write!(f, "none, one stream"),
            (0, ..) => write!(f, "none, {streams} streams"),
            (_, 1, _) => write!(f, "{sessions} on one stream"),
            (_, _, 1) => write!(f, "{sessions} on {streams} streams"),
            _ if all => write!(f, "{sessions}, each on all {streams} streams"),
            _ => write!(f, "{sessions}, each on {each} of {streams} streams"),
        }?;
        if self.pattern && self.sessions > 0 {
            write!(f, ", by a pattern")?;
        }
        Ok(())
    }
}

impl Report {
    /// What is wrong, in a sentence; `None` when every line came once and in order.
    pub(super) fn fault(&self) -> Option<String> {
        let mut faults = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{} {what}", grouped(count)));
            }
        };
        if let Some(lines) = &self.lines {
            say(lines.lost, "lines were lost");
            say(lines.repeated, "lines were repeated");
            say(lines.out_of_order, "lines came out of order");
            say(lines.damaged, "lines were not as they were sent");
            say(
                lines.stored_unasked,
                "lines were stored that nobody sent, or stored twice",
            );
            say(
                lines.acknowledged_twice,
                "lines were acknowledged at the places of others",
            );
        }
        say(self.sessions_ended, "sessions ended early");
        (!faults.is_empty()).then(|| faults.join(", "))
    }

    /// Why the latency may say less than it seems to.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(lines) = &self.lines {
            if lines.unsent > 0 {
                warnings.push(format!(
                    "the rate was not kept: {} lines were still to be sent at the end",
                    grouped(lines.unsent)
                ));
            }
            if lines.requests_late * 100 > lines.requests {
                let lateness = lines.lateness_ms.map_or(0.0, |lateness| lateness.max);
                warnings.push(format!(
                    "{} of {} requests were sent more than 10 ms late, up to {}: all connections were waiting for \
                     answers (--connections), or this machine is too busy",
                    grouped(lines.requests_late),
                    grouped(lines.requests),
                    millis(lateness)
                ));
            }
            if lines.requests_repeated > 0 {
                warnings.push(format!(
                    "{} requests had to be repeated; the last time because: {}",
                    grouped(lines.requests_repeated),
                    lines.trouble.as_deref().unwrap_or("unknown")
                ));
            }
            if lines.unacknowledged > 0 {
                warnings.push(format!(
                    "{} lines were never acknowledged: {}",
                    grouped(lines.unacknowledged),
                    lines.trouble.as_deref().unwrap_or("unknown")
                ));
            }
        }
        if let Some(why) = &self.session_ended {
            warnings.push(format!("a session ended early: {why}"));
        }
        warnings
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, text: String| writeln!(f, "{name:<15} {text}");
        row("sessions", self.sessions.to_string())?;
        if let Some(lines) = &self.lines {
            row("sent", self.sent(lines))?;
            row("acknowledged", lines.acknowledged())?;
            if self.sessions.sessions > 0 {
                lines
                    .delivery()
                    .into_iter()
                    .try_for_each(|(name, text)| row(name, text))?;
            }
        }
        if self.pings > 0 {
            row("pings", grouped(self.pings))?;
        }
        if let Some(server) = &self.server {
            row("server memory", server.memory())?;
            row("server CPU", server.cpu(self.seconds))?;
            if let Some(written) = server.written() {
                row("server wrote", written)?;
            }
        }
        let bench = &self.bench;
        row(
            "bench itself",
            format!(
                "{:.2} s of CPU, {} of memory",
                bench.cpu(),
                mebibytes(bench.resident)
            ),
        )?;
        self.warnings()
            .iter()
            .try_for_each(|warning| row("note", warning.clone()))
    }
}

impl Report {
    fn sent(&self, lines: &LinesReport) -> String {
        let asked = match self.rate {
            Some(rate) => format!("{} lines/s asked for", grouped(rate)),
            None => "as fast as they were answered".to_owned(),
        };
        format!(
            "{} lines of {} bytes in {} requests, {asked}, {:.1} s",
            grouped(lines.sent),
            grouped(self.line_bytes),
            grouped(lines.requests),
            self.seconds
        )
    }
}

impl LinesReport {
    fn acknowledged(&self) -> String {
        let count = grouped(self.acknowledged);
        let rate = grouped(self.acknowledged_a_second.round() as u64);
        match self.answer_ms {
            None => count,
            times => format!("{count}, {rate} a second, {}", percentiles(times)),
        }
    }

    /// What sessions saw.
    fn delivery(&self) -> [(&'static str, String); 7] {
        [
            (
                "delivered",
                format!("{} of {}", grouped(self.delivered), grouped(self.expected)),
            ),
            ("lost", grouped(self.lost)),
            ("repeated", grouped(self.repeated)),
            ("out of order", grouped(self.out_of_order)),
            ("latency", percentiles(self.latency_ms)),
            (
                "frames",
                format!("{}, {:.1} lines each", grouped(self.frames), self.lines_a_frame),
            ),
            ("received", format!("{:.1} MB", self.bytes as f64 / 1e6)),
        ]
    }
}

fn percentiles(percentiles: Option<Percentiles>) -> String {
    percentiles.map_or("-".to_owned(), |p| {
        let each = [
            ("p50", p.p50),
            ("p90", p.p90),
            ("p99", p.p99),
            ("p99.9", p.p99_9),
            ("max", p.max),
        ];
        each.map(|(name, value)| format!("{name} {}", millis(value)))
            .join(", ")
    })
}

fn millis(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        ..10_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1_000.0),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// `1234567` becomes `1,234,567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let percentiles = Percentiles {
            p50: 4.25,
            p90: 9.0,
            p99: 21.5,
            p99_9: 80.0,
            max: 12_345.0,
        };
        Report {
            run: "r".into(),
            sessions: Sessions::of(1_000, &Plan::new("r", 2, 1, By::Name)),
            rate: Some(500),
            lines_a_request: 1,
            line_bytes: 200,
            seconds: 10.04,
            lines: Some(LinesReport {
                requests: 5_000,
                sent: 5_000,
                unsent: 0,
                acknowledged: 5_000,
                acknowledged_a_second: 498.0,
                acknowledged_in_all: 5_500,
                unacknowledged: 0,
                requests_repeated: 0,
                requests_late: 0,
                trouble: None,
                expected: 2_500_000,
                delivered: 2_500_000,
                lost: 0,
                repeated: 0,
                out_of_order: 0,
                damaged: 0,
                stored_unasked: 0,
                acknowledged_twice: 0,
                latency_ms: Some(percentiles),
                answer_ms: None,
                lateness_ms: None,
                frames: 625_000,
                lines_a_frame: 4.0,
                bytes: 600_000_000,
            }),
            pings: 0,
            sessions_ended: 0,
            session_ended: None,
            server: Some(ServerReport {
                resident_before: 40 << 20,
                resident_idle: 48 << 20,
                resident_after: 60 << 20,
                kib_per_idle_session: Some(8.2),
                cpu_user: 0.5,
                cpu_system: 1.5,
                cpu_per_million_delivered: Some(0.8),
                cpu_per_million_acknowledged: Some(400.0),
                written: Some(81_000_000),
                written_per_line: Some(16_200.0),
            }),
            bench: Usage {
                user: 1.0,
                system: 2.0,
                resident: 16 << 20,
                written: None,
            },
        }
    }

    #[test]
    fn a_run_is_a_table_for_people() {
        let want = "\
sessions        1,000 on 2 streams
sent            5,000 lines of 200 bytes in 5,000 requests, 500 lines/s asked for, 10.0 s
acknowledged    5,000
delivered       2,500,000 of 2,500,000
lost            0
repeated        0
out of order    0
latency         p50 4.2 ms, p90 9.0 ms, p99 22 ms, p99.9 80 ms, max 12.3 s
frames          625,000, 4.0 lines each
received        600.0 MB
server memory   40.0 MiB before, 48.0 MiB with idle sessions (8.2 KiB each), 60.0 MiB after
server CPU      0.80 s per million delivered lines; 2.00 s in 10.0 s (user 0.50, system 1.50)
server wrote    16,200 bytes a line; 81.0 MB
bench itself    3.00 s of CPU, 16.0 MiB of memory
";
        assert_eq!(report().to_string(), want);
        assert_eq!(report().fault(), None);
    }

    #[test]
    fn a_run_without_sessions_speaks_of_collecting_alone() {
        let mut report = report();
        report.sessions = Sessions::of(0, &Plan::new("r", 16, 1, By::Name));
        report.rate = None;
        let lines = report.lines.as_mut().unwrap();
        lines.answer_ms = lines.latency_ms.take();
        (lines.expected, lines.delivered) = (0, 0);
        let server = report.server.as_mut().unwrap();
        (server.kib_per_idle_session, server.cpu_per_million_delivered) = (None, None);
        let want = "\
sessions        none, 16 streams
sent            5,000 lines of 200 bytes in 5,000 requests, as fast as they were answered, 10.0 s
acknowledged    5,000, 498 a second, p50 4.2 ms, p90 9.0 ms, p99 22 ms, p99.9 80 ms, max 12.3 s
server memory   40.0 MiB before, 60.0 MiB after
server CPU      400.00 s per million acknowledged lines; 2.00 s in 10.0 s (user 0.50, system 1.50)
server wrote    16,200 bytes a line; 81.0 MB
bench itself    3.00 s of CPU, 16.0 MiB of memory
";
        assert_eq!(report.to_string(), want);
    }

    #[test]
    fn it_is_said_who_follows_what() {
        let table = [
            ((1, 1, By::Name), "9 on one stream"),
            ((3, 1, By::Name), "9 on 3 streams"),
            ((100, 10, By::Name), "9, each on 10 of 100 streams"),
            (
                (1_000, 1_000, By::Pattern),
                "9, each on all 1,000 streams, by a pattern",
            ),
            (
                (100, 10, By::Pattern),
                "9, each on 10 of 100 streams, by a pattern",
            ),
        ];
        for ((streams, follow, by), want) in table {
            assert_eq!(
                Sessions::of(9, &Plan::new("r", streams, follow, by)).to_string(),
                want
            );
        }
    }

    #[test]
    fn what_went_wrong_is_said() {
        let mut report = report();
        report.sessions_ended = 1;
        report.session_ended = Some("the connection was closed".into());
        let lines = report.lines.as_mut().unwrap();
        (lines.lost, lines.unsent, lines.requests_late) = (1_234, 7, 51);
        let fault = report.fault().unwrap();
        assert_eq!(fault, "1,234 lines were lost, 1 sessions ended early");
        let text = report.to_string();
        for part in [
            "the rate was not kept: 7 lines",
            "51 of 5,000 requests",
            "the connection was closed",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
