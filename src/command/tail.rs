//! `tailcast tail`: follows streams in a terminal.

mod awaited;
mod screen;

use std::io;
use std::os::fd::AsFd;
use std::pin::pin;

use anyhow::anyhow;
use client::{Follow, From, Tail, TailError};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lines::{NameError, Offset, StreamName, Target};
use tokio::io::Interest;
use tokio::net::unix::pipe;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{self, Colour};
use crate::config::units;
use screen::Screen;

/// So many lines from before are shown when nothing else is asked for, as tail(1) does.
const SHOWN_BEFORE: u64 = 10;

/// A number of fewer digits is no Unix time that anybody means: see [`lines::Timestamp::from_unix`].
const UNIX_DIGITS: usize = 9;

/// What, and from where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A pattern has `*` for one segment and `**` for any number of them; quote it for the shell. New streams that it covers are \
shown from their first line. A connection that breaks is made again, and goes on where it was: every line is shown once. \
What is missing is said on standard error, and so is what is waited for and that nothing matches. It ends with Ctrl-C.

Filters: words and \"phrases\" side by side must all be found, `OR`, `-not`, /regex/, level>=warn, field:value, field>5, \
name=value as field or text; 'quote it for the shell'. A text that is pasted is read by the same rules: `-x` leaves lines out, \
and what can be no operator is text. Where it cannot be read, or is read and no line matches, that is said with the filter \
that looks for the same text as it stands, \"in double quotes\", to be pasted.

Colours that lines bring along get through on a terminal, and nothing else that a terminal obeys; what was written over \
(progress) is shown as it stood at last. With --json the bytes are those that are stored.

Examples:
  tailcast tail payments/api
  tailcast tail 'payments/**' web/access --since 10m
  tailcast tail '**' --filter 'level>=warn -healthz' --last 100
  tailcast tail payments/api --from 0 --json | jq .message
  tailcast tail -f -n 100 payments/api
  tailcast tail @me

`tailcast get` prints what was, and ends.")]
pub(crate) struct Args {
    /// Streams, patterns, or @me
    #[arg(required = true, value_name = "STREAM")]
    streams: Vec<String>,
    /// Begin at this offset; of patterns only 0, their first line that is kept
    #[arg(long, value_name = "OFFSET", conflicts_with_all = ["last", "since"])]
    from: Option<u64>,
    /// Begin so many lines before the end of each stream; 0 for new lines only [default: 10]
    #[arg(
        short = 'n',
        long,
        visible_alias = "lines",
        value_name = "N",
        value_parser = last_lines,
        conflicts_with = "since"
    )]
    last: Option<u64>,
    /// Begin at a time (2026-01-31T12:00:00Z, without Z in local time, or Unix time), or so long ago (30s, 10m, 1h30m, 2d)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show only lines that match
    #[arg(long, allow_hyphen_values = true)]
    filter: Option<String>,
    /// One JSON object per line, with `stream` and `offset`
    #[arg(long)]
    json: bool,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// When there are colours
    #[arg(long, alias = "colour", value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
    /// Follow, which it does anyway: for the habit of tail(1)
    #[arg(short = 'f', long, short_alias = 'F', hide = true)]
    follow: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Shows lines until the connection is closed for good or nobody reads any more.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let from = begin(&args).map_err(Failure::Misused)?;
    let server = args.connection.server(Need::Read)?;
    let mut follow = Follow::new(args.streams.iter().cloned(), from);
    follow.filter.clone_from(&args.filter);
    let mut screen = Screen::new(&args, server.clone());
    let mut tail = Tail::follow(server, follow);
    let mut unread = pin!(nobody_reads());
    loop {
        let event = tokio::select! {
            event = tail.next() => event,
            () = &mut unread => return Ok(()),
        };
        let Some(event) = event else {
            return Ok(());
        };
        let event = event.map_err(|error| refused(&error, args.filter.as_deref()))?;
        match screen.show(event) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Failure::Failed(anyhow!(
                    "standard output cannot be written: {error}"
                )));
            }
        }
    }
}

/// Waits until the other end of a pipe is closed: `tailcast tail … | head` is done when head is, and not when the next
/// line comes. For a terminal or a file it waits for ever.
async fn nobody_reads() {
    let output = io::stdout().as_fd().try_clone_to_owned();
    // Nothing is written through it, so that it need not be non-blocking.
    if let Ok(pipe) = output.and_then(pipe::Sender::from_owned_fd_unchecked)
        && let Ok(ready) = pipe.ready(Interest::ERROR).await
        && ready.is_error()
    {
        return;
    }
    std::future::pending().await
}

/// With what looks for the text itself, where it cannot be read as a filter.
fn refused(error: &TailError, filter: Option<&str>) -> anyhow::Error {
    match (error, filter) {
        (TailError::Subscription { code, .. }, Some(filter)) if code == "bad_filter" => {
            anyhow!("{error}{}", show::as_text(filter))
        }
        _ => anyhow!("{error}"),
    }
}

