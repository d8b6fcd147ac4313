//! `tailcast get`: prints what is stored of a stream, and ends.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::anyhow;
use client::{AskError, Past, Question, Server, StreamName};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lines::{Offset, Target};

use super::Failure;
use super::connect::{Connection, Need};
use super::near::{known, meant, near};
use super::show::{self, Colour, Noise, Style, grouped};
use super::tail::{last_lines, named_time};

/// Which lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Everything that is kept when nothing else is asked for, up to what is there when it begins: `tailcast tail` goes on from \
there. Times are asked of each line, which need not be in their order. What is missing and that nothing matches is said on \
standard error.

Examples:
  tailcast get payments/api --last 1000
  tailcast get payments/api --since 2h --filter 'level>=warn'
  tailcast get payments/api --since 2h --until 1h
  tailcast get payments/api --from 0 --json > payments.ndjson")]
pub(crate) struct Args {
    /// The stream, or @me
    stream: String,
    /// From this offset on
    #[arg(long, value_name = "OFFSET")]
    from: Option<u64>,
    /// Up to this offset, which is not shown
    #[arg(long, value_name = "OFFSET")]
    to: Option<u64>,
    /// Lines with this time (2026-01-31T12:00:00Z, without Z in local time, or Unix time), or so long ago (10m), or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Lines with an earlier time than this, written alike
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of all these, the last so many
    #[arg(short = 'n', long, visible_alias = "lines", value_name = "N", value_parser = last_lines)]
    last: Option<u64>,
    /// Only lines that match, as in `tailcast tail`
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
    #[command(flatten)]
    connection: Connection,
}

/// Prints lines until all are there or nobody reads any more.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let question = question(&args).map_err(Failure::Misused)?;
    let server = args.connection.server(Need::Read)?;
    let name = question.name();
    let mut history = server.history(question);
    let mut screen = Screen::new(&args, name);
    loop {
        let past = match history.next().await {
            Ok(Some(past)) => past,
            Ok(None) => break,
            Err(error) => return Err(Failure::Failed(refused(error, &args, &server).await)),
        };
        match screen.show(&past) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(unwritable(&error)),
        }
    }
    match screen.out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(unwritable(&error)),
        _ => {}
    }
    if screen.shown == 0 {
        let said = if args.filter.is_some() && history.looked_through() > 0 {
            show::no_match(history.looked_through(), history.reading())
        } else {
            nothing(&args, history.end().unwrap_or_default())
        };
        Noise::default().say(&said);
    }
    Ok(())
}

/// Why there is no line, where the stream ends at `end`.
fn nothing(args: &Args, end: Offset) -> String {
    let stream = &args.stream;
    match (args.from, args.to) {
        _ if end == Offset(0) => format!("{stream} has no line yet"),
        (Some(from), _) if Offset(from) >= end => format!("{stream} has no line from {from} on yet"),
        _ if args.last == Some(0) => "the last 0 lines are none".to_owned(),
        _ if args.since.is_some() || args.until.is_some() => format!(
            "no line of {stream} that is kept has such a time (the next one will be {})",
            grouped(end.0)
        ),
        _ => format!(
            "no such line of {stream} is kept any more (the next one will be {})",
            grouped(end.0)
        ),
    }
}

/// With what helps: the names that are near one that is not there, and what looks for a text that is no filter.
async fn refused(error: AskError, args: &Args, server: &Server) -> anyhow::Error {
    let AskError::Refused(problem) = &error else {
        return error.into();
    };
    let helps = match &args.filter {
        Some(filter) if problem.parameter.as_deref() == Some("filter") => show::as_text(filter),
        _ if problem.is("stream_not_found") => {
            let known = known(server).await;
            let meant = meant(&near(&args.stream, &known));
            meant.map_or_else(String::new, |meant| format!("; {meant}"))
        }
        _ => String::new(),
    };
    anyhow!("{error}{helps}")
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::Failed(anyhow!("standard output cannot be written: {error}"))
}

fn question(args: &Args) -> anyhow::Result<Question> {
    if args.stream != "@me"
        && let Target::Pattern(_) = Target::parse(&args.stream)?
    {
        return Err(anyhow!(
            "{} is a pattern, and get prints one stream: name it",
            args.stream
        ));
    }
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(anyhow!(
            "there is nothing from {from} up to {to}: --to is the first offset that is not shown, and greater than --from"
        ));
    }
    let (now, zone) = (Timestamp::now(), zone(args.utc));
    let time = |flag: &str, text: &Option<String>| {
        let time = text
            .as_ref()
            .map(|text| named_time(flag, text, now, zone.clone()));
        time.transpose()
    };
    let (since, until) = (time("--since", &args.since)?, time("--until", &args.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(anyhow!(
            "no time is from {since} on and before {until}: --until is later than --since"
        ));
    }
    Ok(Question {
        from: args.from.map(Offset),
        to: args.to.map(Offset),
        since: since.map(|time| time.to_string()),
        until: until.map(|time| time.to_string()),
        last: args.last,
        filter: args.filter.clone(),
        ..Question::all(&args.stream)
    })
}

fn zone(utc: bool) -> TimeZone {
    if utc { TimeZone::UTC } else { TimeZone::system() }
}

struct Screen {
    out: BufWriter<io::Stdout>,
    style: Style,
    json: bool,
    terminal: bool,
    /// As it is shown: `@me` under that name.
    stream: String,
    shown: u64,
}

impl Screen {
    fn new(args: &Args, name: Option<StreamName>) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            out: BufWriter::new(io::stdout()),
            style: Style {
                colour: args.color.is_wanted(terminal),
                stream: false,
                zone: zone(args.utc),
            },
            json: args.json,
            terminal,
            stream: name.map_or_else(|| args.stream.clone(), |name| name.to_string()),
            shown: 0,
        }
    }

    fn show(&mut self, past: &Past) -> io::Result<()> {
        match past {
            Past::Line(line) => {
                self.shown += 1;
                let text = if self.json {
                    show::json(&self.stream, line, self.terminal)
                } else {
                    self.style.line(&self.stream, line)
                };
                writeln!(self.out, "{text}")
            }
            Past::Damaged(hole) => {
                // What stands before it is shown before it.
                self.out.flush()?;
                let damaged = client::GapReason::Damaged;
                let said = show::missing(&self.stream, hole.start, hole.end, &damaged);
                Noise::default().say(&said);
                Ok(())
            }
        }
    }
}
