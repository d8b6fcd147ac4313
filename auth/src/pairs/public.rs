//! The public half of a key pair, as a JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

/// By which algorithm a pair signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PairAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// ECDSA on P-256.
    ES256,
    /// RSA, PKCS#1 v1.5.
    RS256,
}

impl PairAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EdDSA, Self::ES256, Self::RS256];

    /// As tokens name it (RFC 7518 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        }
    }

    pub(crate) fn library(self) -> Algorithm {
        match self {
            Self::EdDSA => Algorithm::EdDSA,
            Self::ES256 => Algorithm::ES256,
            Self::RS256 => Algorithm::RS256,
        }
    }
}

/// A public key, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    kid: String,
    alg: PairAlgorithm,
    #[serde(rename = "use")]
    usage: Usage,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Usage {
    #[serde(rename = "sig")]
    Signing,
}

/// The numbers that it is, as base64url. In the order of their names, as a thumbprint has them (RFC 7638 §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub(super) enum Numbers {
    #[serde(rename = "OKP")]
    Edwards { crv: EdwardsCurve, x: String },
    #[serde(rename = "EC")]
    Elliptic {
        crv: EllipticCurve,
        x: String,
        y: String,
    },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EdwardsCurve {
    Ed25519,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EllipticCurve {
    #[serde(rename = "P-256")]
    P256,
}

impl Numbers {
    /// RFC 7638 §3.1: only what makes the key, in the order of the names, without blanks.
    pub(super) fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Edwards { x, .. } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::Elliptic { x, y, .. } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    fn algorithm(&self) -> PairAlgorithm {
        match self {
            Self::Edwards { .. } => PairAlgorithm::EdDSA,
            Self::Elliptic { .. } => PairAlgorithm::ES256,
            Self::Rsa { .. } => PairAlgorithm::RS256,
        }
    }
}

impl PublicKey {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            kid: numbers.thumbprint(),
            alg: numbers.algorithm(),
            usage: Usage::Signing,
            numbers,
        }
    }

    /// Its name, which is what it is: RFC 7638's thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that it checks by.
    pub fn algorithm(&self) -> PairAlgorithm {
        self.alg
    }

    /// What it checks with; nothing when it is not what it says that it is: then somebody else wrote it.
    pub(crate) fn checking(&self) -> Option<DecodingKey> {
        if *self != Self::new(self.numbers.clone()) {
            return None;
        }
        let key = match &self.numbers {
            Numbers::Edwards { x, .. } => DecodingKey::from_ed_components(x),
            Numbers::Elliptic { x, y, .. } => DecodingKey::from_ec_components(x, y),
            Numbers::Rsa { e, n } => DecodingKey::from_rsa_components(n, e),
        };
        key.ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_as_the_standards_have_it() {
        // RFC 7638 §3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM\
            stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91\
            CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let (e, n) = ("AQAB".to_owned(), n.to_owned());
        let rsa = Numbers::Rsa { e, n };
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037, appendix A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        let crv = EdwardsCurve::Ed25519;
        let edwards = Numbers::Edwards { crv, x };
        assert_eq!(
            edwards.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        assert_eq!(
            serde_json::to_value(PublicKey::new(edwards)).unwrap(),
            serde_json::json!({
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "use": "sig", "kty": "OKP",
                "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            })
        );
    }
}
