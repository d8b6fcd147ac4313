//! `tailcast send`: lines from standard input to a stream.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use auth::StreamName;
use client::{Report, SendLimits, Sender, Summary};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{Noise, again_in};
use crate::config::units;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// So many rejected lines are told one by one; a wrong stream's million is not.
const REJECTS_TOLD: u64 = 20;

/// Where to, and for how long.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line leaves at once; lines that come faster than the server answers leave in batches. Each is stored once: what is not \
acknowledged is sent again, under the same key. It ends with exit code 0 when everything is acknowledged, and with 1 when \
lines were rejected or it had to give up. Ctrl-C stops reading and finishes what was read; twice, it ends at once.

A line that is a JSON object is understood (ts, level, message, fields; the usual other spellings, too); its `stream` \
goes before STREAM. Every other line is kept as the message, as it is.

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
    let mut stops = stops()?;
    let mut sender = Sender::start(server, &args.stream, limits, teller());

    let mut asked_twice = stops.clone();
    let all = async {
        read_lines(&mut tokio::io::stdin(), &mut sender, longest, &mut stops).await?;
        sender.finish().await.map_err(anyhow::Error::from)
    };
    let summary = tokio::select! {
        ended = all => ended?,
        _ = asked_twice.wait_for(|asked| *asked > 1) => {
            return Err(Failure::Failed(anyhow!("stopped before everything was acknowledged")));
        }
    };
    conclude(&args.stream, summary)
}

fn conclude(stream: &str, summary: Summary) -> Result<(), Failure> {
    let Summary {
        pushed,
        accepted,
        rejected,
    } = summary;
    if rejected > 0 {
        return Err(Failure::Failed(anyhow!(
            "{rejected} of {pushed} lines were rejected; the other {accepted} are stored"
        )));
    }
    if std::io::stderr().is_terminal() {
        eprintln!("tailcast: {accepted} lines stored in {stream}");
    }
    Ok(())
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
fn teller() -> impl Fn(Report) + Send + Sync + 'static {
    let noise = Arc::new(Noise::default());
    let rejects = AtomicU64::new(0);
    move |report| match report {
        Report::Rejected(reject) => match rejects.fetch_add(1, Ordering::Relaxed) {
            told if told < REJECTS_TOLD => noise.say(&format!(
                "line {} was rejected: {} ({})",
                reject.line, reject.error, reject.code
            )),
            REJECTS_TOLD => noise.say("more lines were rejected; they are counted"),
            _ => {}
        },
        Report::RejectedMore { lines, code } => {
            rejects.fetch_add(lines, Ordering::Relaxed);
            noise.say(&format!("{lines} more lines were rejected ({code})"));
        }
        Report::Retrying { after, why } => noise.trouble(&why, &again_in(after)),
        Report::Recovered => noise.over("sending again"),
    }
}

/// Pushes lines until the input ends, the sender stops, or somebody asks to stop. `longest` bounds the memory: what is
/// beyond it of a line is left out, and the sender rejects what is so long.
async fn read_lines(
    input: &mut (impl AsyncRead + Unpin),
    sender: &mut Sender,
    longest: usize,
    stops: &mut watch::Receiver<u32>,
) -> anyhow::Result<()> {
    let mut chunk = vec![0; READ_BYTES];
    let mut partial: Vec<u8> = Vec::new();
    loop {
        let read = tokio::select! {
            biased;
            _ = stops.wait_for(|asked| *asked > 0) => break,
            () = sender.stopped() => return Ok(()),
            read = input.read(&mut chunk) => read.context("standard input cannot be read")?,
        };
        if read == 0 {
            break;
        }
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
                partial.clear();
            }
        }
    }
    if !partial.is_empty() {
        // A sender that has stopped says so itself.
        let _ = sender.push(&partial).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

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
        let (_stop, mut stops) = watch::channel(0);
        let write = async {
            for chunk in chunks {
                input.write_all(chunk).await.unwrap();
            }
            drop(input);
        };
        let read = read_lines(&mut output, &mut sender, longest, &mut stops);
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

    #[tokio::test]
    async fn an_empty_input_is_no_failure() {
        let (bodies, summary) = arrived(&[], 100).await;
        assert_eq!((bodies.as_str(), summary), ("", Summary::default()));
    }
}
