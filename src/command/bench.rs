//! `tailcast bench`: the load that an installation carries, and how long lines take under it.
//!
//! Knows the wire alone, as any client does, and reads what processes of its own machine use.

mod args;
mod body;
mod continuity;
mod cost;
mod exchange;
mod follow;
mod latency;
mod load;
mod place;
mod report;
mod run;
mod schedule;
mod sender;
mod watch;
mod wire;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) use self::args::Args;
use self::cost::Usage;
use self::follow::By;
use self::load::{Load, Sent};
use self::place::Place;
use self::report::{LinesReport, Report, ServerReport, Sessions, grouped};
use self::run::{Run, Totals};
use self::schedule::{Pace, Schedule};
use self::watch::Session;
use super::Failure;
use super::connect::Tickets;
use super::show;

/// Lines are sent for so long before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Sessions are left alone for so long before the memory of idle ones is looked at.
const IDLE: Duration = Duration::from_secs(2);

/// Nothing came for so long: what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sessions that are opened at once.
const OPENING: usize = 32;

/// Beyond the run's time, how long a token is good, in seconds.
const TOKEN_SECONDS: u64 = 900;

/// Runs it, and prints what came of it.
pub(crate) async fn run(mut args: Args) -> Result<(), Failure> {
    args.check()?;
    let tickets = args
        .credentials
        .tickets(args.seconds + TOKEN_SECONDS, "bench/**")?;
    let push = places(&args.url).await?;
    let collect = if args.collect_url.is_empty() {
        push.clone()
    } else {
        places(&args.collect_url).await?
    };
    args.pid = cost::servers(&args.pid);
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
    let [sessions, line_bytes] =
        [args.sessions, args.line_bytes].map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let run = Arc::new(Run::new(id.clone(), args.plan(&id), sessions, line_bytes));
    let token = tickets.of("bench")?;
    if run.plan.by == By::Pattern {
        say(&format!("making {} streams", grouped(args.streams)));
        Load::begin(&run, collect, &token).await?;
    }
    let before = usage(&args.pid)?;
    say(&format!("opening {} sessions", grouped(args.sessions)));
    let _sessions = open_all(&run, push, tickets).await?;
    sleep(IDLE).await;
    let idle = usage(&args.pid)?;

    let mut load = Load::new(&run, collect, &token, args.requests())?;
    let schedule = |time| Schedule::new(args.pace(), args.lines, time);
    say("warming up");
    load.send(schedule(WARM_UP)).await?;
    run.settle(PATIENCE).await;
    run.latency.clear();

    let begin = Moment::now(&run, &args.pid)?;
    say(&format!("sending for {} s", args.seconds));
    let time = Duration::from_secs(args.seconds);
    let sent = load.send(schedule(time)).await?;
    if args.pace() == Pace::Rate(0) {
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
    let seconds = (end.at - begin.at).as_secs_f64();
    let server = end.server.since(&begin.server);
    let delivered = totals.delivered as f64;
    let a_million = |lines: u64| (lines > 0).then(|| server.cpu() / lines as f64 * 1e6);
    Report {
        run: run.id.clone(),
        sessions: Sessions::of(args.sessions, &run.plan),
        rate: match args.pace() {
            Pace::Rate(rate) => Some(rate),
            Pace::Answers => None,
        },
        lines_a_request: args.lines,
        line_bytes: args.line_bytes,
        seconds,
        lines: (args.pace() != Pace::Rate(0)).then(|| LinesReport {
            requests: sent.requests,
            sent: sent.lines,
            unsent: sent.unsent,
            acknowledged: totals.acknowledged,
            acknowledged_a_second: totals.acknowledged as f64 / seconds,
            acknowledged_in_all: end.totals.acknowledged,
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
            acknowledged_twice: totals.acknowledged_twice,
            latency_ms: run.latency.percentiles(),
            answer_ms: sent.answers,
            lateness_ms: sent.lateness,
            frames: totals.frames,
            lines_a_frame: delivered / (totals.frames.max(1) as f64),
            bytes: totals.bytes,
        }),
        pings: totals.pings,
        sessions_ended: totals.sessions_ended,
        session_ended: run.seats.iter().find_map(|seat| seat.ended.get().cloned()),
        server: (!args.pid.is_empty()).then(|| ServerReport {
            resident_before: before.resident,
            resident_idle: idle.resident,
            resident_after: end.server.resident,
            kib_per_idle_session: (args.sessions > 0)
                .then(|| (idle.resident as f64 - before.resident as f64) / 1024.0 / args.sessions as f64),
            cpu_user: server.user,
            cpu_system: server.system,
            cpu_per_million_delivered: a_million(totals.delivered),
            cpu_per_million_acknowledged: a_million(totals.acknowledged),
            written: server.written,
            written_per_line: server
                .written
                .filter(|_| totals.acknowledged > 0)
                .map(|bytes| bytes as f64 / totals.acknowledged as f64),
        }),
        bench: end.own.since(&begin.own),
    }
}

/// For somebody who waits.
fn say(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("tailcast: {what}");
    }
}
