//! `tailcast api-keys`: keys for senders and agents, which last for months.

use std::time::Duration;

use anyhow::anyhow;
use client::{ApiKey, NewApiKey};
use lines::Timestamp;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{self, ago, plain, table};
use crate::config::units;

/// What to do with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A key is shown wherever a token is, TAILCAST_TOKEN too. The installation keeps its SHA-256 alone: a key that is lost is \
rotated, or deleted and made anew.

Examples:
  tailcast api-keys create 'shipper of web-1' --sub web-1 --write 'log/*'
  tailcast api-keys list
  tailcast api-keys rotate 7k2m9xq4 --overlap 2h
  tailcast api-keys delete 7k2m9xq4")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a key, and print it: it is not shown again
    Create(Create),
    /// List keys: one's own, or all of them with `admin`
    List(List),
    /// Give a key a new secret, and print it
    Rotate(Rotate),
    /// Delete a key, and end the sessions of who was let in by it
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The token that this is asked with needs `admin`, and everything that the key is to allow. The key is alone on standard \
output, the rest is said on standard error.")]
struct Create {
    /// What it is called in lists
    name: String,
    /// Who is let in by it
    #[arg(long, value_name = "SUB")]
    sub: String,
    /// A stream or pattern that may be read; can be repeated
    #[arg(long, value_name = "STREAM")]
    read: Vec<String>,
    /// A stream or pattern that may be written; can be repeated
    #[arg(long, value_name = "STREAM")]
    write: Vec<String>,
    /// Allow to ask what the tokens of others allow, at /v1/introspect
    #[arg(long)]
    introspect: bool,
    /// Allow to make tokens for others, which allow no more, at /v1/tokens
    #[arg(long)]
    mint: bool,
    /// How long it lasts: 30d, 12h [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    ttl: Option<Duration>,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
struct List {
    /// One JSON object per key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// Its id, as the list has it: what stands after `tck_`
    id: String,
    /// So long the secret before opens it, too; 0s for one that was lost
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = overlap)]
    overlap: Duration,
    /// How long it lasts from now on; without this it ends when it did
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    ttl: Option<Duration>,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// Its id, as the list has it: what stands after `tck_`
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Does it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::Create(args) => create(args).await,
        What::List(args) => list(args).await,
        What::Rotate(args) => rotate(args).await,
        What::Delete(args) => delete(args).await,
    }
}

async fn create(args: Create) -> Result<(), Failure> {
    let new = NewApiKey {
        name: args.name,
        sub: args.sub,
        read: args.read,
        write: args.write,
        introspect: args.introspect,
        mint: args.mint,
        lifetime: args.ttl.map(|ttl| ttl.as_secs()),
    };
    let server = args.connection.server(Need::Everything)?;
    let made = server.make_api_key(&new).await.map_err(anyhow::Error::from)?;
    printed("made", &made, args.json)
}

async fn rotate(args: Rotate) -> Result<(), Failure> {
    let id = id_of(&args.id)?;
    let server = args.connection.server(Need::Everything)?;
    let made = server.rotate_api_key(id, args.overlap, args.ttl).await;
    printed("rotated", &made.map_err(anyhow::Error::from)?, args.json)
}

async fn list(args: List) -> Result<(), Failure> {
    let server = args.connection.server(Need::Admin)?;
    let keys = server.api_keys().await.map_err(anyhow::Error::from)?;
    if args.json {
        show::objects(&keys)
    } else {
        show::print(&as_table(&keys, Timestamp::now()))
    }
}

async fn delete(args: Delete) -> Result<(), Failure> {
    let id = id_of(&args.id)?;
    let server = args.connection.server(Need::Admin)?;
    server.delete_api_key(id).await.map_err(anyhow::Error::from)?;
    show::print(&format!("deleted {id}\n"))
}

/// The secret alone, for whatever takes it; what is to be known of it for who reads along.
fn printed(what: &str, made: &ApiKey, json: bool) -> Result<(), Failure> {
    if json {
        return show::objects(std::slice::from_ref(made));
    }
    let Some(key) = &made.key else {
        return Err(Failure::Failed(anyhow!("the answer has no key in it")));
    };
    let ends = time(made.expires_at);
    eprintln!(
        "{what} {} for {}, which ends {ends}; it is not shown again:",
        made.id,
        plain(&made.sub)
    );
    show::print(&format!("{key}\n"))
}

/// Who pastes the key itself is understood, and its secret goes nowhere.
fn id_of(text: &str) -> Result<&str, Failure> {
    let id = text.strip_prefix("tck_").unwrap_or(text);
    match id.get(..8) {
        Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Ok(id),
        _ => Err(Failure::Misused(anyhow!(
            "this is no id of an API key: `tailcast api-keys list` has them"
        ))),
    }
}

fn overlap(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        Ok(Duration::ZERO)
    } else {
        units::duration(text)
    }
}

fn time(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}

fn as_table(keys: &[ApiKey], now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let used = key.last_used.and_then(|at| Timestamp::parse(&time(at)));
            vec![
                plain(&key.id),
                plain(&key.name),
                plain(&key.sub),
                plain(&allowed(key)),
                time(key.expires_at),
                used.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            ]
        })
        .collect();
    table(&["ID", "NAME", "SUB", "ALLOWS", "ENDS", "USED"], &[], &rows)
}

fn allowed(key: &ApiKey) -> String {
    let reads = key.read.iter().map(|name| format!("read {name}"));
    let writes = key.write.iter().map(|name| format!("write {name}"));
    let rights = [("introspect", key.introspect), ("mint", key.mint)];
    let rights = rights.into_iter().filter(|(_, has)| *has);
    let all: Vec<String> = reads
        .chain(writes)
        .chain(rights.map(|(right, _)| right.to_owned()))
        .collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_table() {
        let key = ApiKey {
            id: "7k2m9xq4".into(),
            key: None,
            name: "shipper".into(),
            sub: "web-1".into(),
            read: vec![],
            write: vec!["log/*".into()],
            introspect: false,
            mint: true,
            created_at: 0,
            created_by: "root".into(),
            expires_at: 1_767_225_600,
            overlaps_until: None,
            last_used: Some(1_760_000_000),
        };
        let unused = ApiKey {
            last_used: None,
            mint: false,
            ..key.clone()
        };
        assert_eq!(
            as_table(&[key, unused], Timestamp::parse("2025-10-09T12:53:20Z").unwrap()),
            "\
ID        NAME     SUB    ALLOWS             ENDS                  USED
7k2m9xq4  shipper  web-1  write log/*, mint  2026-01-01T00:00:00Z  4h ago
7k2m9xq4  shipper  web-1  write log/*        2026-01-01T00:00:00Z  never
"
        );
    }

    #[test]
    fn of_a_key_that_is_pasted_whole_the_id_is_taken() {
        let whole = format!("tck_7k2m9xq4{}", "0".repeat(72));
        for text in ["7k2m9xq4", "tck_7k2m9xq4", &whole] {
            assert!(matches!(id_of(text), Ok("7k2m9xq4")), "{text}");
        }
        for text in ["", "7k2", "../../../", "tck_"] {
            assert!(matches!(id_of(text), Err(Failure::Misused(_))), "{text}");
        }
    }
}
