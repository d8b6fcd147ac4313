//! What the log hears of a store that does not answer: that it went away and that it is back, once each, and what is
//! wrong with what it holds, once for each thing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use lines::StoreError;
use parking_lot::Mutex;

/// Wrongs that are remembered as told. Beyond these all are told again.
const MOST_TOLD: usize = 1_000;

/// Whether the store is there.
#[derive(Default)]
pub(super) struct Outages {
    away: AtomicBool,
    told: Mutex<HashSet<String>>,
}

impl Outages {
    /// Hears every answer, and passes it on.
    pub(super) fn heard<T>(
        &self,
        question: &'static str,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &answer {
            // Damage is an answer, which the store tells itself.
            Ok(_) | Err(StoreError::Damaged(_)) => self.is_there(),
            Err(error) if error.is_absence() => self.is_away(question, error),
            Err(error) => self.is_wrong(question, error),
        }
        answer
    }

    fn is_there(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("the store answers again");
        }
    }

    fn is_away(&self, question: &'static str, error: &StoreError) {
        if self.away.swap(true, Ordering::Relaxed) {
            tracing::debug!(question, %error, "the store does not answer");
        } else {
            tracing::warn!(question, %error, "the store does not answer");
        }
    }

    /// It is there, and asking again changes nothing.
    fn is_wrong(&self, question: &'static str, error: &StoreError) {
        let mut told = self.told.lock();
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        if told.insert(error.to_string()) {
            tracing::error!(question, %error, "the store holds something that cannot be served");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lines::StreamName;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;

    /// What is told to people: level and message.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<(Level, String)>>>);

    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    impl Subscriber for Told {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::INFO
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().push((*event.metadata().level(), message.0));
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    fn away() -> Result<(), StoreError> {
        Err(StoreError::Away("unplugged".into()))
    }

    fn corrupt(stream: &str) -> Result<(), StoreError> {
        Err(StoreError::Corrupt {
            stream: StreamName::parse(stream).unwrap_or_else(|error| panic!("{error}")),
            what: "spoilt".to_owned(),
        })
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end_and_each_thing_that_is_wrong() {
        let (told, outages) = (Told::default(), Outages::default());
        tracing::subscriber::with_default(told.clone(), || {
            for answer in [Ok(()), away(), away(), away(), Ok(()), Ok(()), away()] {
                let _ = outages.heard("read", answer);
            }
            for stream in ["a", "b", "a", "b"] {
                let _ = outages.heard("read", corrupt(stream));
            }
        });
        let gone = || (Level::WARN, "the store does not answer".to_owned());
        let wrong = || {
            (
                Level::ERROR,
                "the store holds something that cannot be served".to_owned(),
            )
        };
        let back = (Level::INFO, "the store answers again".to_owned());
        assert_eq!(*told.0.lock(), [gone(), back, gone(), wrong(), wrong()]);
    }
}
