//! The header of a token (RFC 7515 §4.1): what it asks for, before anything is checked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::signing::ACCESS_TOKEN;
use crate::token::TokenError;

/// The longest `kid`, in bytes: a thumbprint has 43, and others' names of keys are short, too.
const LONGEST_KID: usize = 256;

/// Parameters that change how a token is to be checked, or say where its key is (RFC 7515 §4.1, RFC 7797). The library
/// passes over them, where the standard has a `crit` that is not understood refused (§4.1.11); and no key is ever taken from
/// a token.
const NEVER: [&str; 6] = ["crit", "b64", "jku", "jwk", "x5u", "x5c"];

/// What is heeded of it. Nothing of it is believed: the key that is found decides how the token is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// How it says that it is signed.
    pub alg: String,
    /// Which key it names.
    pub kid: Option<String>,
    /// What it says that it is (RFC 8725 §3.11).
    pub typ: Option<String>,
}

impl Header {
    /// Whether it says that it is an access token (RFC 9068 §4), which may be written as a media type.
    pub(crate) fn is_access_token(&self) -> bool {
        let typ = self.typ.as_deref().unwrap_or_default();
        let typ = match typ.split_at_checked("application/".len()) {
            Some((kind, name)) if kind.eq_ignore_ascii_case("application/") => name,
            _ => typ,
        };
        typ.eq_ignore_ascii_case(ACCESS_TOKEN)
    }

    /// Reads a token's header, and refuses what nobody here checks.
    pub(crate) fn of(token: &str) -> Result<Self, TokenError> {
        let mut header = part(token.split('.').next())?;
        if let Some(name) = NEVER.into_iter().find(|name| header.contains_key(*name)) {
            return Err(TokenError::BadHeader(name));
        }
        let mut text = |name: &str| match header.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Malformed),
        };
        let (alg, kid, typ) = (text("alg")?, text("kid")?, text("typ")?);
        if kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(TokenError::BadHeader("kid"));
        }
        let alg = alg.ok_or(TokenError::Malformed)?;
        Ok(Self { alg, kid, typ })
    }
}

fn part(text: Option<&str>) -> Result<Map<String, Value>, TokenError> {
    let decoded = URL_SAFE_NO_PAD.decode(text.unwrap_or_default());
    let decoded = decoded.map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&decoded).map_err(|_| TokenError::Malformed)
}
