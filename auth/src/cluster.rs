//! What the nodes of a cluster prove to each other: that they belong to it, that a lease or a batch comes from one of
//! them. All of it stands on one secret, which itself is never sent.
//!
//! Each use has a key of its own, derived from the secret, so that nothing made for one can be shown for another.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::key::{Key, KeyError};
use crate::token::{TokenError, unix_now};
use crate::verifier::header::Header as TokenHeader;

/// A pass opens links and nothing else: a subscriber's token opens none.
const AUDIENCE: &str = "tailcast-link";

/// How long a pass is good after it was made, in seconds: it is made for each connection anew.
const PASS_SECONDS: i64 = 10;

/// How far the clocks of a cluster's machines may differ, in seconds.
pub const SKEW_SECONDS: i64 = 60;

/// The most passes that are remembered as used. Only who knows the secret can make one.
const MOST_USED: usize = 100_000;

/// The longest `jti` that is remembered, in bytes.
const LONGEST_JTI: usize = 64;

/// What a seal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// What a node says of itself.
    Lease,
    /// What goes over a link.
    Frame,
}

/// Proves to the other nodes of a cluster that one belongs to it, without sending the secret itself.
pub struct ClusterSecret {
    sign: EncodingKey,
    check: DecodingKey,
    leases: hmac::Key,
    frames: hmac::Key,
}

/// The bytes of a seal.
pub const SEAL_BYTES: usize = 32;

