//! What the claims of this installation's own tokens say, once their signature was checked.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::api_keys::id_of_client;
use crate::grants::{Grants, Shown, Subscriber};
use crate::token::{LEEWAY_SECONDS, TokenError, parse_grants, unix_now};

#[derive(Deserialize)]
pub(super) struct Claims {
    // Both are required by the validation, which names what is missing: the defaults are never seen.
    #[serde(default)]
    sub: String,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(default)]
    jti: Option<String>,
    #[serde(default, deserialize_with = "some_numeric_date")]
    iat: Option<i64>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    introspect: bool,
    #[serde(default)]
    mint: bool,
    #[serde(default)]
    client_id: Option<serde_json::Value>,
    #[serde(default)]
    client_key: Option<serde_json::Value>,
}

impl Claims {
    /// Whether they say when they were issued, while their key could, and that they last no longer than so many seconds from
    /// then on.
    pub(super) fn last_at_most(&self, longest: u64, issued_until: Option<i64>) -> Result<(), TokenError> {
        let issued = self.iat.ok_or_else(|| TokenError::BadClaim("iat".to_owned()))?;
        if issued > unix_now().saturating_add_unsigned(LEEWAY_SECONDS) {
            return Err(TokenError::NotYet);
        }
        if issued_until.is_some_and(|until| issued > until) {
            return Err(TokenError::BadSignature);
        }
        if self.exp > issued.saturating_add_unsigned(longest) {
            return Err(TokenError::TooLong(Duration::from_secs(longest)));
        }
        Ok(())
    }

    /// Whose they are. `shown` knows the rest of the token; what is said here of it is added.
    pub(super) fn subscriber(self, shown: Shown) -> Result<Subscriber, TokenError> {
        let grants = Grants {
            read: parse_grants(&self.read)?,
            write: parse_grants(&self.write)?,
            admin: self.admin,
            introspect: self.introspect,
            mint: self.mint,
        };
        let by = self.client_key.as_ref().and_then(serde_json::Value::as_str);
        // One that does not say by which secret is bound to none that there is.
        let by = by.unwrap_or_default();
        let client = self.client_id.as_ref().and_then(serde_json::Value::as_str);
        let shown = Shown {
            client: client
                .and_then(id_of_client)
                .map(|id| format!("{id}:{by}").into()),
            issued_at: self.iat,
            ..shown
        };
        let subscriber = Subscriber::new(&self.sub, grants, self.exp, self.jti);
        Ok(subscriber.map_err(TokenError::BadSubject)?.by(shown))
    }
}

/// A NumericDate may have a fraction (RFC 7519 §2); it is cut off, so that nothing lives longer than it says.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    // The cast saturates: a date beyond all dates stays one.
    Ok(seconds.floor() as i64)
}

fn some_numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    numeric_date(deserializer).map(Some)
}
