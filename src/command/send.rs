//! `tailcast send`: lines from files or standard input to a stream.

mod input;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use client::{Haste, Progress, Report, SendLimits, Sender, Summary};
use lines::{Charset, StreamName};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{Noise, again_in};
use crate::config::units;
use input::{Reading, Rest, Source};

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

A line whose end does not come within 2 s (a prompt, a progress bar) is sent as it is, with the field `_partial`; what comes \
later is a line of its own. Of a line of more than 1 MiB the beginning is sent, and how long it is: the server refuses it, or \
keeps it cut, with the field `_cut`. UTF-16 with its mark is read as such.

A line that is a JSON object is understood (ts, level, message, fields; the usual other spellings, too). Every other line \
is kept as the message, as it is. All of them go to STREAM, whatever a member `stream` says.

Examples:
  tail -F /var/log/nginx/access.log | tailcast send web/access
  my-service 2>&1 | tailcast send my/service --url https://logs.example.org
  tailcast send import/old app.log.2 app.log.1 app.log
  zcat app.log.3.gz | tailcast send import/old - app.log.2")]
pub(crate) struct Args {
    /// The stream, like payments/api
    stream: String,
    /// Files to send, one after the other; `-` is standard input [default: standard input]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the text is in that has no mark: utf-8, utf-16le, utf-16be, iso-8859-1 or windows-1252 [default: utf-8]
    #[arg(long, value_name = "NAME", value_parser = charset)]
    charset: Option<Charset>,
    /// A line whose end has not come for so long is sent as it is, and what comes later is another one
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = units::duration)]
    partial_after: Duration,
    /// Give up when one request was not answered for so long (30s, 10m, …) [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    give_up: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

fn charset(name: &str) -> Result<Charset, String> {
    Charset::named(name).ok_or_else(|| format!("a character set is {}", Charset::OFFERED))
}

/// Sends until the end of the input, and waits for the acknowledgements.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if args.stream != "@me" {
        let hint = || forgotten(&args.stream).unwrap_or_default();
        StreamName::parse(&args.stream).map_err(|error| Failure::Misused(anyhow!("{error}{}", hint())))?;
    }
    let sources = Source::all(&args.files);
    sources.iter().try_for_each(Source::check)?;
    let server = args.connection.server(Need::Write)?;
    if args.files.is_empty() {
        if std::io::stdin().is_terminal() {
            let hint = forgotten(&args.stream).unwrap_or_default();
            eprintln!(
                "tailcast: reading lines for {} from the keyboard, until Ctrl-D{hint}",
                args.stream
            );
        } else if let Some(hint) = forgotten(&args.stream) {
            eprintln!(
                "tailcast: reading lines for {} from standard input{hint}",
                args.stream
            );
        }
    }
    let limits = SendLimits {
        give_up: args.give_up,
        ..SendLimits::default()
    };
    let reading = Reading {
        longest: limits.request_bytes,
        charset: args.charset,
        partial_after: args.partial_after,
    };
    let stops = stops()?;
    let rejects = Arc::new(Rejects::default());
    let mut sender = Sender::start(server, &args.stream, limits, teller(Arc::clone(&rejects)));
    hurry_when_stopped(sender.haste(), sender.progress(), stops.clone());

    let mut asked_twice = stops.clone();
    let mut rest = Rest::default();
    let all = async {
        let read = input::read_all(&sources, reading, &mut sender, &stops, &mut rest).await;
        // What was read before is sent, whatever came then.
        let sent = sender.finish().await.map_err(anyhow::Error::from);
        read.and(sent)
    };
    let ended = tokio::select! {
        ended = all => ended,
        _ = asked_twice.wait_for(|asked| *asked > 1) => {
            Err(anyhow!("stopped before everything was acknowledged"))
        }
    };
    if let Some(bytes) = rest.half {
        let bytes = count(bytes, "byte");
        Noise::default().say(&format!(
            "stopped in the middle of a line, which is not stored (read so far: {bytes})"
        ));
    }
    match ended {
        Ok(summary) => conclude(summary, &sender.stored(), &rejects),
        Err(error) => {
            let mut summary = sender.summary();
            summary.pushed += rest.left;
            summary.unsent += rest.left;
            let outcome = outcome(&summary, &sender.stored(), &rejects);
            Err(Failure::Failed(anyhow!("{error:#}; {outcome}")))
        }
    }
}

/// What somebody is told who perhaps forgot the stream: a file of that name is here.
fn forgotten(stream: &str) -> Option<String> {
    Path::new(stream)
        .is_file()
        .then(|| format!("; the file {stream} is sent with: tailcast send STREAM {stream}"))
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

/// Once somebody asks to stop, what was read has so long: says so where something is not acknowledged.
fn hurry_when_stopped(haste: Haste, progress: Progress, mut stops: watch::Receiver<u32>) {
    tokio::spawn(async move {
        if stops.wait_for(|asked| *asked > 0).await.is_ok() {
            haste.within(STOP_WITHIN);
            let Summary { unknown, unsent, .. } = progress.summary();
            if unknown + unsent > 0 {
                Noise::default().say(&not_acknowledged(unknown + unsent));
            }
        }
    });
}

/// What somebody is told who asks to stop too early.
fn not_acknowledged(lines: u64) -> String {
    let (are, they) = if lines == 1 {
        ("is", "it is")
    } else {
        ("are", "they are")
    };
    let seconds = STOP_WITHIN.as_secs();
    format!(
        "stopping: {} {are} not acknowledged yet; {they} given up within {seconds} s, or at once when told again",
        count(lines, "line")
    )
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
        }
    });
    Ok(counted)
}

/// Says on standard error what goes wrong on the way.
fn teller(rejects: Arc<Rejects>) -> impl Fn(Report) + Send + Sync + 'static {
    let noise = Arc::new(Noise::default());
    let silent = AtomicBool::new(false);
    let undated_told = AtomicBool::new(false);
    let cut_told = AtomicBool::new(false);
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
        // As with times: the first ones at once.
        Report::Cut { lines } => {
            if !cut_told.swap(true, Ordering::Relaxed) {
                let (was, is) = if lines == 1 {
                    ("was", "is")
                } else {
                    ("were", "are")
                };
                let lines = count(lines, "line");
                noise.say(&format!(
                    "{lines} {was} too long, and {is} cut: `_cut` says how many bytes are left out"
                ));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
