//! Both halves of a key: made, written and read as PKCS #8 (RFC 5208) in PEM (RFC 7468), as `openssl genpkey` writes them.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::public::{EdwardsCurve, EllipticCurve, Numbers, PairAlgorithm, PublicKey};
use crate::token::TokenError;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The least that an RSA key has (RFC 7518 §3.3), in bits.
const LEAST_RSA_BITS: usize = 2_048;
/// Characters of a line of PEM.
const LINE: usize = 64;

/// Why something is no key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// It is no PEM, or of something else.
    #[error("it is no private key in PEM (PKCS #8): `openssl genpkey -algorithm ed25519` makes one")]
    NotPem,
    /// A key of which no signature of a token is made.
    #[error("it is no key for EdDSA (Ed25519), ES256 (P-256) or RS256 (RSA with 2048 bits or more)")]
    WrongKind,
    /// The library could not make one.
    #[error("no key could be made")]
    NotMade,
}

/// A private key with its public one. Never shown, not by `Debug` either.
pub struct KeyPair {
    private: Private,
    public: PublicKey,
}

enum Private {
    Edwards(Ed25519KeyPair),
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl KeyPair {
    /// A new one.
    pub fn generate(algorithm: PairAlgorithm) -> Result<Self, PairError> {
        let made = match algorithm {
            PairAlgorithm::EdDSA => Ed25519KeyPair::generate().map(Private::Edwards),
            PairAlgorithm::ES256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Private::Elliptic)
            }
            PairAlgorithm::RS256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Private::Rsa),
        };
        Self::of(made.map_err(|_| PairError::NotMade)?)
    }

    /// Reads one as a file has it.
    pub fn from_pem(text: &str) -> Result<Self, PairError> {
        let (_, rest) = text.split_once(BEGIN).ok_or(PairError::NotPem)?;
        let (body, _) = rest.split_once(END).ok_or(PairError::NotPem)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| PairError::NotPem)?;
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(&der) {
            return Self::of(Private::Edwards(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            return Self::of(Private::Elliptic(pair));
        }
        match RsaKeyPair::from_pkcs8(&der) {
            Ok(pair) if pair.public_modulus_len() * 8 >= LEAST_RSA_BITS => Self::of(Private::Rsa(pair)),
            _ => Err(PairError::WrongKind),
        }
    }

    /// As a file has it.
    pub fn to_pem(&self) -> Result<String, PairError> {
        let der = match &self.private {
            Private::Edwards(pair) => pair.to_pkcs8v1().map(|der| STANDARD.encode(der)),
            Private::Elliptic(pair) => pair.to_pkcs8v1().map(|der| STANDARD.encode(der)),
            Private::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| STANDARD.encode(&*der)),
        };
        let text = der.map_err(|_| PairError::NotMade)?;
        let mut pem = format!("{BEGIN}\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str(END);
        pem.push('\n');
        Ok(pem)
    }

    fn of(private: Private) -> Result<Self, PairError> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let numbers = match &private {
            Private::Edwards(pair) => Numbers::Edwards {
                crv: EdwardsCurve::Ed25519,
                x: encode(pair.public_key().as_ref()),
            },
            Private::Elliptic(pair) => {
                // The uncompressed point: 4, x, y.
                let point = pair.public_key().as_ref();
                let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
                    return Err(PairError::WrongKind);
                };
                let crv = EllipticCurve::P256;
                let (x, y) = (encode(x), encode(y));
                Numbers::Elliptic { crv, x, y }
            }
            Private::Rsa(pair) => Numbers::Rsa {
                e: encode(pair.public_key().exponent().big_endian_without_leading_zero()),
                n: encode(pair.public_key().modulus().big_endian_without_leading_zero()),
            },
        };
        let public = PublicKey::new(numbers);
        Ok(Self { private, public })
    }

    /// What everybody may know of it.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of a token (RFC 7518 §3.3, §3.4, RFC 8037 §3.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Edwards(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Private::Elliptic(pair) => {
                let signature = pair.sign(&random, message);
                Ok(signature.map_err(|_| TokenError::Unsigned)?.as_ref().to_vec())
            }
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map_err(|_| TokenError::Unsigned)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public.kid())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_the_same_after_it_was_written_and_read() {
        for algorithm in PairAlgorithm::ALL {
            let made = KeyPair::generate(algorithm).unwrap();
            let pem = made.to_pem().unwrap();
            assert!(pem.lines().all(|line| line.len() <= LINE), "{pem}");
            let read = KeyPair::from_pem(&format!("a comment\n{pem}")).unwrap();
            assert_eq!(
                (read.public(), algorithm),
                (made.public(), read.public().algorithm())
            );
            assert!(read.public().checking().is_some());
            assert!(!format!("{made:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn what_openssl_writes_can_be_used_and_what_is_no_such_key_is_not() {
        // openssl genpkey -algorithm ed25519
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
            -----END PRIVATE KEY-----\n";
        // RFC 8037, appendix A.
        assert_eq!(
            KeyPair::from_pem(pem).unwrap().public().kid(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        for (text, error) in [
            ("", PairError::NotPem),
            ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw", PairError::NotPem),
            (
                "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----",
                PairError::NotPem,
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                PairError::WrongKind,
            ),
        ] {
            assert_eq!(KeyPair::from_pem(text).unwrap_err(), error, "{text}");
        }
    }
}
