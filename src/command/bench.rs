//! `tailcast bench`: the load that an installation carries, and how long lines take under it.
//!
//! Knows the wire alone, as any client does, and reads what processes of its own machine use.

mod body;
mod continuity;
mod cost;
mod latency;
mod load;
mod place;
mod report;
mod run;
mod schedule;
mod watch;
mod wire;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::builder::RangedU64ValueParser;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::body::SHORTEST_LINE;
use self::cost::Usage;
use self::load::{Load, Sent};
use self::place::Place;
use self::report::{LinesReport, Report, ServerReport, grouped};
use self::run::{Run, Totals};
use self::schedule::Schedule;
use self::watch::Session;
use super::Failure;
use super::connect::{Credentials, Tickets};
use super::show;

/// Lines are sent for so long before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Sessions are left alone for so long before the memory of idle ones is looked at.
const IDLE: Duration = Duration::from_secs(2);

/// Nothing came for so long: what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sessions that are opened at once.
const OPENING: usize = 32;

/// Files that a process needs beside its connections.
const OTHER_FILES: u64 = 32;

/// Beyond the run's time, how long a token is good, in seconds.
const TOKEN_SECONDS: u64 = 900;

/// The longest body of a request that a server takes, in bytes.
const LONGEST_BODY: u64 = 10 * 1024 * 1024;

/// How much, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sessions subscribe to streams of this run alone (bench/RUN/0, bench/RUN/1, …), then lines are sent by the clock: when the \
server is slow they wait, and their latency counts from the time at which they were due. A second of warm-up is not \
counted. The lines stay in the store as all lines do.

With --pid of a server on this machine, its memory and CPU time are shown, too; of several, together. Start it anew \
before, when the memory of an idle session is of interest: what it has once had, it may keep.

Without a token, the data folder's key makes one for each session, with rights on bench/** alone. No TLS: name the \
listeners behind what ends it. Exit codes: 0 when every line came once and in order, 1 when not, 2 when used wrongly.

Examples:
  tailcast bench --sessions 1000 --rate 500
  tailcast bench --sessions 5000 --streams 50 --rate 20000 --lines 100 --seconds 60 --pid $(pidof tailcast)
  tailcast bench --url http://push-1:7440 --url http://push-2:7440 --collect-url http://collect-1:7440 --json
  tailcast bench --sessions 10000 --rate 0 --pid $(pidof tailcast)          what idle sessions need")]
pub(crate) struct Args {
    /// Sessions, each on one stream; they are spread evenly
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000_000))]
    sessions: u64,
    /// Streams; lines are spread evenly
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    streams: u64,
    /// Lines a second, over all streams; 0 sends none
    #[arg(long, value_name = "LINES", default_value_t = 1_000, value_parser = RangedU64ValueParser::<u64>::new().range(..=100_000_000))]
    rate: u64,
    /// Lines a request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100_000))]
    lines: u64,
    /// How long lines are sent
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    seconds: u64,
    /// Bytes of each line, as it is sent, kept and delivered
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = RangedU64ValueParser::<u64>::new().range(SHORTEST_LINE as u64..=200_000))]
    line_bytes: u64,
    /// Connections that send: so many requests are under way at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000))]
    connections: u64,
    /// Where sessions go; can be repeated, for several push nodes
    #[arg(
        long,
        value_name = "URL",
        env = "TAILCAST_URL",
        default_value = "http://127.0.0.1:7440"
    )]
    url: Vec<String>,
    /// Where lines go, when that is elsewhere; can be repeated
    #[arg(long, value_name = "URL")]
    collect_url: Vec<String>,
    /// A server's process on this machine; can be repeated
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    credentials: Credentials,
}

/// Runs it, and prints what came of it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    check(&args)?;
    let tickets = args
        .credentials
        .tickets(args.seconds + TOKEN_SECONDS, "bench/**")?;
    let push = places(&args.url).await?;
    let collect = if args.collect_url.is_empty() {
        push.clone()
    } else {
        places(&args.collect_url).await?
    };
    let report = measure(&args, &tickets, &push, &collect).await?;
    if args.json {
        show::objects(&[&report])?
    } else {
        show::print(&report.to_string())?
    }
    match report.fault() {
        Some(fault) => Err(Failure::Failed(anyhow!(fault))),
        None => Ok(()),
    }
}

/// Refuses what cannot be before anything is begun.
fn check(args: &Args) -> Result<(), Failure> {
    let body = args.lines * (args.line_bytes + 1);
    if body > LONGEST_BODY {
        return Err(Failure::Misused(anyhow!(
            "{} lines of {} bytes are more than the 10 MiB that a request may have: name fewer --lines",
            args.lines,
            args.line_bytes
        )));
    }
    let needed = args.sessions + args.connections + OTHER_FILES;
    match cost::open_files_limit() {
        Some(limit) if needed > limit => Err(Failure::Misused(anyhow!(
            "{} sessions and {} connections need {needed} open files, and this process may have {limit}: raise that \
             with `ulimit -n {needed}`, or start several of this command with fewer --sessions",
            args.sessions,
            args.connections
        ))),
        _ => Ok(()),
    }
}

async fn places(urls: &[String]) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::with_capacity(urls.len());
    for url in urls {
        places.push(Place::find(url).await.map_err(Failure::Misused)?);
    }
    Ok(places)
}

fn usage(pids: &[u32]) -> Result<Usage, Failure> {
    Usage::of_all(pids)
        .map_err(|(pid, error)| Failure::Misused(anyhow!("what process {pid} uses cannot be read: {error}")))
}

