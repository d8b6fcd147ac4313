//! `tailcast check`: the configuration, checked, explained and tried.

use std::time::Duration;

use anyhow::Context;
use auth::token::unix_now;

use super::Failure;
use super::flags::SettingFlags;
use crate::certificates::{Files, date};
use crate::config::limits::{Limits, Listed};
use crate::config::{Config, settings, shown};
use crate::{log, parts};

/// The settings of `serve`, from the same places.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 when `tailcast serve` would start and what it needs answers, 1 when something does not answer, 2 when a \
setting is wrong. A server that runs in the same data folder is no obstacle.

Examples:
  tailcast check
  tailcast check --config /etc/tailcast.toml --offline
  tailcast check --limits")]
pub(crate) struct Args {
    /// Only look at the settings, do not connect to what they name
    #[arg(long)]
    offline: bool,
    /// Show every limit, not only those that are set
    #[arg(long)]
    limits: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

/// How long each thing that is tried may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Prints every setting with its origin, then tries the store and the routes.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let layers = args.settings.layers()?;
    let config = Config::read(&layers)?;
    log::start("off", config.log.format, None);
    for setting in settings::all() {
        let secret = setting.flag == settings::Flag::Secret && !setting.key.ends_with("_file");
        let default = setting.default.or_else(|| config.default_of(setting.key));
        let (text, origin) = shown(layers.found(setting.key), default, secret);
        println!("{:<20} {:<32} {}", setting.key, text, origin);
    }
    for limit in changed_limits(&config.limits, args.limits) {
        let key = limit.key();
        let origin = layers.origin(&key);
        let origin = origin.map_or_else(|| "default".to_owned(), |origin| origin.to_string());
        println!("{key:<43} {:<9} {origin}", limit.shown());
    }
    for name in layers.unknown_variables() {
        println!("{name} looks like a setting and is none: it is ignored");
    }
    if let Some(files) = &config.listeners.tls {
        explain(files)?;
    }
    if !args.offline {
        try_what_is_named(&config).await?;
    }
    println!("\nThe configuration is good.");
    Ok(())
}

/// Says whose certificate it is and how long, and that the key is its own. One that does not hold today fails.
fn explain(files: &Files) -> anyhow::Result<()> {
    let certificate = files.read().map_err(anyhow::Error::msg)?;
    let (file, until) = (files.certificate.display(), date(certificate.until()));
    anyhow::ensure!(
        certificate.holds_at(unix_now()),
        "{file}: the certificate does not hold today (until {until}): clients will refuse it"
    );
    let names = match certificate.names() {
        [] => "no name, and clients will refuse it".to_owned(),
        names => names.join(", "),
    };
    println!("\n{file} is for {names}, until {until}, and its key fits");
    Ok(())
}

/// Those that are not the default, or all of them.
fn changed_limits(limits: &Limits, all: bool) -> impl Iterator<Item = Listed> {
    let defaults = Limits::default().list();
    let each = limits.list().into_iter().zip(defaults);
    each.filter(move |(limit, default)| all || limit != default)
        .map(|(limit, _)| limit)
}

async fn try_what_is_named(config: &Config) -> anyhow::Result<()> {
    println!();
    if parts::needs_store(config) {
        match parts::open_store(config).await {
            Ok(store) => {
                let checked = tokio::time::timeout(DEADLINE, store.lines.check()).await;
                // What it stands on has said its part in the same sentence.
                let checked = checked.context("the store does not answer")?;
                checked.map_err(|error| anyhow::anyhow!("{error}"))?;
                println!("the store answers, and can be written");
            }
            Err(error) if parts::is_in_use(&error) => println!(
                "the store in {} is in use by a tailcast that runs: it is good enough for that one",
                config.node.data.display()
            ),
            Err(error) => return Err(error),
        }
    }
    let table = parts::open_table(config).await?;
    let nodes = tokio::time::timeout(DEADLINE, table.membership.nodes()).await;
    let nodes = nodes
        .context("the route table does not answer")?
        .context("the route table cannot be used")?;
    match nodes.len() {
        1 => println!("the route table answers, and knows 1 node"),
        number => println!("the route table answers, and knows {number} nodes"),
    }
    Ok(())
}
