//! What a run came to, for people and for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::cost::Usage;
use super::latency::Percentiles;

/// The result of a run. The warm-up is in nothing but what went wrong.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) run: String,
    pub(super) sessions: u64,
    pub(super) streams: u64,
    /// Lines a second, as asked for.
    pub(super) rate: u64,
    pub(super) lines_a_request: u64,
    pub(super) line_bytes: u64,
    /// From the first request's time to the last line's arrival.
    pub(super) seconds: f64,
    pub(super) lines: Option<LinesReport>,
    pub(super) sessions_ended: u64,
    /// What one of them was told.
    pub(super) session_ended: Option<String>,
    pub(super) server: Option<ServerReport>,
    /// What `tailcast bench` itself used.
    pub(super) bench: Usage,
}

/// Of a run that sends.
#[derive(Debug, Serialize)]
pub(super) struct LinesReport {
    pub(super) requests: u64,
    pub(super) sent: u64,
    pub(super) unsent: u64,
    pub(super) acknowledged: u64,
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

/// Of the processes that `--pid` names, together.
#[derive(Debug, Serialize)]
pub(super) struct ServerReport {
    /// Bytes of resident memory before any session was there.
    pub(super) resident_before: u64,
    /// With all sessions subscribed and nothing sent.
    pub(super) resident_idle: u64,
    pub(super) resident_after: u64,
    pub(super) kib_per_idle_session: f64,
    pub(super) cpu_user: f64,
    pub(super) cpu_system: f64,
    pub(super) cpu_per_million_delivered: Option<f64>,
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
        row(
            "sessions",
            match self.streams {
                1 => format!("{} on one stream", grouped(self.sessions)),
                streams => format!("{} on {} streams", grouped(self.sessions), grouped(streams)),
            },
        )?;
        if let Some(lines) = &self.lines {
            let each = [
                (
                    "sent",
                    format!(
                        "{} lines of {} bytes in {} requests, {} lines/s asked for, {:.1} s",
                        grouped(lines.sent),
                        grouped(self.line_bytes),
                        grouped(lines.requests),
                        grouped(self.rate),
                        self.seconds
                    ),
                ),
                (
                    "acknowledged",
                    match lines.answer_ms {
                        None => grouped(lines.acknowledged),
                        times => format!("{}, {}", grouped(lines.acknowledged), percentiles(times)),
                    },
                ),
                (
                    "delivered",
                    format!("{} of {}", grouped(lines.delivered), grouped(lines.expected)),
                ),
                ("lost", grouped(lines.lost)),
                ("repeated", grouped(lines.repeated)),
                ("out of order", grouped(lines.out_of_order)),
                ("latency", percentiles(lines.latency_ms)),
                (
                    "frames",
                    format!("{}, {:.1} lines each", grouped(lines.frames), lines.lines_a_frame),
                ),
                ("received", format!("{:.1} MB", lines.bytes as f64 / 1e6)),
            ];
            for (name, text) in each {
                row(name, text)?;
            }
        }
        if let Some(server) = &self.server {
            row(
                "server memory",
                format!(
                    "{} before, {} with idle sessions ({:.1} KiB each), {} after",
                    mebibytes(server.resident_before),
                    mebibytes(server.resident_idle),
                    server.kib_per_idle_session,
                    mebibytes(server.resident_after)
                ),
            )?;
            row("server CPU", server.cpu(self.seconds))?;
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

impl ServerReport {
    fn cpu(&self, seconds: f64) -> String {
        let (user, system) = (self.cpu_user, self.cpu_system);
        let mut text = String::new();
        if let Some(cost) = self.cpu_per_million_delivered {
            let _ = write!(text, "{cost:.2} s per million delivered lines; ");
        }
        let _ = write!(
            text,
            "{:.2} s in {seconds:.1} s (user {user:.2}, system {system:.2})",
            user + system
        );
        text
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
            sessions: 1_000,
            streams: 2,
            rate: 500,
            lines_a_request: 1,
            line_bytes: 200,
            seconds: 10.04,
            lines: Some(LinesReport {
                requests: 5_000,
                sent: 5_000,
                unsent: 0,
                acknowledged: 5_000,
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
                latency_ms: Some(percentiles),
                answer_ms: None,
                lateness_ms: None,
                frames: 625_000,
                lines_a_frame: 4.0,
                bytes: 600_000_000,
            }),
            sessions_ended: 0,
            session_ended: None,
            server: Some(ServerReport {
                resident_before: 40 << 20,
                resident_idle: 48 << 20,
                resident_after: 60 << 20,
                kib_per_idle_session: 8.2,
                cpu_user: 0.5,
                cpu_system: 1.5,
                cpu_per_million_delivered: Some(0.8),
            }),
            bench: Usage {
                user: 1.0,
                system: 2.0,
                resident: 16 << 20,
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
bench itself    3.00 s of CPU, 16.0 MiB of memory
";
        assert_eq!(report().to_string(), want);
        assert_eq!(report().fault(), None);
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
