//! Tokens: JSON Web Tokens (RFC 7519), why one is not accepted, and how they are made.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lines::{NameError, Pattern};
use serde::Serialize;

use crate::api_keys;
use crate::grants::{Grants, Subscriber};
use crate::key::Key;
use crate::signing::Signer;

/// What every token of Tailcast names in `aud`.
pub const AUDIENCE: &str = "tailcast";

/// What an access token says in `client_id` that no client asked for, but a person.
const OWN_CLIENT: &str = "tailcast";

/// How far a clock may be off at login, in seconds.
pub const LEEWAY_SECONDS: u64 = 10;

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
    #[error("the token is not signed with a key that this installation accepts")]
    BadSignature,
    /// It was taken back, by itself or with all others of its kind.
    #[error("the token was revoked: get a new one")]
    Revoked,
    /// There is no such API key.
    #[error("there is no such API key: it was deleted or replaced, or never made")]
    NoSuchApiKey,
    /// What was revoked is not known here yet, so that no token can be told good.
    #[error("it is not known yet which tokens were revoked: try again")]
    NotYetKnown,
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
    /// It is to last longer than its key lets it.
    #[error("a token lasts {0:?} at the most (`max_lifetime`)")]
    TooLong(Duration),
    /// There is nothing to sign with here, or not yet.
    #[error("there is no key to sign tokens with here")]
    NoKey,
    /// It could not be signed.
    #[error("the token could not be signed")]
    Unsigned,
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
    /// Whether tokens may be made for others.
    pub mint: bool,
    /// The id of the API key that it is made with, and after `:` half of its hash: it is good as long as that opens.
    pub client: Option<String>,
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
            mint: false,
            client: None,
            expires_at,
        }
    }
}

/// Makes tokens.
pub struct Minter {
    signer: Signer,
    issuer: Arc<str>,
}

impl Minter {
    /// Signs in the name of `issuer`.
    pub fn new(signer: Signer, issuer: &str) -> Self {
        Self {
            signer,
            issuer: issuer.into(),
        }
    }

    /// Signs with a shared key.
    pub fn hs256(key: &Key, issuer: &str) -> Self {
        Self::new(Signer::hs256(key), issuer)
    }

    /// What it signs with.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// In whose name: the `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How long a token of its may last; none where that is not bounded.
    pub fn longest(&self) -> Option<Duration> {
        self.signer.longest()
    }

    /// Makes a token, refusing claims that no verifier would accept.
    pub fn mint(&self, claims: &Claims) -> Result<String, TokenError> {
        let grants = Grants {
            read: parse_grants(&claims.read)?,
            write: parse_grants(&claims.write)?,
            admin: claims.admin,
            introspect: claims.introspect,
            mint: claims.mint,
        };
        Subscriber::new(&claims.sub, grants, claims.expires_at, None).map_err(TokenError::BadSubject)?;
        let now = unix_now();
        if let Some(longest) = self.longest()
            && claims.expires_at > now.saturating_add_unsigned(longest.as_secs())
        {
            return Err(TokenError::TooLong(longest));
        }
        self.signer.sign(&WrittenClaims {
            sub: &claims.sub,
            iss: &self.issuer,
            aud: AUDIENCE,
            iat: now,
            exp: claims.expires_at,
            jti: uuid::Uuid::new_v4().simple().to_string(),
            read: &claims.read,
            write: &claims.write,
            admin: claims.admin,
            introspect: claims.introspect,
            mint: claims.mint,
            client_key: claims
                .client
                .as_deref()
                .and_then(|client| Some(client.split_once(':')?.1)),
            client_id: match &claims.client {
                Some(key) => Some(api_keys::client_id(key)),
                None => self.signer.kid().map(|_| OWN_CLIENT.to_owned()),
            },
        })
    }
}

/// Seconds since the Unix epoch, by this machine's clock.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mint: bool,
    /// RFC 9068 §2.2 requires it of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<&'a str>,
}

/// Reads the names of streams and patterns that a claim grants.
pub(crate) fn parse_grants(grants: &[String]) -> Result<Vec<Pattern>, TokenError> {
    let parse = |grant: &String| match grant.as_str() {
        "@me" => Err(TokenError::GrantForMe),
        text => Pattern::parse(text).map_err(|error| TokenError::BadGrant {
            grant: grant.clone(),
            error,
        }),
    };
    grants.iter().map(parse).collect()
}
