//! The server's log of itself, on standard error.

use std::io::{self, IsTerminal};

use auth::audit::TARGET;
use tokio::sync::watch;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::audit::Audit;
use crate::config::LogFormat;

/// What is let through; can be made another one.
pub(crate) struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    audited: bool,
}

/// Starts logging what `filter` lets through, and writing the audit log where there is one. Once in a process; a second call
/// changes nothing.
pub(crate) fn start(filter: &str, format: LogFormat, audit: Option<Audit>) -> Filter {
    let audited = audit.is_some();
    let (filter, handle) = reload::Layer::new(directives(filter, audited));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(filter_fn(|metadata| metadata.target() != TARGET));
    let all = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(audit);
    // The only failure is that logging has been started before.
    let _ = all.try_init();
    Filter { handle, audited }
}

impl Filter {
    /// Heeds what `filters` says, as long as somebody says it.
    pub(crate) async fn follow(self, mut filters: watch::Receiver<String>) {
        while filters.changed().await.is_ok() {
            let filter = directives(&filters.borrow_and_update(), self.audited);
            if let Err(error) = self.handle.reload(filter) {
                tracing::warn!(%error, "the log goes on as it was");
            }
        }
    }
}

/// The library of HTTP/2 warns of every peer that breaks a bound of its own accord: any stranger could fill the log. It is
/// heard where it is named. What is told for the audit log goes there and nowhere else, whatever is logged.
fn directives(filter: &str, audited: bool) -> EnvFilter {
    let audit = if audited { "info" } else { "off" };
    EnvFilter::new(format!("h2=off,{filter},{TARGET}={audit}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::Context;

    use super::*;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().push(event.metadata().target().to_owned());
        }
    }

    #[test]
    fn what_a_library_says_of_strangers_is_heard_where_it_is_named() {
        for (filter, heard) in [
            ("info", &["tailcast"][..]),
            ("debug", &["tailcast"]),
            ("off", &[]),
            ("info,h2=warn", &["tailcast", "h2::proto"]),
            ("h2::proto=warn,off", &["h2::proto"]),
        ] {
            let told = Heard::default();
            let subscriber = tracing_subscriber::registry()
                .with(directives(filter, false))
                .with(told.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!(target: "tailcast", "ours");
                tracing::warn!(target: "h2::proto", "theirs");
            });
            assert_eq!(*told.0.lock(), heard, "{filter}");
        }
    }
}
