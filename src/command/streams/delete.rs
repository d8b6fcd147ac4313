//! `tailcast streams delete`: says what would go, asks, and lets it go.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use client::{AskError, Server, StreamInfo, StreamName};
use lines::Target;

use crate::command::Failure;
use crate::command::connect::Internal;
use crate::command::show::{self, plain, table};

/// Which.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every line of them is gone at once, for everybody and for good: `tailcast retention restore` does not bring it back. Who \
sends to such a stream later goes on behind its last line, so cursors stay right.

Asks the internal listener of any node with the role collect, which is bound to loopback unless configured. The token \
needs `admin`.

Examples:
  tailcast streams delete payments/old
  tailcast streams delete 'tmp/**' --dry-run
  tailcast streams delete 'tmp/**' --yes")]
pub(crate) struct Args {
    /// A stream, or a pattern: `*` is one segment, `**` any number of them; a personal stream by its name, `@alice`
    #[arg(value_name = "STREAM|PATTERN")]
    target: String,
    /// Delete without asking; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be deleted
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// One JSON object per stream
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    internal: Internal,
}

/// Deletes what was shown, and nothing that came since; or, where nobody looks, whatever there is.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if args.target != "@me" {
        Target::parse(&args.target).map_err(|error| Failure::Misused(error.into()))?;
    }
    let server = args.internal.server()?;
    let found = server.find_streams(&args.target).await;
    let found = found.map_err(anyhow::Error::from)?;
    if found.is_empty() {
        let target = plain(&args.target);
        return Err(Failure::Failed(anyhow::anyhow!("there is no stream {target}")));
    }
    if args.dry_run {
        return if args.json {
            show::objects(&found)
        } else {
            show::print(&format!("{}\nNothing was deleted.\n", listed(&found)))
        };
    }
    if !args.yes && !confirmed(&found)? {
        return Err(Failure::Failed(anyhow::anyhow!("nothing was deleted")));
    }
    let only = if args.yes { Only::Any } else { Only::AsShown };
    delete(&server, &found, only, args.json).await
}

/// What of a stream may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    Any,
    /// If it ends where somebody saw it end.
    AsShown,
}

/// One that had more by then does not keep the others.
async fn delete(server: &Server, found: &[StreamInfo], only: Only, json: bool) -> Result<(), Failure> {
    let mut grown = Vec::new();
    for info in found {
        let ending = (only == Only::AsShown).then_some(info.extent.next);
        let deleted = match server.delete_stream(&info.name, ending).await {
            Err(AskError::Refused(problem)) if problem.code.as_deref() == Some("stream_changed") => {
                grown.push(info.name.as_str());
                continue;
            }
            deleted => deleted.map_err(|error| {
                anyhow::Error::from(error).context(format!("{} is perhaps not deleted", info.name))
            })?,
        };
        match deleted {
            Some(deleted) if json => show::objects(&[deleted])?,
            Some(deleted) => show::print(&said(&info.name, deleted.next.saturating_sub(deleted.from)))?,
            None if json => {}
            None => show::print(&format!("{} is deleted already\n", info.name))?,
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "not deleted, since there came more than was shown: {}; look again, or say --yes",
        grown.join(", ")
    )))
}

fn said(name: &StreamName, lines: u64) -> String {
    match lines {
        1 => format!("deleted {name}: 1 line\n"),
        lines => format!("deleted {name}: {lines} lines\n"),
    }
}

/// Asks on the terminal. Where there is none, nobody can say yes.
fn confirmed(found: &[StreamInfo]) -> Result<bool, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(Failure::Misused(anyhow::anyhow!(
            "nobody can be asked whether to delete {}: say --yes, or --dry-run to see them",
            counted(found.len())
        )));
    }
    let question = format!(
        "{}\nDelete {} for good? [y/N] ",
        listed(found),
        counted(found.len())
    );
    let mut terminal = stderr();
    let asked = terminal
        .write_all(question.as_bytes())
        .and_then(|()| terminal.flush());
    asked.map_err(anyhow::Error::from)?;
    let mut answer = String::new();
    stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(anyhow::Error::from)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

fn counted(streams: usize) -> String {
    match streams {
        1 => "1 stream".to_owned(),
        streams => format!("{streams} streams"),
    }
}

fn listed(found: &[StreamInfo]) -> String {
    let row = |info: &StreamInfo| {
        let lines = info.extent.next.since(info.extent.first_available);
        vec![info.name.to_string(), lines.to_string()]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    table(&["STREAM", "LINES"], &[1], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, yes) in [
            ("y\n", true),
            ("Yes\n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yy\n", false),
        ] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
