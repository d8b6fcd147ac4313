//! `tailcast send`: lines from standard input to a stream.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use client::{Haste, Report, SendLimits, Sender, Summary};
use lines::StreamName;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{Noise, again_in};
use crate::config::units;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// So long may it take to send what was read, once somebody asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// So many rejected lines are told one by one; a wrong stream's million is not.
const REJECTS_TOLD: u64 = 20;

/// Where to, and for how long.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line leaves at once; lines that come faster than the server answers leave in batches. Each is stored once: what is not \
acknowledged is sent again, under the same key. It ends with exit code 0 when everything is acknowledged, and with 1 when \
lines were rejected or it had to give up; then it says how many lines are stored and how many are not. Ctrl-C and SIGTERM \
stop reading: whole lines that were read are still sent, within 10 s, unless the server is away; twice, it ends at once.

A line that is a JSON object is understood (ts, level, message, fields; the usual other spellings, too). Every other line \
is kept as the message, as it is. All of them go to STREAM, whatever a member `stream` says.

Examples:
  tail -F /var/log/nginx/access.log | tailcast send web/access
  my-service 2>&1 | tailcast send my/service --url https://logs.example.org
  tailcast send import/old < old.log")]
pub(crate) struct Args {
    /// The stream, like payments/api
    stream: String,
    /// Give up when one request was not answered for so long (30s, 10m, …) [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    give_up: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

/// Sends until the end of the input, and waits for the acknowledgements.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if args.stream != "@me" {
        StreamName::parse(&args.stream).map_err(|error| Failure::Misused(error.into()))?;
    }
    let server = args.connection.server(Need::Write)?;
    let limits = SendLimits {
        give_up: args.give_up,
        ..SendLimits::default()
    };
    let longest = limits.request_bytes;
    let stops = stops()?;
    let rejects = Arc::new(Rejects::default());
    let mut sender = Sender::start(server, &args.stream, limits, teller(Arc::clone(&rejects)));
    hurry_when_stopped(sender.haste(), stops.clone());

    let mut asked_twice = stops.clone();
    let mut read = Read::default();
    let all = async {
        let input = &mut tokio::io::stdin();
        read_lines(input, &mut sender, longest, stops, &mut read).await?;
        sender.finish().await.map_err(anyhow::Error::from)
    };
    let ended = tokio::select! {
        ended = all => ended,
        _ = asked_twice.wait_for(|asked| *asked > 1) => {
            Err(anyhow!("stopped before everything was acknowledged"))
        }
    };
    if let Some(bytes) = read.half {
        let bytes = count(bytes as u64, "byte");
        Noise::default().say(&format!(
            "stopped in the middle of a line, which is not stored (read so far: {bytes})"
        ));
    }
    match ended {
        Ok(summary) => conclude(summary, &sender.stored(), &rejects),
        Err(error) => {
            let mut summary = sender.summary();
            summary.pushed += read.left;
            summary.unsent += read.left;
            let outcome = outcome(&summary, &sender.stored(), &rejects);
            Err(Failure::Failed(anyhow!("{error:#}; {outcome}")))
        }
    }
}

fn conclude(summary: Summary, streams: &Stored, rejects: &Rejects) -> Result<(), Failure> {
    if summary.rejected > 0 {
        return Err(Failure::Failed(anyhow!(
            "{}",
            outcome(&summary, streams, rejects)
        )));
    }
    if summary.undated > 0 {
        Noise::default().say(&undated(summary.undated));
    }
    if std::io::stderr().is_terminal() {
        let lines = count(summary.accepted, "line");
        eprintln!("tailcast: {lines} stored{}", places(streams));
    }
    Ok(())
}

/// How many lines each stream has got, as the answers say.
type Stored = BTreeMap<String, u64>;

/// So many streams are named.
const STREAMS_TOLD: usize = 5;

/// Where lines are stored: ` in a/b`, ` in 2 streams: 3 in a, 1 in b`, or nothing where nothing is stored.
fn places(streams: &Stored) -> String {
    let mut names = streams.iter();
    match (names.next(), names.len()) {
        (None, _) => String::new(),
        (Some((only, _)), 0) => format!(" in {only}"),
        _ => {
            let told = streams.iter().take(STREAMS_TOLD);
            let mut told: Vec<_> = told.map(|(name, lines)| format!("{lines} in {name}")).collect();
            match streams.len().saturating_sub(STREAMS_TOLD) {
                0 => {}
                more => told.push(format!("the others in {}", count(more as u64, "more stream"))),
            }
            format!(
                " in {}: {}",
                count(streams.len() as u64, "stream"),
                told.join(", ")
            )
        }
    }
}

