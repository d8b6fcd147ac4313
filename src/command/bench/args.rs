//! What is asked for on the command line, and whether it can be.

use anyhow::anyhow;
use clap::builder::RangedU64ValueParser;

use super::body::{self, SHORTEST_LINE};
use super::cost;
use super::follow::{By, Plan};
use super::schedule::Pace;
use super::sender::{Keys, Requests};
use crate::command::Failure;
use crate::command::connect::Credentials;

/// Files that a process needs beside its connections.
const OTHER_FILES: u64 = 32;

/// The longest body of a request that a server takes, in bytes.
const LONGEST_BODY: u64 = 10 * 1024 * 1024;

/// How much, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sessions subscribe to streams of this run alone (bench/RUN/0, bench/RUN/1, …), then lines are sent by the clock: when the \
server is slow they wait, and their latency counts from the time at which they were due. A second of warm-up is not \
counted. The lines stay in the store as all lines do.

Each session follows one stream, --follow of them by their names, or with --pattern all by one pattern: bench/RUN/**. \
With both, streams lie in folders of --follow streams, and each session has the pattern of one: bench/RUN/7/**. What is \
followed by a pattern is made first, with a line each.

With --flat-out each connection sends its next request when the last one is answered: how much can be collected. \
--sessions 0 leaves that alone with the server.

With --pid of a server on this machine, its memory, its CPU time and what it wrote are shown, too; of several, together. \
Start it anew before, when the memory of an idle session is of interest: what it has once had, it may keep.

Without a token, the data folder's key makes one for each session, with rights on bench/** alone. No TLS: name the \
listeners behind what ends it. Exit codes: 0 when every line came once and in order, 1 when not, 2 when used wrongly.

Examples:
  tailcast bench --sessions 1000 --rate 500
  tailcast bench --sessions 5000 --streams 50 --rate 20000 --lines 100 \\
      --seconds 60 --pid $(pidof tailcast)
  tailcast bench --sessions 1000 --streams 100 --follow 10 --rate 5000 \\
      --lines 10 --spread 10
  tailcast bench --sessions 0 --streams 16 --connections 16 --flat-out \\
      --pid $(pidof tailcast)
  tailcast bench --url http://push-1:7440 --url http://push-2:7440 \\
      --collect-url http://collect-1:7440 --json

Everybody watches everything:
  tailcast bench --sessions 1000 --streams 1000 --pattern --rate 1000

What idle sessions need:
  tailcast bench --sessions 10000 --rate 0 --seconds 60 --pid $(pidof tailcast)")]
pub(crate) struct Args {
    /// Sessions; they are spread evenly over the streams. 0: nobody watches
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<u64>::new().range(..=1_000_000))]
    pub(super) sessions: u64,
    /// Streams; lines are spread evenly
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    pub(super) streams: u64,
    /// Streams that each session follows [default: 1, or all with --pattern]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    follow: Option<u64>,
    /// Sessions follow their streams by one pattern instead of by their names
    #[arg(long)]
    pattern: bool,
    /// Lines a second, over all streams; 0 sends none
    #[arg(long, value_name = "LINES", default_value_t = 1_000, value_parser = RangedU64ValueParser::<u64>::new().range(..=100_000_000))]
    rate: u64,
    /// As many lines as there are answers for: each connection sends its next request when the last one is answered
    #[arg(long, conflicts_with = "rate")]
    flat_out: bool,
    /// Lines a request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    pub(super) lines: u64,
    /// Streams a request: its lines go to so many, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    spread: u64,
    /// Requests have no Idempotency-Key. What breaks off and may be stored is not repeated, then
    #[arg(long)]
    no_keys: bool,
    /// How long lines are sent
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    pub(super) seconds: u64,
    /// Bytes of each line, as it is kept and delivered
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = RangedU64ValueParser::<u64>::new().range(SHORTEST_LINE as u64..=200_000))]
    pub(super) line_bytes: u64,
    /// Connections that send: so many requests are under way at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000))]
    connections: u64,
    /// Where sessions go; can be repeated, for several push nodes [variable: TAILCAST_URL]
    #[arg(
        long,
        value_name = "URL",
        env = "TAILCAST_URL",
        hide_env = true,
        default_value = "http://127.0.0.1:7440"
    )]
    pub(super) url: Vec<String>,
    /// Where lines go, when that is elsewhere; can be repeated
    #[arg(long, value_name = "URL")]
    pub(super) collect_url: Vec<String>,
    /// Servers' processes on this machine; of `pidof tailcast` those that are no servers are left out
    #[arg(long, value_name = "PID", num_args = 1..)]
    pub(super) pid: Vec<u32>,
    /// One JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) credentials: Credentials,
}

impl Args {
    /// Refuses what cannot be before anything is begun.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.fault() {
            Some(fault) => Err(Failure::Misused(anyhow!(fault))),
            None => Ok(()),
        }
    }

    fn fault(&self) -> Option<String> {
        let (streams, follow, spread, lines) = (self.streams, self.follow(), self.spread, self.lines);
        if follow > streams {
            return Some(format!(
                "of {streams} streams nobody can follow {follow}: name more --streams"
            ));
        }
        if self.pattern && !streams.is_multiple_of(follow) {
            return Some(format!(
                "{streams} streams are no whole number of folders of {follow}: with --pattern, name --streams that are a \
                 multiple of --follow"
            ));
        }
        if spread > streams.min(lines) {
            return Some(format!(
                "{lines} lines for {streams} streams cannot be spread over {spread} in each request: name fewer --spread"
            ));
        }
        self.body_fault().or_else(|| self.files_fault())
    }

    fn body_fault(&self) -> Option<String> {
        let naming = match self.spread {
            1 => 0,
            _ => body::naming_bytes(&self.plan("123456789012").name(self.streams as usize)) as u64,
        };
        let body = self.lines * (self.line_bytes + naming + 1);
        (body > LONGEST_BODY).then(|| {
            format!(
                "{} lines of {} bytes are more than the 10 MiB that a request may have: name fewer --lines",
                self.lines,
                self.line_bytes + naming
            )
        })
    }

    fn files_fault(&self) -> Option<String> {
        let needed = self.sessions + self.connections + OTHER_FILES;
        let limit = cost::open_files_limit().filter(|limit| needed > *limit)?;
        Some(format!(
            "{} sessions and {} connections need {needed} open files, and this process may have {limit}: raise that \
             with `ulimit -n {needed}`, or start several of this command with fewer --sessions",
            self.sessions, self.connections
        ))
    }

    fn follow(&self) -> u64 {
        self.follow.unwrap_or(if self.pattern { self.streams } else { 1 })
    }

    /// Who follows what.
    pub(super) fn plan(&self, run: &str) -> Plan {
        let by = if self.pattern { By::Pattern } else { By::Name };
        Plan::new(run, self.streams as usize, self.follow() as usize, by)
    }

    pub(super) fn pace(&self) -> Pace {
        if self.flat_out {
            Pace::Answers
        } else {
            Pace::Rate(self.rate)
        }
    }

    pub(super) fn requests(&self) -> Requests {
        Requests {
            connections: self.connections as usize,
            lines: self.lines as usize,
            spread: self.spread as usize,
            keys: if self.no_keys { Keys::None } else { Keys::Each },
        }
    }
}
