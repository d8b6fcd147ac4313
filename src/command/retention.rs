//! `tailcast retention`: what is removed and what is not, and two words to it: bring back, go on.

use client::{Restored, RetentionStatus};
use jiff::Timestamp;

use super::Failure;
use super::connect::Internal;
use super::show::{self, plain, table};

/// What to ask or to say.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Asks the internal listener of any node with the role collect, which is bound to loopback unless configured. The token \
needs `admin`.

See what is kept, what is on its way out, and why age removes nothing:
  tailcast retention

Bring back what is removed and not yet deleted:
  tailcast retention restore 'payments/**'
  tailcast retention restore --all

Say that the clock is right, and that what is old by it may go:
  tailcast retention allow"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Bring back removed lines that are not deleted yet; age removes none of these streams until `allow`
    Restore(Restore),
    /// Say that the clock is right and that all that is old by it may go, what was brought back included
    Allow(Asked),
}

#[derive(Debug, clap::Args)]
struct Restore {
    /// Streams and patterns
    #[arg(
        value_name = "STREAM|PATTERN",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    streams: Vec<String>,
    /// Those of all streams
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    asked: Asked,
}

/// Whom to ask.
#[derive(Debug, clap::Args)]
struct Asked {
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    internal: Internal,
}

impl Asked {
    fn server(&self) -> Result<client::Server, Failure> {
        self.internal.server()
    }
}

/// Asks, or says it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        None => status(&args.asked).await,
        Some(What::Restore(restore)) => bring_back(&restore).await,
        Some(What::Allow(asked)) => allow(&asked).await,
    }
}

async fn status(asked: &Asked) -> Result<(), Failure> {
    let status = asked.server()?.retention().await.map_err(anyhow::Error::from)?;
    if asked.json {
        show::objects(&[status])
    } else {
        show::print(&as_text(&status, Timestamp::now()))
    }
}

async fn bring_back(restore: &Restore) -> Result<(), Failure> {
    let streams = (!restore.all).then_some(&restore.streams[..]);
    let server = restore.asked.server()?;
    let restored = server.restore(streams).await.map_err(anyhow::Error::from)?;
    if restore.asked.json {
        show::objects(&restored)
    } else {
        show::print(&came_back(&restored))
    }
}

async fn allow(asked: &Asked) -> Result<(), Failure> {
    let allowed = asked
        .server()?
        .allow_retention()
        .await
        .map_err(anyhow::Error::from)?;
    if asked.json {
        return show::objects(&[allowed]);
    }
    let still = match allowed.held {
        None => "what is old by it is removed at the next trim".to_owned(),
        Some(held) => format!("still nothing is removed for its age: {}", plain(&held.message)),
    };
    show::print(&format!(
        "the store's clock says {}; {still}\n",
        plain(&allowed.now)
    ))
}

fn as_text(status: &RetentionStatus, now: Timestamp) -> String {
    let age = match status.retain_age_seconds {
        Some(seconds) => format!("lines that arrived in the last {}", lasting(seconds)),
        None => "lines of any age".to_owned(),
    };
    let most = match status.retain_bytes {
        Some(most) => format!(", {} at most", size(most)),
        None => String::new(),
    };
    let at = |time: &Option<String>| time.as_deref().map_or_else(|| "none".to_owned(), plain);
    let trims = match &status.held {
        Some(held) => format!("NO ({}): {}", plain(&held.code), plain(&held.message)),
        None => "yes".to_owned(),
    };
    let mut text = table_of(&[
        ("to be kept", format!("{age}{most}")),
        ("age removes", trims),
        (
            "stored",
            format!(
                "{}, of that {} removed and not yet deleted",
                size(status.bytes),
                size(status.hidden_bytes)
            ),
        ),
        ("newest batch", at(&status.newest)),
        (
            "overdue",
            format!(
                "{}, {}",
                lasting(status.overdue_seconds),
                size(status.overdue_bytes)
            ),
        ),
        (
            "brought back",
            match status.held_streams {
                1 => "1 stream of which age removes nothing".to_owned(),
                count => format!("{count} streams of which age removes nothing"),
            },
        ),
        ("store's clock", plain(&status.now)),
    ]);
    if !status.hidden.is_empty() {
        let rows: Vec<Vec<String>> = status
            .hidden
            .iter()
            .map(|hidden| {
                vec![
                    plain(&hidden.stream),
                    hidden.from.to_string(),
                    hidden.to.to_string(),
                    size(hidden.bytes),
                    until(&hidden.deleted_after, now),
                ]
            })
            .collect();
        text.push_str("\nWhat `tailcast retention restore` can bring back:\n\n");
        let headings = ["STREAM", "FROM", "TO", "STORED", "DELETED"];
        text.push_str(&table(&headings, &[1, 2, 3], &rows));
        let more = status.hidden_streams.saturating_sub(status.hidden.len() as u64);
        if more > 0 {
            text.push_str(&format!("and {more} streams more\n"));
        }
    }
    text
}

fn table_of(rows: &[(&str, String)]) -> String {
    rows.iter()
        .map(|(name, value)| format!("{name:<16}{value}\n"))
        .collect()
}

fn came_back(restored: &[Restored]) -> String {
    if restored.is_empty() {
        return "nothing of these streams can be brought back\n".to_owned();
    }
    let rows: Vec<Vec<String>> = restored
        .iter()
        .map(|restored| {
            vec![
                plain(&restored.stream),
                restored.from.to_string(),
                restored.to.to_string(),
                restored.to.saturating_sub(restored.from).to_string(),
            ]
        })
        .collect();
    table(&["STREAM", "FROM", "TO", "LINES"], &[1, 2, 3], &rows)
}

/// When something happens, from now.
fn until(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) if time <= now => "any moment".to_owned(),
        Ok(time) => format!(
            "in {}",
            lasting(time.duration_since(now).unsigned_abs().as_secs())
        ),
        Err(_) => plain(time),
    }
}

fn lasting(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use client::{HiddenEntry, Why};

    use super::*;

    #[test]
    fn the_status_says_why_nothing_is_removed_and_what_can_come_back() {
        let status = RetentionStatus {
            retain_age_seconds: Some(2_592_000),
            retain_bytes: Some(10 << 30),
            now: "2026-01-10T00:00:00Z".into(),
            bytes: 3 << 20,
            hidden_bytes: 1_536,
            hidden_streams: 2,
            held_streams: 1,
            oldest: None,
            newest: Some("2026-01-09T00:00:00Z".into()),
            overdue_seconds: 90,
            overdue_bytes: 0,
            held: Some(Why {
                code: "clock_leapt".into(),
                message: "the clock leapt".into(),
            }),
            hidden: vec![HiddenEntry {
                stream: "payments/api".into(),
                from: 0,
                to: 17,
                bytes: 1_000,
                deleted_after: "2026-01-10T00:01:30Z".into(),
            }],
        };
        assert_eq!(
            as_text(&status, "2026-01-10T00:00:00Z".parse().unwrap()),
            "\
to be kept      lines that arrived in the last 30 d, 10.0 GiB at most
age removes     NO (clock_leapt): the clock leapt
stored          3.0 MiB, of that 1.5 KiB removed and not yet deleted
newest batch    2026-01-09T00:00:00Z
overdue         90 s, 0 bytes
brought back    1 stream of which age removes nothing
store's clock   2026-01-10T00:00:00Z

What `tailcast retention restore` can bring back:

STREAM        FROM  TO      STORED  DELETED
payments/api     0  17  1000 bytes  in 90 s
and 1 streams more
"
        );
    }
}
