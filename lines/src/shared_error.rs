//! One failure that several callers have to be told.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::StoreError;

/// A failure that can be handed out again and again.
#[derive(Debug, Clone)]
pub struct SharedError(Arc<StoreError>);

impl SharedError {
    /// Of this one.
    pub fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    /// See [`StoreError::is_absence`].
    pub fn is_absence(&self) -> bool {
        self.0.is_absence()
    }

    /// The failure for one more caller. It reads as the first one did.
    pub fn again(&self) -> StoreError {
        match &*self.0 {
            StoreError::Full(why) => StoreError::Full(why.clone()),
            StoreError::Timeout(deadline) => StoreError::Timeout(*deadline),
            StoreError::Corrupt { stream, what } => StoreError::Corrupt {
                stream: stream.clone(),
                what: what.clone(),
            },
            StoreError::Damaged(damage) => StoreError::Damaged(damage.clone()),
            StoreError::Broken(_) => StoreError::Broken(Box::new(self.clone())),
            StoreError::Away(_) => StoreError::Away(Box::new(self.clone())),
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            StoreError::Away(why) | StoreError::Broken(why) => why.fmt(f),
            other => other.fmt(f),
        }
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            StoreError::Away(why) | StoreError::Broken(why) => why.source(),
            other => other.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_reads_the_same_words() {
        let first = StoreError::Away("no primary".into());
        let text = first.to_string();
        let shared = SharedError::new(first);
        let second = SharedError::new(shared.again());
        assert_eq!(
            [shared.again().to_string(), second.again().to_string()],
            [text.clone(), text]
        );
    }
}
