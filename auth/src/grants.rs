//! Who a token belongs to, and the one function that decides what they may read and write.

use std::sync::Arc;

use lines::{NameError, Pattern, StreamName};

/// What somebody wants to do with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See its lines, live or from the store.
    Read,
    /// Append lines to it.
    Write,
}

/// What a token allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Streams and patterns that may be read.
    pub read: Vec<Pattern>,
    /// Streams and patterns that may be written.
    pub write: Vec<Pattern>,
    /// Whether the admin API may be used. Says nothing about lines.
    pub admin: bool,
    /// Whether it may be asked what the tokens of others allow.
    pub introspect: bool,
}

/// The owner of a verified token, with what the token allows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriber(Arc<Verified>);

#[derive(Debug)]
struct Verified {
    sub: String,
    personal: StreamName,
    grants: Grants,
    expires_at: i64,
    token_id: Option<String>,
}

impl Subscriber {
    /// Made by the verifier, from claims it has checked, and by tests. `expires_at` is Unix seconds; `token_id` the
    /// token's `jti`. An error means that `sub` has no personal stream: it is empty or too long.
    pub fn new(
        sub: &str,
        grants: Grants,
        expires_at: i64,
        token_id: Option<String>,
    ) -> Result<Self, NameError> {
        let personal = StreamName::personal(sub)?;
        Ok(Self(Arc::new(Verified {
            sub: sub.to_owned(),
            personal,
            grants,
            expires_at,
            token_id,
        })))
    }

    /// The token's `sub`.
    pub fn sub(&self) -> &str {
        &self.0.sub
    }

    /// The stream that is `@me` for this subscriber.
    pub fn personal(&self) -> &StreamName {
        &self.0.personal
    }

    /// Reads a stream's name in a request of this subscriber, where `@me` is the personal one.
    pub fn names(&self, text: &str) -> Result<StreamName, NameError> {
        match text {
            "@me" => Ok(self.personal().clone()),
            _ => StreamName::parse(text),
        }
    }

    /// What the token allows.
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// When the token ends, in Unix seconds.
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }

    /// The token's `jti`.
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }
}

/// The one authorization function (invariant 9): called on every path that reads or writes lines.
pub fn may(subscriber: &Subscriber, action: Action, stream: &StreamName) -> bool {
    let granted = match action {
        Action::Read if stream == subscriber.personal() => return true,
        Action::Read => &subscriber.grants().read,
        Action::Write => &subscriber.grants().write,
    };
    granted.iter().any(|pattern| pattern.matches(stream))
}