/// What became of everything, from the answers: `of 5 lines, 2 are stored in a/b, 1 was rejected (1 forbidden), 2 are not
/// stored`.
fn outcome(summary: &Summary, streams: &Stored, rejects: &Rejects) -> String {
    let are = |count: u64| if count == 1 { "is" } else { "are" };
    let were = |count: u64| if count == 1 { "was" } else { "were" };
    let Summary {
        pushed,
        accepted,
        undated: _,
        rejected,
        unknown,
        unsent,
    } = *summary;
    let mut parts = vec![format!("{accepted} {} stored{}", are(accepted), places(streams))];
    if rejected > 0 {
        parts.push(format!(
            "{rejected} {} rejected ({})",
            were(rejected),
            rejects.by_code()
        ));
    }
    if unknown > 0 {
        parts.push(format!("{unknown} may be stored or not"));
    }
    if unsent > 0 {
        parts.push(format!("{unsent} {} not stored", are(unsent)));
    }
    format!("of {}, {}", count(pushed, "line"), parts.join(", "))
}

/// What became of lines whose times were not understood.
fn undated(lines: u64) -> String {
    let have = if lines == 1 { "has" } else { "have" };
    let lines = count(lines, "line");
    format!("{lines} {have} the time of arrival, for the time that was told is not understood")
}

/// The number with its noun: `1 line`, `2 lines`.
fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Rejected lines, by their code.
#[derive(Debug, Default)]
struct Rejects(Mutex<BTreeMap<String, u64>>);

impl Rejects {
    /// Counts them, and says how many there were before.
    fn add(&self, code: &str, lines: u64) -> u64 {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = codes.values().sum();
        *codes.entry(code.to_owned()).or_default() += lines;
        before
    }

    fn by_code(&self) -> String {
        let codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = codes.iter().map(|(code, lines)| format!("{lines} {code}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Once somebody asks to stop, what was read has so long.
fn hurry_when_stopped(haste: Haste, mut stops: watch::Receiver<u32>) {
    tokio::spawn(async move {
        if stops.wait_for(|asked| *asked > 0).await.is_ok() {
            haste.within(STOP_WITHIN);
        }
    });
}

/// How often somebody asked to stop.
fn stops() -> anyhow::Result<watch::Receiver<u32>> {
    let listening = "signals cannot be listened to";
    let mut interrupt = signal(SignalKind::interrupt()).context(listening)?;
    let mut terminate = signal(SignalKind::terminate()).context(listening)?;
    let (count, counted) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            count.send_modify(|asked| *asked += 1);
            if *count.borrow() == 1 && std::io::stderr().is_terminal() {
                eprintln!("tailcast: finishing what was read; once more to end at once");
            }
        }
    });
    Ok(counted)
}

/// Says on standard error what goes wrong on the way.
fn teller(rejects: Arc<Rejects>) -> impl Fn(Report) + Send + Sync + 'static {
    let noise = Arc::new(Noise::default());
    let silent = AtomicBool::new(false);
    let undated_told = AtomicBool::new(false);
    move |report| match report {
        Report::Rejected(reject) => match rejects.add(&reject.code, 1) {
            told if told < REJECTS_TOLD => noise.say(&format!(
                "line {} was rejected: {} ({})",
                reject.line, reject.error, reject.code
            )),
            _ => more_rejects(&noise, &silent),
        },
        Report::RejectedMore { lines, code } => {
            rejects.add(&code, lines);
            more_rejects(&noise, &silent);
        }
        // The first ones at once, since the end may be far, and all of them there.
        Report::Undated { lines } => {
            if !undated_told.swap(true, Ordering::Relaxed) {
                noise.say(&format!("{}; more of them are counted", undated(lines)));
            }
        }
        Report::Retrying { after, why } => noise.trouble(&why, &again_in(after)),
        Report::Recovered => noise.over("sending again"),
    }
}

fn more_rejects(noise: &Noise, silent: &AtomicBool) {
    if !silent.swap(true, Ordering::Relaxed) {
        noise.say("more lines were rejected; they are counted");
    }
}

/// What was read and not pushed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    /// Whole lines, which the sender took no more.
    left: u64,
    /// The bytes of a line that was begun when somebody asked to stop.
    half: Option<usize>,
}

