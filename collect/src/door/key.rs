//! Idempotency keys: how a repeated request is found again.

use http::HeaderMap;
use lines::log_store::Digest;
use sha2::{Digest as _, Sha256};

use super::refused::Refusal;
use crate::append::{RequestKey, RunKey};
use crate::ingest::Format;

/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 128;

/// A request that can be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Key(RequestKey);

/// A key together with what its body comes to.
pub(crate) struct KeyedBody {
    key: RequestKey,
    body: [u8; 32],
}

impl Key {
    /// The key of a request's headers, when it has one.
    pub(crate) fn of(headers: &HeaderMap, subscriber: &auth::Subscriber) -> Result<Option<Self>, Refusal> {
        let mut all = headers.get_all("idempotency-key").iter();
        let Some(value) = all.next() else { return Ok(None) };
        let key = std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::BadKey)?;
        let length = key.chars().count();
        if all.next().is_some() || !(1..=MAX_KEY_CHARS).contains(&length) || key.chars().any(char::is_control)
        {
            return Err(Refusal::BadKey);
        }
        Ok(Some(Self(RequestKey::new(subscriber.sub(), key))))
    }

    /// The key with its inflated body. The format counts too: the same bytes can be other lines in another format.
    pub(crate) fn with(self, body: &[u8], format: Format) -> KeyedBody {
        let mut hash = Sha256::new();
        hash.update([match format {
            Format::Ndjson => 0,
            Format::Json => 1,
            Format::Text => 2,
        }]);
        hash.update(body);
        KeyedBody {
            key: self.0,
            body: hash.finalize().into(),
        }
    }
}

impl KeyedBody {
    /// What the store finds one stream's lines by.
    ///
    /// `by_default` says whether a line of that stream is there because the request named the stream and the line did
    /// not: then the same body, sent with another stream as the default, has other lines for this one, and counts as
    /// another body. Streams that the lines name themselves are not concerned.
    pub(crate) fn run(&self, by_default: bool) -> RunKey {
        let mut digest = Sha256::new();
        digest.update(self.body);
        digest.update([u8::from(by_default)]);
        RunKey {
            request: self.key.clone(),
            digest: Digest(digest.finalize().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_told_apart_by_what_becomes_of_them() {
        let digest = |body: &[u8], format, by_default| {
            let keyed = Key(RequestKey::new("a", "k")).with(body, format);
            keyed.run(by_default).digest
        };
        let first = digest(b"x", Format::Ndjson, true);
        assert_eq!(digest(b"x", Format::Ndjson, true), first);
        assert_ne!(digest(b"y", Format::Ndjson, true), first);
        assert_ne!(digest(b"x", Format::Text, true), first);
        assert_ne!(digest(b"x", Format::Ndjson, false), first);
    }
}
