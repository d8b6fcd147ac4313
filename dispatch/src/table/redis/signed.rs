//! Leases as they lie in Redis: signed with the cluster's secret, so that who can write to Redis can keep nodes from
//! finding each other, but send none of them to a stranger.
//!
//! A signature is over every field, and over when it was made: an old lease, kept or put back by somebody, is followed
//! for about a minute at the most. Even then a stranger at a dead node's address gains nothing: a pass names its node.

use std::collections::HashSet;

use auth::{ClusterSecret, Sealed, cluster::SKEW_SECONDS};
use parking_lot::Mutex;

use super::{Lease, NodeId, Role};

/// The fields of a lease, as they are signed: in this order, and the signature last.
pub(super) const FIELDS: [&str; 7] = [
    "roles",
    "address",
    "sessions",
    "started",
    "version",
    "renewed",
    "signature",
];

/// How old a lease may be, in milliseconds: it is renewed every few seconds, and clocks may differ.
const OLDEST_MS: u64 = 1000 * SKEW_SECONDS.unsigned_abs() + 10_000;
/// How far from now a lease may be dated, in milliseconds.
const FURTHEST_MS: u64 = 1000 * SKEW_SECONDS.unsigned_abs();

/// The most nodes whose leases' refusals are logged.
const MOST_LOGGED: usize = 100;

/// Why a lease is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it is not signed: a version before signed leases wrote it, or somebody else")]
    Unsigned,
    #[error("it is not signed with this cluster's secret")]
    Forged,
    #[error("it is not of now: the clocks of the nodes differ by more than a minute, or somebody kept it")]
    Stale,
}

impl Refused {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::Stale => "stale",
        }
    }
}

/// The values of a lease's fields at a time, in the order of [`FIELDS`].
pub(super) fn write(lease: &Lease, now_ms: u64, secret: &ClusterSecret) -> [String; FIELDS.len()] {
    let roles: Vec<&str> = lease.roles.iter().map(|role| role.as_str()).collect();
    let values = [
        roles.join(","),
        lease.address.clone(),
        lease.sessions.to_string(),
        lease.started.clone(),
        lease.version.clone(),
        now_ms.to_string(),
    ];
    let seal = secret.seal(Sealed::Lease, &signed(&lease.node, &values));
    let [roles, address, sessions, started, version, renewed] = values;
    let signature = seal.iter().map(|byte| format!("{byte:02x}")).collect();
    [roles, address, sessions, started, version, renewed, signature]
}

/// The lease with these values, when a node of the cluster wrote it lately.
pub(super) fn read(
    node: NodeId,
    values: Vec<Option<String>>,
    now_ms: u64,
    secret: &ClusterSecret,
) -> Result<Lease, Refused> {
    let values: Vec<String> = values.into_iter().flatten().collect();
    let Ok([roles, address, sessions, started, version, renewed, signature]) =
        <[String; FIELDS.len()]>::try_from(values)
    else {
        return Err(Refused::Unsigned);
    };
    let values = [roles, address, sessions, started, version, renewed];
    let seal = unhex(&signature).ok_or(Refused::Forged)?;
    if !secret.is_sealed(Sealed::Lease, &signed(&node, &values), &seal) {
        return Err(Refused::Forged);
    }
    let [roles, address, sessions, started, version, renewed] = values;
    let renewed: u64 = renewed.parse().map_err(|_| Refused::Stale)?;
    if renewed + OLDEST_MS < now_ms || renewed > now_ms + FURTHEST_MS {
        return Err(Refused::Stale);
    }
    Ok(Lease {
        node,
        roles: roles.split(',').filter_map(Role::parse).collect(),
        address,
        sessions: sessions.parse().unwrap_or(0),
        started,
        version,
    })
}

/// Each value behind its length, so that none can be taken for a part of another.
fn signed(node: &NodeId, values: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in std::iter::once(node.as_str()).chain(values.iter().map(String::as_str)) {
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    if !digits.remainder().is_empty() {
        return None;
    }
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Which refusals were told: whoever writes nonsense into Redis does not fill the log.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashSet<(NodeId, &'static str)>>);

impl Refusals {
    pub(super) fn tell(&self, node: &NodeId, refused: Refused) {
        let why = refused.as_str();
        metrics::counter!("tailcast_leases_refused_total", "why" => why).increment(1);
        let mut told = self.0.lock();
        if told.len() < MOST_LOGGED && told.insert((node.clone(), why)) {
            tracing::warn!(%node, why = %refused, "a lease in redis is not followed");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn secret(text: &str) -> ClusterSecret {
        ClusterSecret::from_text(&text.repeat(32)).unwrap()
    }

    fn lease() -> Lease {
        Lease {
            node: NodeId::random(),
            roles: [Role::Push, Role::Web].into(),
            address: "10.0.0.1:7441".to_owned(),
            sessions: 7,
            started: "2026-01-02T03:04:05Z".to_owned(),
            version: "0.1.0".to_owned(),
        }
    }

    fn written(lease: &Lease) -> Vec<Option<String>> {
        write(lease, NOW, &secret("a")).map(Some).to_vec()
    }

    #[test]
    fn a_signed_lease_is_read_as_it_was_written() {
        let lease = lease();
        assert_eq!(
            read(lease.node.clone(), written(&lease), NOW, &secret("a")),
            Ok(lease)
        );
    }

    #[test]
    fn whatever_is_changed_the_lease_is_not_followed() {
        let lease = lease();
        let node = || lease.node.clone();
        for at in 0..FIELDS.len() {
            let mut values = written(&lease);
            values[at].as_mut().unwrap().push('0');
            assert_eq!(
                read(node(), values, NOW, &secret("a")),
                Err(Refused::Forged),
                "{}",
                FIELDS[at]
            );
            let mut values = written(&lease);
            values[at] = None;
            assert_eq!(
                read(node(), values, NOW, &secret("a")),
                Err(Refused::Unsigned),
                "{}",
                FIELDS[at]
            );
        }
        // A byte that moves from one field to the next.
        let mut values = written(&lease);
        values[3] = Some("2026-01-02T03:04:05".to_owned());
        values[4] = Some("Z0.1.0".to_owned());
        assert_eq!(read(node(), values, NOW, &secret("a")), Err(Refused::Forged));
        assert_eq!(
            read(NodeId::random(), written(&lease), NOW, &secret("a")),
            Err(Refused::Forged)
        );
        assert_eq!(
            read(node(), written(&lease), NOW, &secret("b")),
            Err(Refused::Forged)
        );
        assert_eq!(
            read(node(), Vec::new(), NOW, &secret("a")),
            Err(Refused::Unsigned)
        );
    }

    #[test]
    fn a_lease_that_somebody_kept_ends_and_clocks_may_differ_by_a_minute() {
        let lease = lease();
        let at = |now| read(lease.node.clone(), written(&lease), now, &secret("a")).map(drop);
        assert_eq!(at(NOW + OLDEST_MS), Ok(()));
        assert_eq!(at(NOW + OLDEST_MS + 1), Err(Refused::Stale));
        assert_eq!(at(NOW - FURTHEST_MS), Ok(()));
        assert_eq!(at(NOW - FURTHEST_MS - 1), Err(Refused::Stale));
    }
}