/// Pushes lines until the input ends, the sender stops, or somebody asks to stop; `rest` is what then was not pushed. A line
/// needs no end at the end of the input, and is none where it was cut by a stop. `longest` bounds the memory: what is
/// beyond it of a line is left out, and the sender rejects what is so long.
async fn read_lines(
    input: &mut (impl AsyncRead + Unpin),
    sender: &mut Sender,
    longest: usize,
    mut stops: watch::Receiver<u32>,
    rest: &mut Read,
) -> anyhow::Result<()> {
    let mut chunk = vec![0; READ_BYTES];
    let mut partial: Vec<u8> = Vec::new();
    loop {
        let read = tokio::select! {
            biased;
            _ = stops.wait_for(|asked| *asked > 0) => {
                rest.half = Some(partial.len()).filter(|&bytes| bytes > 0);
                return Ok(());
            }
            () = sender.stopped() => return Ok(()),
            read = input.read(&mut chunk) => read.context("standard input cannot be read")?,
        };
        if read == 0 {
            break;
        }
        // Counted before they are pushed: whoever asks twice to stop asks while a push waits.
        rest.left = chunk[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
        for piece in chunk[..read].split_inclusive(|&byte| byte == b'\n') {
            let (piece, ended) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                _ => (piece, false),
            };
            let room = longest.saturating_sub(partial.len());
            partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if ended {
                if sender.push(&partial).await.is_err() {
                    return Ok(());
                }
                rest.left -= 1;
                partial.clear();
            }
        }
    }
    if !partial.is_empty() && sender.push(&partial).await.is_err() {
        rest.left = 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::Router;
    use client::{FixedToken, Server};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// What arrives at a server when `chunks` stand in the input, one after another, and what is told of it.
    async fn arrived(chunks: &[&[u8]], longest: usize) -> (String, Summary) {
        let bodies: Arc<Mutex<String>> = Arc::default();
        let seen = Arc::clone(&bodies);
        let keep = move |body: String| {
            let lines = body.lines().filter(|line| !line.is_empty()).count();
            seen.lock().unwrap().push_str(&body);
            std::future::ready(format!("{{\"accepted\":{lines}}}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(keep);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let server = Server::new(&url, Arc::new(FixedToken("token".into()))).unwrap();
        let limits = SendLimits {
            request_bytes: longest,
            ..SendLimits::default()
        };
        let mut sender = Sender::start(server, "my/app", limits, |_| {});
        let (mut input, mut output) = tokio::io::duplex(4);
        let (_stop, stops) = watch::channel(0);
        let write = async {
            for chunk in chunks {
                input.write_all(chunk).await.unwrap();
            }
            drop(input);
        };
        let mut rest = Read::default();
        let read = read_lines(&mut output, &mut sender, longest, stops, &mut rest);
        let ((), read) = tokio::join!(write, read);
        read.unwrap();
        let summary = sender.finish().await.unwrap();
        let bodies = bodies.lock().unwrap().clone();
        (bodies, summary)
    }

    #[tokio::test]
    async fn lines_arrive_as_they_are_however_they_are_cut_and_the_last_needs_no_end() {
        let (bodies, summary) = arrived(&[b"one\nt", b"wo\n\n", b"{\"a\":1}\r\nlast"], 1000).await;
        assert_eq!(bodies, "one\ntwo\n\n{\"a\":1}\r\nlast\n");
        assert_eq!((summary.pushed, summary.accepted, summary.rejected), (5, 4, 0));
    }

    #[tokio::test]
    async fn a_line_without_an_end_takes_no_more_memory_than_a_request_and_is_rejected() {
        let endless = [b'x'; 5000];
        let (bodies, summary) = arrived(&[b"one\n", &endless, b"\ntwo\n"], 100).await;
        assert_eq!(bodies.replace("\n\n", "\n"), "one\ntwo\n");
        assert_eq!((summary.pushed, summary.accepted, summary.rejected), (3, 2, 1));
    }

    #[test]
    fn the_outcome_is_told_in_right_numbers_of_one_and_many() {
        let rejects = Rejects::default();
        rejects.add("forbidden", 1);
        let one = Summary {
            pushed: 1,
            rejected: 1,
            ..Summary::default()
        };
        assert_eq!(
            outcome(&one, &Stored::new(), &rejects),
            "of 1 line, 0 are stored, 1 was rejected (1 forbidden)"
        );
        rejects.add("line_too_long", 2);
        let many = Summary {
            pushed: 9,
            accepted: 1,
            undated: 0,
            rejected: 3,
            unknown: 2,
            unsent: 1,
        };
        assert_eq!(
            outcome(&many, &stored(1), &rejects),
            "of 9 lines, 1 is stored in a/0, 3 were rejected (1 forbidden, 2 line_too_long), 2 may be stored or not, 1 \
             is not stored"
        );
    }

    #[test]
    fn times_that_were_not_understood_are_told_in_right_numbers_of_one_and_many() {
        for (lines, begins) in [(1, "1 line has the time"), (2, "2 lines have the time")] {
            assert!(undated(lines).starts_with(begins), "{}", undated(lines));
        }
    }

    /// So many streams, the first with one line, the next with two.
    fn stored(streams: u64) -> Stored {
        (0..streams)
            .map(|number| (format!("a/{number}"), 1 + number))
            .collect()
    }

    #[test]
    fn the_streams_are_told_that_the_answers_name() {
        for (streams, told) in [
            (0, ""),
            (1, " in a/0"),
            (2, " in 2 streams: 1 in a/0, 2 in a/1"),
            (
                7,
                " in 7 streams: 1 in a/0, 2 in a/1, 3 in a/2, 4 in a/3, 5 in a/4, the others in 2 more streams",
            ),
        ] {
            assert_eq!(places(&stored(streams)), told);
        }
    }

    #[tokio::test]
    async fn an_empty_input_is_no_failure() {
        let (bodies, summary) = arrived(&[], 100).await;
        assert_eq!((bodies.as_str(), summary), ("", Summary::default()));
    }
}
