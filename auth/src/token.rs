//! Tokens: JSON Web Tokens (RFC 7519) signed with a shared key (HS256), checked and made.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lines::{NameError, Pattern};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::checked::Checked;
use crate::grants::{Grants, Subscriber};
use crate::key::Key;

/// What every token of Tailcast names in `aud`.
pub const AUDIENCE: &str = "tailcast";

/// How far a clock may be off at login, in seconds.
pub const LEEWAY_SECONDS: u64 = 10;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a token is not accepted, or cannot be made. Safe to show to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token at all, or a claim in it is of the wrong kind.
    #[error("this is not a JSON Web Token with the claims of Tailcast")]
    Malformed,
    /// Its header asks for something that is not done here.
    #[error("the token's header has {0:?}, which no token for Tailcast has")]
    BadHeader(&'static str),
    /// Signed with another key, or by an algorithm that is not accepted.
    #[error("the token is not signed with this installation's key (HS256)")]
    BadSignature,
    /// Past its `exp`.
    #[error("the token has expired: get a new one")]
    Expired,
    /// Before its `nbf`.
    #[error("the token is not valid yet")]
    NotYet,
    /// `iss` names somebody else.
    #[error("the token comes from another issuer than this installation expects")]
    WrongIssuer,
    /// `aud` does not name Tailcast.
    #[error("the token is for another audience than {AUDIENCE:?}")]
    WrongAudience,
    /// A claim that has to be there is not.
    #[error("the token has no {0:?} claim, or one of the wrong kind")]
    BadClaim(String),
    /// The `sub` cannot have a personal stream.
    #[error("the token's subject cannot be used: {0}")]
    BadSubject(NameError),
    /// A grant is no stream and no pattern.
    #[error("the token's grant {grant:?} is not a stream or a pattern: {error}")]
    BadGrant {
        /// As it stands in the token.
        grant: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// A grant says `@me`, which stands in requests only.
    #[error(
        "a grant cannot say \"@me\": one's own personal stream can always be read, `@NAME` grants another one"
    )]
    GrantForMe,
    /// The library could not sign.
    #[error("the token could not be signed")]
    Unsigned,
}

/// Checks tokens.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    checked: Checked,
}

impl Verifier {
    /// For tokens signed with `key` whose `iss` is `issuer`.
    pub fn hs256(key: &Key, issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // `set_audience` alone would let a token without `aud` pass: the claims have to be required, too.
        validation.set_required_spec_claims(&["sub", "iss", "aud", "exp"]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Self {
            key: DecodingKey::from_secret(key.bytes()),
            validation,
            checked: Checked::default(),
        }
    }

    /// The owner of a token, when the token is good now.
    pub fn verify(&self, token: &str) -> Result<Subscriber, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let now = unix_now();
        if let Some(owner) = self.checked.owner(token, now) {
            return Ok(owner);
        }
        let owner = self.check(token)?;
        self.checked.is_good(token, &owner, now);
        Ok(owner)
    }

    fn check(&self, token: &str) -> Result<Subscriber, TokenError> {
        check_header(token)?;
        let read = jsonwebtoken::decode::<ReadClaims>(token, &self.key, &self.validation).map_err(refusal)?;
        let ReadClaims {
            sub,
            exp,
            jti,
            read,
            write,
            admin,
            introspect,
        } = read.claims;
        let grants = Grants {
            read: parse_grants(&read)?,
            write: parse_grants(&write)?,
            admin,
            introspect,
        };
        Subscriber::new(&sub, grants, exp, jti).map_err(TokenError::BadSubject)
    }
}

/// Parameters of a header that change how a token is to be checked, or say where its key is (RFC 7515 §4.1, RFC 7797). The
/// library passes over them, where the standard has a `crit` that is not understood refused (§4.1.11); and no key is ever
/// taken from a token.
const NEVER_IN_A_HEADER: [&str; 6] = ["crit", "b64", "jku", "jwk", "x5u", "x5c"];

/// Refuses what nobody checks, before anything is checked.
pub(crate) fn check_header(token: &str) -> Result<(), TokenError> {
    let (header, _) = token.split_once('.').ok_or(TokenError::Malformed)?;
    let header = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenError::Malformed)?;
    let header: HashMap<String, IgnoredAny> =
        serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
    match NEVER_IN_A_HEADER
        .into_iter()
        .find(|name| header.contains_key(*name))
    {
        Some(name) => Err(TokenError::BadHeader(name)),
        None => Ok(()),
    }
}

/// What is to stand in a new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub sub: String,
    /// Streams and patterns that may be read.
    pub read: Vec<String>,
    /// Streams and patterns that may be written.
    pub write: Vec<String>,
    /// Whether the admin API may be used.
    pub admin: bool,
    /// Whether it may be asked what the tokens of others allow.
    pub introspect: bool,
    /// When it ends, in Unix seconds.
    pub expires_at: i64,
}

impl Claims {
    /// Claims without any grant.
    pub fn new(sub: &str, expires_at: i64) -> Self {
        Self {
            sub: sub.to_owned(),
            read: Vec::new(),
            write: Vec::new(),
            admin: false,
            introspect: false,
            expires_at,
        }
    }
}

/// Makes tokens.
pub struct Minter {
    key: EncodingKey,
    issuer: String,
}

impl Minter {
    /// Signs with `key` in the name of `issuer`.
    pub fn hs256(key: &Key, issuer: &str) -> Self {
        Self {
            key: EncodingKey::from_secret(key.bytes()),
            issuer: issuer.to_owned(),
        }
    }

    /// Makes a token, refusing claims that no verifier would accept.
    pub fn mint(&self, claims: &Claims) -> Result<String, TokenError> {
        let grants = Grants {
            read: parse_grants(&claims.read)?,
            write: parse_grants(&claims.write)?,
            admin: claims.admin,
            introspect: claims.introspect,
        };
        Subscriber::new(&claims.sub, grants, claims.expires_at, None).map_err(TokenError::BadSubject)?;
        let written = WrittenClaims {
            sub: &claims.sub,
            iss: &self.issuer,
            aud: AUDIENCE,
            iat: unix_now(),
            exp: claims.expires_at,
            jti: uuid::Uuid::new_v4().simple().to_string(),
            read: &claims.read,
            write: &claims.write,
            admin: claims.admin,
            introspect: claims.introspect,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &written, &self.key)
            .map_err(|_| TokenError::Unsigned)
    }
}

/// Seconds since the Unix epoch, by this machine's clock.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[derive(Deserialize)]
struct ReadClaims {
    // Both are required by the validation, which names what is missing: the defaults are never seen.
    #[serde(default)]
    sub: String,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    introspect: bool,
}

#[derive(Serialize)]
struct WrittenClaims<'a> {
    sub: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    read: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    write: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    introspect: bool,
}

/// A NumericDate may have a fraction (RFC 7519 §2); it is cut off, so that nothing lives longer than it says.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    // The cast saturates: a date beyond all dates stays one.
    Ok(seconds.floor() as i64)
}

fn parse_grants(grants: &[String]) -> Result<Vec<Pattern>, TokenError> {
    let parse = |grant: &String| match grant.as_str() {
        "@me" => Err(TokenError::GrantForMe),
        text => Pattern::parse(text).map_err(|error| TokenError::BadGrant {
            grant: grant.clone(),
            error,
        }),
    };
    grants.iter().map(parse).collect()
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.into_kind() {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            TokenError::BadSignature
        }
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            TokenError::BadClaim(claim)
        }
        _ => TokenError::Malformed,
    }
}
