//! `tailcast streams`: which streams there are, and deleting some.

mod delete;

use anyhow::anyhow;
use lines::{Pattern, StreamInfo, Timestamp};

use super::Failure;
use super::connect::{Connection, Need};
use super::near::{known, meant, near};
use super::show::{self, ago, table};

/// Which.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Only streams that the token may read are listed.

Examples:
  tailcast streams
  tailcast streams 'payments/**'
  tailcast streams --json | jq -r .name
  tailcast streams delete payments/old --dry-run"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// A pattern: `*` is one segment, `**` any number of them [default: all]
    pattern: Option<String>,
    /// One JSON object per stream
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Delete streams with all their lines, for good
    Delete(delete::Args),
}

/// Prints them, or deletes some.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if let Some(What::Delete(args)) = args.what {
        return delete::run(args).await;
    }
    if let Some(pattern) = &args.pattern {
        Pattern::parse(pattern).map_err(|error| Failure::Misused(error.into()))?;
    }
    let server = args.connection.server(Need::Read)?;
    let streams = server
        .streams(args.pattern.as_deref())
        .await
        .map_err(anyhow::Error::from)?;
    if args.json {
        show::objects(&streams)?;
    } else if !streams.is_empty() {
        show::print(&as_table(&streams, Timestamp::now()))?;
    }
    match (&args.pattern, streams.is_empty()) {
        (Some(name), true) => none(name, &known(&server).await),
        (None, true) => {
            show::Noise::default().say("there is no stream yet that you may read");
            Ok(())
        }
        (_, false) => Ok(()),
    }
}

/// Nothing is called so: a name that is not there is a failure, a pattern that nothing matches is none.
fn none(wanted: &str, known: &[String]) -> Result<(), Failure> {
    let near = meant(&near(wanted, known)).map_or_else(String::new, |meant| format!(" ({meant})"));
    if wanted.contains('*') {
        show::Noise::default().say(&format!("no stream that you may read matches {wanted}{near}"));
        return Ok(());
    }
    Err(Failure::Failed(anyhow!(
        "there is no stream {wanted}, or your token does not let you read it{near}"
    )))
}

fn as_table(streams: &[StreamInfo], now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = streams
        .iter()
        .map(|stream| {
            vec![
                stream.name.to_string(),
                stream
                    .extent
                    .next
                    .since(stream.extent.first_available)
                    .to_string(),
                stream.extent.next.to_string(),
                stream
                    .last_arrival
                    .map_or_else(|| "-".to_owned(), |then| ago(then, now)),
                format!("{:.1}/s", stream.lines_per_second),
            ]
        })
        .collect();
    table(
        &["STREAM", "KEPT", "HEAD", "LAST LINE", "RATE"],
        &[1, 2, 4],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use lines::{Extent, Offset, StreamName};

    use super::*;

    #[test]
    fn streams_are_a_table() {
        let stream = |name: &str, first_available, next, last_arrival: Option<&str>| StreamInfo {
            name: StreamName::parse(name).unwrap(),
            extent: Extent {
                first_available: Offset(first_available),
                next: Offset(next),
                ..Extent::default()
            },
            last_arrival: last_arrival.and_then(Timestamp::parse),
            lines_per_second: 1.25,
        };
        let streams = [
            stream("payments/api", 100, 1500, Some("2026-01-09T23:59:57.5Z")),
            stream("web", 3, 3, None),
        ];
        assert_eq!(
            as_table(&streams, Timestamp::parse("2026-01-10T00:00:00Z").unwrap()),
            "\
STREAM        KEPT  HEAD  LAST LINE   RATE
payments/api  1400  1500  2s ago     1.2/s
web              0     3  -          1.2/s
"
        );
    }
}
