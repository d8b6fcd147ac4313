//! `tailcast keys`: the key pairs that tokens are signed with.

use std::time::Duration;

use client::{AskError, KeyInfo, Server};
use jiff::Timestamp;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{self, plain, table};

/// Whom to ask, and what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For an installation that signs with key pairs (`signing`). A node with the role auth answers; the token needs `admin`. Nobody is \
disturbed by either: what a retired key signed is good to its end. `tailcast revoke --kid` takes it back at once.

Examples:
  tailcast keys list
  tailcast keys rotate
  tailcast keys retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them, the newest first
    List(Asking),
    /// Sign with the next ones, and retire those that signed
    Rotate(Asking),
    /// Retire one
    Retire {
        /// Its name
        #[arg(value_name = "KID")]
        kid: String,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Of each.
#[derive(Debug, clap::Args)]
struct Asking {
    /// The answer as JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How often a rotation is tried that is too soon.
const ATTEMPTS: usize = 4;

/// Does it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::List(asking) => {
            let keys = asking.server()?.keys().await.map_err(anyhow::Error::from)?;
            if asking.json {
                show::objects(&keys)
            } else {
                show::print(&as_table(&keys))
            }
        }
        What::Rotate(asking) => {
            let rotated = rotate(&asking.server()?).await.map_err(anyhow::Error::from)?;
            if asking.json {
                return show::objects(&[rotated]);
            }
            let signs = rotated
                .active
                .iter()
                .map(|kid| format!("signs    {}\n", plain(kid)));
            let retired = rotated
                .retired
                .iter()
                .map(|kid| format!("retired  {}\n", plain(kid)));
            show::print(&signs.chain(retired).collect::<String>())
        }
        What::Retire { kid, asking } => {
            let retired = asking.server()?.retire_key(&kid).await;
            let retired = retired.map_err(anyhow::Error::from)?;
            if asking.json {
                return show::objects(&[retired]);
            }
            let until = retired.until.map(time).unwrap_or_default();
            show::print(&format!(
                "retired {}: what it signed is good to its end, at the latest to {until}\n",
                plain(&retired.kid)
            ))
        }
    }
}

impl Asking {
    fn server(&self) -> Result<Server, Failure> {
        self.connection.server(Need::Admin)
    }
}

/// Whoever rotates right after the next key was made waits until every node can know it.
async fn rotate(server: &Server) -> Result<client::RotatedKeys, AskError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match server.rotate_keys().await {
            Err(AskError::Refused(problem)) if left > 0 && problem.code.as_deref() == Some("too_soon") => {
                tokio::time::sleep(problem.retry_after.unwrap_or(Duration::from_secs(1))).await;
            }
            done => return done,
        }
    }
}

fn as_table(keys: &[KeyInfo]) -> String {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                plain(&key.kid),
                plain(&key.algorithm),
                plain(&key.state),
                time(key.made),
                key.until.map_or_else(|| "-".to_owned(), time),
            ]
        })
        .collect();
    table(&["key", "algorithm", "state", "made", "checks until"], &[], &rows)
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_with_when_they_were_made_and_until_when_they_count() {
        let key = |state: &str, until| KeyInfo {
            kid: format!("{state}-key"),
            algorithm: "EdDSA".to_owned(),
            state: state.to_owned(),
            made: 1_767_225_600,
            activated: None,
            retired: None,
            until,
            lifetime: 60,
        };
        let shown = as_table(&[key("active", None), key("retired", Some(1_767_225_661))]);
        let lines: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1..],
            [
                ["active-key", "EdDSA", "active", "2026-01-01T00:00:00Z", "-"],
                [
                    "retired-key",
                    "EdDSA",
                    "retired",
                    "2026-01-01T00:00:00Z",
                    "2026-01-01T00:01:01Z"
                ],
            ]
        );
    }
}