/// How many lines from the end.
pub(super) fn last_lines(text: &str) -> Result<u64, String> {
    if let Some(Ok(line)) = text.strip_prefix('+').map(str::parse::<u64>) {
        let offset = line.saturating_sub(1);
        return Err(format!(
            "that counts from the beginning elsewhere; here --from says where to begin, and line {line} is --from {offset}"
        ));
    }
    text.parse().map_err(|_| "it is no whole number".to_owned())
}

fn begin(args: &Args) -> anyhow::Result<From> {
    for stream in args.streams.iter().filter(|stream| *stream != "@me") {
        Target::parse(stream)?;
    }
    if let Some(offset) = args.from {
        return from_offset(&args.streams, offset);
    }
    if let Some(since) = &args.since {
        let zone = if args.utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        return Ok(From::Since(
            named_time("--since", since, Timestamp::now(), zone)?.to_string(),
        ));
    }
    Ok(match args.last.unwrap_or(SHOWN_BEFORE) {
        0 => From::Live,
        count => From::Last(count),
    })
}

fn from_offset(streams: &[String], offset: u64) -> anyhow::Result<From> {
    if offset == 0 {
        return Ok(From::beginning());
    }
    if let Some(several) = streams.iter().find(|name| name.contains('*') || *name == "@me") {
        return Err(anyhow!(
            "--from {offset} needs streams by their own names, and {several:?} is none; --from 0, --last and --since \
             work with it"
        ));
    }
    let cursors = streams
        .iter()
        .map(|name| Ok((StreamName::parse(name)?, Offset(offset))));
    let cursors = cursors.collect::<Result<_, NameError>>()?;
    Ok(From::Cursors { cursors, epoch: None })
}

/// The time that `--since` or the like names.
pub(super) fn named_time(
    flag: &str,
    text: &str,
    now: Timestamp,
    zone: TimeZone,
) -> anyhow::Result<Timestamp> {
    if let Ok(ago) = units::duration(text) {
        let long_ago = || anyhow!("{text} ago is before all time");
        return now.checked_sub(ago).map_err(|_| long_ago());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let wanted = || {
        anyhow!(
            "{flag} {text:?} is neither a time like 2026-01-31T12:00:00Z, nor Unix time, nor a duration like 10m"
        )
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() < UNIX_DIGITS {
        return Err(anyhow!(
            "{flag} {text}: a number is Unix time from 100000000 (in 1973) on; so long ago is {text}s, {text}m, {text}h or \
             {text}d, and from the first line on --from 0"
        ));
    }
    if let Some(time) = lines::Timestamp::from_unix(text) {
        return Timestamp::from_nanosecond(time.nanos().into()).map_err(|_| wanted());
    }
    let local: DateTime = text.parse().map_err(|_| wanted())?;
    Ok(local.to_zoned(zone).map_err(|_| wanted())?.timestamp())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn since_is_a_time_or_a_while_ago() {
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let cases = [
            ("10m", "2026-01-09T23:50:00Z"),
            ("1h30m", "2026-01-09T22:30:00Z"),
            ("2d", "2026-01-08T00:00:00Z"),
            ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
            ("2026-01-01T12:00:00.5+02:00", "2026-01-01T10:00:00.5Z"),
            ("2026-01-01T12:00", "2026-01-01T11:00:00Z"),
            ("2026-01-01", "2025-12-31T23:00:00Z"),
            ("1767323045", "2026-01-02T03:04:05Z"),
            ("1767323045.25", "2026-01-02T03:04:05.25Z"),
            ("1767323045123", "2026-01-02T03:04:05.123Z"),
        ];
        for (text, expected) in cases {
            let time = named_time("--since", text, now, zone.clone()).unwrap();
            assert_eq!(time.to_string(), expected, "{text}");
        }
        for (bad, told) in [
            ("yesterday", "--until \"yesterday\" is neither a time"),
            (
                "0",
                "--until 0: a number is Unix time from 100000000 (in 1973) on; so long ago is 0s",
            ),
            (
                "5",
                "so long ago is 5s, 5m, 5h or 5d, and from the first line on --from 0",
            ),
            ("12345678", "--until 12345678: a number is Unix time from"),
            ("", "--until \"\" is neither"),
            ("99999999999d", "is before all time"),
        ] {
            let error = named_time("--until", bad, now, zone.clone())
                .unwrap_err()
                .to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(named_time("--since", "100000000", now, zone).is_ok());
    }

    #[test]
    fn an_offset_belongs_to_a_stream_and_not_to_a_pattern() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(from_offset(&names(&["a/**"]), 0).unwrap(), From::beginning());
        let cursors = BTreeMap::from([(StreamName::parse("a").unwrap(), Offset(5))]);
        assert_eq!(
            from_offset(&names(&["a"]), 5).unwrap(),
            From::Cursors { cursors, epoch: None }
        );
        for several in ["a/**", "@me"] {
            let error = from_offset(&names(&["a", several]), 5).unwrap_err().to_string();
            assert!(error.contains(several), "{error}");
        }
    }
}
