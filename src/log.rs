//! The server's log of itself, on standard error.

use std::io::{self, IsTerminal};

use tokio::sync::watch;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::LogFormat;

/// What is let through; can be made another one.
pub(crate) struct Filter(reload::Handle<EnvFilter, Registry>);

/// Starts logging what `filter` lets through. Once in a process; a second call changes nothing.
pub(crate) fn start(filter: &str, format: LogFormat) -> Filter {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(filter));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // The only failure is that logging has been started before.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Filter(handle)
}

impl Filter {
    /// Heeds what `filters` says, as long as somebody says it.
    pub(crate) async fn follow(self, mut filters: watch::Receiver<String>) {
        while filters.changed().await.is_ok() {
            let filter = EnvFilter::new(filters.borrow_and_update().as_str());
            if let Err(error) = self.0.reload(filter) {
                tracing::warn!(%error, "the log goes on as it was");
            }
        }
    }
}
