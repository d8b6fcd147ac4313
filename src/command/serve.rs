//! `tailcast serve`: runs a node until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use auth::audit::TARGET;
use auth::{Claims, Key, Signing, token::unix_now};
use dispatch::{NodeId, Role};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::flags::SettingFlags;
use crate::audit::Audit;
use crate::config::layers::Layers;
use crate::config::watch::Watcher;
use crate::config::{Config, settings, shown};
use crate::ground::Keys;
use crate::node::Node;
use crate::{descriptors, key_file, log, measure};

/// The settings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every flag is a variable (TAILCAST_LISTEN, …) and a key of the configuration file, too; flags go before variables, and \
variables before the file. Keys and secrets are variables or files only: TAILCAST_KEY or TAILCAST_KEY_FILE, \
TAILCAST_CLUSTER_SECRET or TAILCAST_CLUSTER_SECRET_FILE. An address with a password in it can stand in a file, too: \
--store-file, --routes-file. docs/configuration.md has all of it.

Examples:
  tailcast serve
  tailcast serve --roles push --store mongodb://db/tailcast \\
      --routes redis://cache --listen 0.0.0.0:7440 \\
      --internal 0.0.0.0:7441 --advertise push-1:7441")]
pub(crate) struct Args {
    #[command(flatten)]
    settings: SettingFlags,
}

/// How long the token in the printed address lasts: a working day, however long that is.
const VIEWER_TOKEN: Duration = Duration::from_secs(12 * 3_600);

/// How long is waited for the first key pair of a node that has just begun.
const FIRST_KEY: Duration = Duration::from_secs(10);

/// Runs until SIGTERM or SIGINT, or until it has failed, then leaves in order. A second signal ends it at once.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    // Before anything else: whoever says it early must not end the process.
    let hung_up = hangups()?;
    let layers = args.settings.layers()?;
    let config = Config::read(&layers)?;
    let (audit, written) = match &config.log.audit {
        Some(place) => Some(Audit::start(place)?).unzip(),
        None => (None, None),
    };
    let filter = log::start(&config.log.filter, config.log.format, audit);
    tokio::spawn(filter.follow(config.live.log.subscribe()));
    for name in layers.unknown_variables() {
        tracing::warn!(variable = name, "unknown setting in the environment, ignored");
    }
    let metrics = measure::start()?;
    let (key, own_key) = shared_key(&config)?;
    let keys = Keys::new(key.as_ref(), &config)?;
    let signing = keys.signing.clone();
    let files = descriptors::Limit::raise();
    let node = Node::start(&config, keys, metrics, files.shares()).await?;
    files.tell();
    tell_settings(&layers, node.id());
    println!("public    {}://{}", scheme(&config), node.public());
    println!("internal  http://{}", node.internal());
    for (name, address) in node.further() {
        println!("{name:<9} {address}");
    }
    if own_key {
        println!("viewer    {}", viewer(node.public(), &signing, &config).await?);
    }
    let stopping = CancellationToken::new();
    tokio::spawn(stop_on_signals(stopping.clone()));
    let settings = args.settings;
    let watcher = Watcher::new(&layers, &config, Box::new(move || settings.layers()));
    tokio::spawn(watcher.run(hung_up, stopping.clone()));
    let failed = tokio::select! {
        () = stopping.cancelled() => false,
        () = node.failed() => true,
    };
    // Others take over from a node that has failed as from one that is told to stop.
    node.stop().await;
    tracing::info!(target: TARGET, what = "stop");
    if let Some(written) = written {
        // Its own thread writes; nothing else runs here any more.
        let _ = tokio::task::spawn_blocking(move || written.wait()).await;
    }
    if failed {
        let error =
            anyhow::anyhow!("a part of the node panicked; what it said stands above: start the node again");
        return Err(Failure::Failed(error));
    }
    Ok(())
}

/// Tells the audit log with which settings the node began: those that are set, secrets hidden.
fn tell_settings(layers: &Layers, node: &NodeId) {
    let set = settings::all().filter_map(|setting| {
        let secret = setting.flag == settings::Flag::Secret && !setting.key.ends_with("_file");
        let found = layers.found(setting.key)?;
        let (text, origin) = shown(Some(found), None, secret);
        Some(format!("{} = {text} ({origin})", setting.key))
    });
    let about = set.collect::<Vec<_>>().join("; ");
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(target: TARGET, what = "start", %node, version, about);
}

/// What the public listener speaks.
fn scheme(config: &Config) -> &'static str {
    if config.listeners.tls.is_some() {
        "https"
    } else {
        "http"
    }
}

/// The key that senders and nodes share, and whether it is a lone node's own. With key pairs nobody needs one; that of the data
/// folder counts on for the tokens that are signed with it.
fn shared_key(config: &Config) -> anyhow::Result<(Option<Key>, bool)> {
    let data = &config.node.data;
    if let Some(key) = &config.tokens.key {
        return Ok((Some(key.clone()), false));
    }
    // Whoever has the data folder of a lone node that signs can have a token.
    let lone = !config.is_clustered() && config.has(Role::Auth);
    match config.tokens.signing {
        None => {
            let key = key_file::read_or_make(data).context("the node needs a key")?;
            Ok((Some(key), true))
        }
        Some(_) if key_file::path(data).exists() => Ok((Some(key_file::read(data)?), lone)),
        Some(_) => Ok((None, lone)),
    }
}

/// How to look at it. The address carries a token only where a person sees it: what goes anywhere else ends up in a log.
async fn viewer(public: SocketAddr, signing: &Signing, config: &Config) -> anyhow::Result<String> {
    if std::io::stdout().is_terminal() {
        return Ok(format!(
            "{}://{public}/#token={}",
            scheme(config),
            viewer_token(signing).await?
        ));
    }
    let data = config.node.data.display();
    Ok(format!(
        "{}://{public}/ (a token for it: tailcast token --sub me --read '**' --write '**' --data {data})",
        scheme(config)
    ))
}

/// For the person who started the server, to read and write everything.
async fn viewer_token(signing: &Signing) -> anyhow::Result<String> {
    let everything = || vec!["**".to_owned(), "@*".to_owned()];
    let minter = signing.minter_within(FIRST_KEY).await?;
    let longest = minter.longest().unwrap_or(VIEWER_TOKEN);
    let lifetime = VIEWER_TOKEN.min(longest).as_secs();
    let claims = Claims {
        read: everything(),
        write: everything(),
        ..Claims::new("owner", unix_now().saturating_add_unsigned(lifetime))
    };
    Ok(minter.mint(&claims)?)
}

/// A word for every SIGHUP. Several that come before one is heeded are one.
fn hangups() -> anyhow::Result<mpsc::Receiver<()>> {
    let mut signal = signal(SignalKind::hangup()).context("SIGHUP cannot be received")?;
    let (told, heeded) = mpsc::channel(1);
    tokio::spawn(async move {
        while signal.recv().await.is_some() {
            // A full channel has a word that is still to be heeded.
            if let Err(mpsc::error::TrySendError::Closed(())) = told.try_send(()) {
                return;
            }
        }
    });
    Ok(heeded)
}

async fn stop_on_signals(stopping: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received: only a kill ends this process");
        return;
    };
    for first in [true, false] {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        if !first {
            tracing::warn!(signal = name, "told twice to stop: ending at once");
            std::process::exit(1);
        }
        tracing::info!(signal = name, "stopping");
        stopping.cancel();
    }
}