impl ClusterSecret {
    /// Reads the secret as settings carry it: at least 32 bytes, like a key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, Key::from_text(text)?.bytes());
        let derived = |purpose: &[u8]| hmac::sign(&root, purpose);
        let sealing = |purpose| hmac::Key::new(hmac::HMAC_SHA256, derived(purpose).as_ref());
        let passes = derived(b"tailcast passes 1");
        Ok(Self {
            sign: EncodingKey::from_secret(passes.as_ref()),
            check: DecodingKey::from_secret(passes.as_ref()),
            leases: sealing(b"tailcast leases 1"),
            frames: sealing(b"tailcast frames 1"),
        })
    }

    /// A pass for the next seconds, with which node `from` may open one link to node `to`.
    pub fn issue(&self, from: &str, to: &str) -> Result<String, TokenError> {
        self.issue_until(from, to, unix_now() + PASS_SECONDS)
    }

    fn issue_until(&self, from: &str, to: &str, exp: i64) -> Result<String, TokenError> {
        let pass = Pass {
            sub: from.to_owned(),
            aud: AUDIENCE.to_owned(),
            to: to.to_owned(),
            jti: uuid::Uuid::new_v4().simple().to_string(),
            exp,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &pass, &self.sign)
            .map_err(|_| TokenError::Unsigned)
    }

    /// What shows that these bytes were written by a node of the cluster.
    pub fn seal(&self, what: Sealed, bytes: &[u8]) -> [u8; SEAL_BYTES] {
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(hmac::sign(self.key(what), bytes).as_ref());
        seal
    }

    /// Whether a node of the cluster wrote these bytes.
    pub fn is_sealed(&self, what: Sealed, bytes: &[u8], seal: &[u8]) -> bool {
        hmac::verify(self.key(what), bytes, seal).is_ok()
    }

    fn key(&self, what: Sealed) -> &hmac::Key {
        match what {
            Sealed::Lease => &self.leases,
            Sealed::Frame => &self.frames,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Pass {
    /// Who shows it.
    sub: String,
    aud: String,
    /// To whom, and to nobody else.
    to: String,
    jti: String,
    exp: i64,
}

/// Why a pass opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// It is none, or another secret made it.
    #[error("it was not made with this cluster's secret")]
    Foreign,
    /// It was made to be shown to another node.
    #[error("it is for another node")]
    ForAnother,
    /// Past its end.
    #[error("it has expired: do the clocks of the nodes agree?")]
    Expired,
    /// Its end is further away than any pass of a node with a right clock.
    #[error("it would be good for too long: do the clocks of the nodes agree?")]
    TooLong,
    /// It was shown before.
    #[error("it was used before")]
    Used,
    /// As many passes as can be remembered were shown within two minutes.
    #[error("too many passes were shown lately")]
    Crowded,
}

/// Lets in who shows a pass for this node, once.
pub struct Gate {
    secret: Arc<ClusterSecret>,
    me: String,
    /// Passes that were shown, each with the Unix second from which it is refused anyway. Bounded by [`MOST_USED`].
    used: Mutex<HashMap<String, i64>>,
}

impl Gate {
    /// The gate of node `me`.
    pub fn new(secret: Arc<ClusterSecret>, me: &str) -> Self {
        Self {
            secret,
            me: me.to_owned(),
            used: Mutex::default(),
        }
    }

    /// Who shows the pass, when it is good now. It is used up by that.
    pub fn admit(&self, pass: &str) -> Result<String, PassError> {
        self.admit_at(pass, unix_now())
    }

    fn admit_at(&self, pass: &str, now: i64) -> Result<String, PassError> {
        TokenHeader::of(pass).map_err(|_| PassError::Foreign)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["sub", "aud", "exp"]);
        validation.set_audience(&[AUDIENCE]);
        // By the caller's clock, below.
        validation.validate_exp = false;
        let read = jsonwebtoken::decode::<Pass>(pass, &self.secret.check, &validation);
        let pass = read.map_err(|_| PassError::Foreign)?.claims;
        if pass.to != self.me {
            return Err(PassError::ForAnother);
        }
        let gone = pass.exp.saturating_add(SKEW_SECONDS);
        if gone <= now {
            return Err(PassError::Expired);
        }
        // So no pass can be shown for more than two minutes, whatever it says.
        if pass.exp > now + SKEW_SECONDS || pass.jti.len() > LONGEST_JTI {
            return Err(PassError::TooLong);
        }
        let mut used = self.used.lock();
        if used.len() >= MOST_USED {
            used.retain(|_, gone| *gone > now);
        }
        if used.contains_key(&pass.jti) {
            return Err(PassError::Used);
        }
        if used.len() >= MOST_USED {
            return Err(PassError::Crowded);
        }
        used.insert(pass.jti, gone);
        Ok(pass.sub)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Arc<ClusterSecret> {
        Arc::new(ClusterSecret::from_text(&text.repeat(32)).unwrap())
    }

    #[test]
    fn a_pass_opens_one_link_to_one_node() {
        let ours = secret("a");
        let gate = Gate::new(Arc::clone(&ours), "push-1");
        let pass = ours.issue("dispatch-1", "push-1").unwrap();
        assert_eq!(
            Gate::new(Arc::clone(&ours), "push-2").admit(&pass),
            Err(PassError::ForAnother)
        );
        assert_eq!(gate.admit(&pass).as_deref(), Ok("dispatch-1"));
        assert_eq!(gate.admit(&pass), Err(PassError::Used));
        let other = secret("b").issue("dispatch-1", "push-1").unwrap();
        assert_eq!(gate.admit(&other), Err(PassError::Foreign));
        assert_eq!(gate.admit("nonsense"), Err(PassError::Foreign));
    }

    #[test]
    fn a_pass_is_good_for_seconds_and_for_two_minutes_at_most_whoever_wrote_it() {
        const NOW: i64 = 1_800_000_000;
        let ours = secret("a");
        let at = |exp, now| {
            Gate::new(Arc::clone(&ours), "b").admit_at(&ours.issue_until("a", "b", exp).unwrap(), now)
        };
        for (exp, expected) in [
            (NOW + PASS_SECONDS, Ok("a".to_owned())),
            (NOW - SKEW_SECONDS + 1, Ok("a".to_owned())),
            (NOW - SKEW_SECONDS, Err(PassError::Expired)),
            (NOW + SKEW_SECONDS, Ok("a".to_owned())),
            (NOW + SKEW_SECONDS + 1, Err(PassError::TooLong)),
            (i64::MAX, Err(PassError::TooLong)),
            (0, Err(PassError::Expired)),
        ] {
            assert_eq!(at(exp, NOW), expected, "{exp}");
        }
    }

    #[test]
    fn used_passes_are_remembered_until_they_are_refused_anyway() {
        const NOW: i64 = 1_800_000_000;
        let ours = secret("a");
        let gate = Gate::new(Arc::clone(&ours), "b");
        let pass = ours.issue_until("a", "b", NOW + PASS_SECONDS).unwrap();
        gate.admit_at(&pass, NOW).unwrap();
        let last = NOW + PASS_SECONDS + SKEW_SECONDS - 1;
        assert_eq!(gate.admit_at(&pass, last), Err(PassError::Used));
        gate.used
            .lock()
            .extend((0..MOST_USED).map(|i| (i.to_string(), last + 1)));
        let next = |now| gate.admit_at(&ours.issue_until("a", "b", now).unwrap(), now);
        assert_eq!(next(last), Err(PassError::Crowded));
        assert_eq!(next(last + 1).as_deref(), Ok("a"), "what is over makes room");
        assert_eq!(gate.used.lock().len(), 1);
    }

    #[test]
    fn a_seal_is_for_its_bytes_and_its_purpose() {
        let ours = secret("a");
        let seal = ours.seal(Sealed::Frame, b"lines");
        assert!(ours.is_sealed(Sealed::Frame, b"lines", &seal));
        assert!(!ours.is_sealed(Sealed::Lease, b"lines", &seal));
        assert!(!ours.is_sealed(Sealed::Frame, b"Lines", &seal));
        assert!(!ours.is_sealed(Sealed::Frame, b"lines", &seal[..16]));
        assert!(!secret("b").is_sealed(Sealed::Frame, b"lines", &seal));
    }
}