/// What was used and counted at one moment.
struct Moment {
    at: Instant,
    server: Usage,
    own: Usage,
    totals: Totals,
}

impl Moment {
    fn now(run: &Run, pids: &[u32]) -> Result<Self, Failure> {
        Ok(Self {
            server: usage(pids)?,
            own: usage(&[std::process::id()])?,
            totals: run.totals(),
            at: Instant::now(),
        })
    }
}

async fn measure(
    args: &Args,
    tickets: &Tickets,
    push: &[Place],
    collect: &[Place],
) -> Result<Report, Failure> {
    let id = Uuid::new_v4().simple().to_string()[..12].to_owned();
    let sizes = [args.streams, args.sessions, args.line_bytes]
        .map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let run = Arc::new(Run::new(id, sizes[0], sizes[1], sizes[2]));
    let before = usage(&args.pid)?;
    say(&format!("opening {} sessions", grouped(args.sessions)));
    let _sessions = open_all(&run, push, tickets).await?;
    sleep(IDLE).await;
    let idle = usage(&args.pid)?;

    let token = tickets.of("bench")?;
    let mut load = Load::new(
        &run,
        collect,
        &token,
        args.connections as usize,
        args.lines as usize,
    )?;
    let schedule = |time| Schedule::new(args.rate, args.lines, time);
    say("warming up");
    load.send(schedule(WARM_UP)).await?;
    run.settle(PATIENCE).await;
    run.latency.clear();

    let begin = Moment::now(&run, &args.pid)?;
    say(&format!("sending for {} s", args.seconds));
    let time = Duration::from_secs(args.seconds);
    let sent = load.send(schedule(time)).await?;
    if args.rate == 0 {
        sleep(time).await;
    }
    run.settle(PATIENCE).await;
    let end = Moment::now(&run, &args.pid)?;
    Ok(report(args, &run, [before, idle], [&begin, &end], sent))
}

/// Opens every session; they follow their streams for as long as the set is kept.
async fn open_all(run: &Arc<Run>, places: &[Place], tickets: &Tickets) -> Result<JoinSet<()>, Failure> {
    let mut opening = JoinSet::new();
    let room = Arc::new(Semaphore::new(OPENING));
    for seat in 0..run.seats.len() {
        // Sessions of one stream are on all nodes.
        let place = places[(seat / run.streams.len() + seat) % places.len()].clone();
        let token = tickets.of(&format!("bench-{seat}"))?;
        let (run, room) = (Arc::clone(run), Arc::clone(&room));
        opening.spawn(async move {
            let _place = room.acquire().await;
            Session::open(run, seat, &place, &token).await
        });
    }
    let mut following = JoinSet::new();
    while let Some(opened) = opening.join_next().await {
        let opened = opened.map_err(anyhow::Error::from)?;
        let session = opened.map_err(|error| {
            let (open, all) = (grouped(following.len() as u64), grouped(run.seats.len() as u64));
            error.context(format!(
                "{open} of {all} sessions could be opened, then one could not"
            ))
        })?;
        following.spawn(session.follow());
    }
    Ok(following)
}

fn report(
    args: &Args,
    run: &Run,
    [before, idle]: [Usage; 2],
    [begin, end]: [&Moment; 2],
    sent: Sent,
) -> Report {
    let totals = end.totals.since(&begin.totals);
    let spent = |from: &Usage, to: &Usage| Usage {
        user: to.user - from.user,
        system: to.system - from.system,
        resident: to.resident,
    };
    let server = spent(&begin.server, &end.server);
    let delivered = totals.delivered as f64;
    Report {
        run: run.id.clone(),
        sessions: args.sessions,
        streams: args.streams,
        rate: args.rate,
        lines_a_request: args.lines,
        line_bytes: args.line_bytes,
        seconds: (end.at - begin.at).as_secs_f64(),
        lines: (args.rate > 0).then(|| LinesReport {
            requests: sent.requests,
            sent: sent.lines,
            unsent: sent.unsent,
            acknowledged: totals.acknowledged,
            unacknowledged: sent.unacknowledged,
            requests_repeated: sent.repeated,
            requests_late: sent.late,
            trouble: sent.trouble,
            expected: totals.expected,
            delivered: totals.delivered,
            lost: totals.lost,
            repeated: totals.repeated,
            out_of_order: totals.out_of_order,
            damaged: totals.damaged,
            // What is not acknowledged may be stored.
            stored_unasked: totals.unaccounted.saturating_sub(sent.unacknowledged),
            latency_ms: run.latency.percentiles(),
            answer_ms: sent.answers,
            lateness_ms: sent.lateness,
            frames: totals.frames,
            lines_a_frame: delivered / (totals.frames.max(1) as f64),
            bytes: totals.bytes,
        }),
        sessions_ended: totals.sessions_ended,
        session_ended: run.seats.iter().find_map(|seat| seat.ended.get().cloned()),
        server: (!args.pid.is_empty()).then(|| ServerReport {
            resident_before: before.resident,
            resident_idle: idle.resident,
            resident_after: end.server.resident,
            kib_per_idle_session: (idle.resident as f64 - before.resident as f64)
                / 1024.0
                / args.sessions as f64,
            cpu_user: server.user,
            cpu_system: server.system,
            cpu_per_million_delivered: (totals.delivered > 0).then(|| server.cpu() / delivered * 1e6),
        }),
        bench: spent(&begin.own, &end.own),
    }
}

/// For somebody who waits.
fn say(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("tailcast: {what}");
    }
}
