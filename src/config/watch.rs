//! Reads the configuration file again when it has changed, and when it is told to.
//!
//! What can change while the node runs is told to those who heed it ([`Live`]). What cannot is named in the log once. A file
//! that would not be good enough to start with is refused as a whole, and what was good last goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::layers::Layers;
use super::live::{self, Live};
use super::settings::{self, Changes};
use super::{Config, ConfigError, read_file};

/// Between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Puts all sources of settings over each other again.
pub(crate) type Gather = Box<dyn Fn() -> Result<Layers, ConfigError> + Send + Sync>;

/// Whoever reads the file again.
pub(crate) struct Watcher {
    file: Option<PathBuf>,
    gather: Gather,
    live: Arc<Live>,
    /// What the file held when it was read last, good or not.
    read: Content,
    /// What it holds since the last look, while that may go on changing.
    unsettled: Option<Content>,
    /// The settings as the node heeds them.
    running: Values,
    /// Those that wait for a restart, as it was said.
    waiting: BTreeSet<String>,
}

/// What a file holds, or why it cannot be read.
type Content = Result<String, String>;

/// The text of every setting and every limit, by key.
type Values = BTreeMap<String, String>;

/// What came of reading the file again.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing is different.
    Same,
    /// These settings are heeded as they are now, and these wait for a restart, which was not said before.
    Heeded { live: Vec<String>, restart: Vec<String> },
    /// The file is wrong.
    Refused(String),
}

impl Watcher {
    /// For a node that was started with `config`, which was read from `layers`. `gather` finds them again.
    pub(crate) fn new(layers: &Layers, config: &Config, gather: Gather) -> Self {
        let file = layers.file();
        Self {
            // A pipe is read once.
            file: file.map(|file| file.path.clone()).filter(|path| path.is_file()),
            read: file.map_or_else(no_file, |file| Ok(file.text.clone())),
            gather,
            live: Arc::clone(&config.live),
            unsettled: None,
            running: values(layers, config),
            waiting: BTreeSet::new(),
        }
    }

    /// Works until `stop`. Each word from `told` has the file read again, whether it changed or not.
    pub(crate) async fn run(mut self, mut told: mpsc::Receiver<()>, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick(), if self.file.is_some() => {
                    let now = self.content().await;
                    if self.settled(now) {
                        self.read_again();
                    }
                }
                Some(()) = told.recv() => match &self.file {
                    Some(_) => {
                        self.read = self.content().await;
                        self.read_again();
                    }
                    None => tracing::warn!("told to read the configuration file again, and there is none"),
                },
                () = stop.cancelled() => return,
            }
        }
    }

    async fn content(&self) -> Content {
        let Some(path) = self.file.clone() else {
            return no_file();
        };
        let read = tokio::task::spawn_blocking(move || read_again(&path)).await;
        read.unwrap_or_else(|gone| Err(gone.to_string()))
    }

    /// Whether the file holds something else than when it was read, and held that at the last look, too: a file that is
    /// being written is not read half.
    fn settled(&mut self, now: Content) -> bool {
        if now == self.read {
            self.unsettled = None;
            return false;
        }
        let settled = self.unsettled.as_ref() == Some(&now);
        if settled {
            self.unsettled = None;
            self.read = now;
        } else {
            self.unsettled = Some(now);
        }
        settled
    }

    fn read_again(&mut self) {
        let outcome = self.heed();
        let refused = matches!(outcome, Outcome::Refused(_));
        metrics::gauge!("tailcast_settings_refused").set(if refused { 1.0 } else { 0.0 });
        metrics::gauge!("tailcast_settings_waiting").set(self.waiting.len() as f64);
        let file = self.file.as_deref().unwrap_or(Path::new("")).display();
        match outcome {
            Outcome::Same => tracing::info!(%file, "the configuration is as it was"),
            Outcome::Heeded { live, restart } => {
                if !live.is_empty() {
                    tracing::info!(%file, settings = live.join(", "), "the configuration has changed");
                }
                if !restart.is_empty() {
                    let settings = restart.join(", ");
                    tracing::warn!(%file, settings, "the configuration has changed and needs a restart");
                }
            }
            Outcome::Refused(why) => {
                tracing::error!(%file, error = why, "the configuration is refused, and the last good one goes on");
            }
        }
    }

    fn heed(&mut self) -> Outcome {
        match &self.read {
            // Whoever empties a file is about to write it, or has no room to: nobody means all defaults by that.
            Ok(text) if text.trim_ascii().is_empty() => {
                return Outcome::Refused("the file is empty".to_owned());
            }
            Ok(_) => {}
            Err(why) => return Outcome::Refused(why.clone()),
        }
        let gathered = (self.gather)().and_then(|layers| Ok((Config::read(&layers)?, layers)));
        let (config, layers) = match gathered {
            Ok(good) => good,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let now = values(&layers, &config);
        let changed = now
            .iter()
            .filter(|(key, text)| self.running.get(*key) != Some(text));
        let (live, restart): (Vec<_>, Vec<_>) = changed.partition(|(key, _)| is_live(key));
        let live: Values = live
            .into_iter()
            .map(|(key, text)| (key.clone(), text.clone()))
            .collect();
        let restart: BTreeSet<String> = restart.into_iter().map(|(key, _)| key.clone()).collect();
        self.live.become_as(&config.live);
        let newly = restart.difference(&self.waiting).cloned().collect();
        let outcome = Outcome::Heeded {
            live: live.keys().cloned().collect(),
            restart: newly,
        };
        let same = restart == self.waiting && live.is_empty();
        self.running.extend(live);
        self.waiting = restart;
        if same { Outcome::Same } else { outcome }
    }
}

fn no_file() -> Content {
    Err("there is no file".to_owned())
}

/// What took the file's place and can be read once only, or for ever, is not read: a pipe, a device.
fn read_again(path: &Path) -> Content {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(format!("{} cannot be read: it is no file", path.display())),
        _ => read_file(path).map_err(|error| error.to_string()),
    }
}

/// What is set, or the default: to be compared, and shown to nobody.
fn values(layers: &Layers, config: &Config) -> Values {
    let text = |setting: &settings::Setting| match layers.found(setting.key) {
        Some(found) => found.text.clone(),
        None => setting.default.unwrap_or_default().to_owned(),
    };
    let settings = settings::all().map(|setting| (setting.key.to_owned(), text(setting)));
    let limits = config
        .limits
        .list()
        .into_iter()
        .map(|limit| (limit.key(), limit.shown()));
    settings.chain(limits).collect()
}

fn is_live(key: &str) -> bool {
    match (settings::find(key), key.split_once('.')) {
        (Some(setting), _) => setting.changes == Changes::WhileRunning,
        (None, Some((_, limit))) => live::is_live(limit),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests;
