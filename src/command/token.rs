//! `tailcast token`: prints a token.

use anyhow::Context;
use auth::{Claims, token::unix_now};

use super::Failure;
use super::flags::SettingFlags;
use crate::config::{KeySource, units};

/// Who it is for and what it allows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Signed with TAILCAST_KEY or TAILCAST_KEY_FILE, or else with the data folder's key: the active one, where a server signs with key pairs.

Examples:
  tailcast token --sub alice --read 'payments/**' --ttl 8h
  tailcast token --sub shipper --write 'log/*' --ttl 365d
  TAILCAST_TOKEN=$(tailcast token --sub me --read '**') \\
      tailcast tail 'payments/**'")]
pub(crate) struct Args {
    /// Whose token it is; they can always read their personal stream, @SUB
    #[arg(long, value_name = "SUB")]
    sub: String,
    /// A stream or pattern that may be read; can be repeated
    #[arg(long, value_name = "STREAM")]
    read: Vec<String>,
    /// A stream or pattern that may be written; can be repeated
    #[arg(long, value_name = "STREAM")]
    write: Vec<String>,
    /// Allow the admin API
    #[arg(long)]
    admin: bool,
    /// Allow to ask what the tokens of others allow, at /v1/introspect
    #[arg(long)]
    introspect: bool,
    /// Allow to make tokens for others, which allow no more, at /v1/tokens
    #[arg(long)]
    mint: bool,
    /// How long it lasts: 30s, 10m, 1h30m, 30d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = units::duration)]
    ttl: std::time::Duration,
    /// The data folder whose key signs it [default: ./tailcast-data] [variable: TAILCAST_DATA]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
}

/// Prints the token, alone on its line.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let source = KeySource::read(&SettingFlags::data_folder(args.data.as_deref()).layers()?)?;
    let minter = source.minter().context(
        "there is no key to sign with: set TAILCAST_KEY, or start `tailcast serve` once with the same --data",
    )?;
    let lifetime = i64::try_from(args.ttl.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        sub: args.sub.clone(),
        read: args.read.clone(),
        write: args.write.clone(),
        admin: args.admin,
        introspect: args.introspect,
        mint: args.mint,
        client: None,
        expires_at: unix_now().saturating_add(lifetime),
    };
    let token = minter
        .mint(&claims)
        .map_err(|error| Failure::Misused(error.into()))?;
    println!("{token}");
    Ok(())
}
