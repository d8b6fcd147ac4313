//! Who a token belongs to, and the one function that decides what they may read and write.

use std::sync::Arc;

use crate::api_keys;
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
    /// Whether tokens may be made for others, which allow nothing that this does not.
    pub mint: bool,
}

impl Grants {
    /// Whether `other` allows nothing that these do not allow, of streams and of rights. An admin has every right, and no
    /// stream.
    pub fn include(&self, other: &Self) -> bool {
        let all = |ours: &[Pattern], theirs: &[Pattern]| {
            theirs
                .iter()
                .all(|part| ours.iter().any(|whole| whole.includes(part)))
        };
        all(&self.read, &other.read)
            && all(&self.write, &other.write)
            && (self.admin || !other.admin)
            && (self.admin || self.introspect || !other.introspect)
            && (self.admin || self.mint || !other.mint)
    }
}

/// What somebody showed to say who they are, as far as it is needed to know later whether it was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Who says it: the `iss`.
    pub issuer: Option<Arc<str>>,
    /// The `kid` of the key that it is signed with.
    pub key: Option<Arc<str>>,
    /// The id of the API key that it is…
    pub api_key: Option<Arc<str>>,
    /// … or that it was exchanged for.
    pub client: Option<Arc<str>>,
    /// When it was issued, in Unix seconds.
    pub issued_at: Option<i64>,
    /// The first half of the SHA-256 of its bytes.
    pub hash: Option<[u8; 16]>,
}

/// The owner of a verified token, with what the token allows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriber(Arc<Verified>);

#[derive(Debug, Clone)]
struct Verified {
    sub: String,
    personal: StreamName,
    grants: Grants,
    expires_at: i64,
    token_id: Option<String>,
    shown: Shown,
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
            shown: Shown::default(),
        })))
    }

    /// The same, with what was shown.
    #[must_use]
    pub fn by(self, shown: Shown) -> Self {
        let mut verified = Arc::unwrap_or_clone(self.0);
        verified.shown = shown;
        Self(Arc::new(verified))
    }

    /// What was shown.
    pub fn shown(&self) -> &Shown {
        &self.0.shown
    }

    /// The API key that was shown, or that the token was exchanged for, as tokens name it.
    pub fn client_id(&self) -> Option<String> {
        let shown = self.shown();
        let id = shown.api_key.as_deref().or(shown.client.as_deref());
        id.map(api_keys::client_id)
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
