//! Limits that are good alone and not together. Whoever raises one is told which other one stands in the way.

use std::time::Duration;

use store::clock::TOLERANCE;

use super::limited::Number;
use super::{Limits, Listed};
use crate::config::ConfigError;
use crate::config::units::shown_duration;

/// So many times some limits, added up, are at most another one.
struct Rule {
    sum: &'static [(u64, &'static str)],
    /// What comes on top of them, and why.
    more: Option<(Duration, &'static str)>,
    most: &'static str,
    /// What would go wrong.
    because: &'static str,
}

const fn at_most(one: &'static [(u64, &'static str)], most: &'static str, because: &'static str) -> Rule {
    Rule {
        sum: one,
        more: None,
        most,
        because,
    }
}

const RULES: &[Rule] = &[
    at_most(
        &[(1, "ingest.line")],
        "ingest.inflated",
        "no body could carry the longest line",
    ),
    at_most(
        &[(1, "ingest.inflated")],
        "ingest.memory",
        "the largest body would never find room",
    ),
    at_most(
        &[(1, "ingest.memory_share")],
        "ingest.memory",
        "one subscriber cannot have more than there is",
    ),
    at_most(
        &[(1, "append.subscriber_bytes")],
        "append.waiting_bytes",
        "one subscriber cannot have more than there is",
    ),
    at_most(
        &[(1, "mongo.server_selection")],
        "mongo.deadline",
        "an error could not say why",
    ),
    Rule {
        sum: &[(1, "mongo.tail_valid"), (2, "mongo.deadline")],
        more: Some((TOLERANCE, "by which clocks may differ")),
        most: "mongo.grace",
        because: "removed batches would be deleted while another node may still go by them",
    },
    at_most(
        &[(2, "links.ping")],
        "links.silence",
        "one lost ping would break a good link",
    ),
    at_most(
        &[(1, "links.retry.first")],
        "links.retry.most",
        "the first pause is the shortest",
    ),
    at_most(
        &[(1, "links.look.first")],
        "links.look.most",
        "the first pause is the shortest",
    ),
    at_most(
        &[(1, "redis.retry.first")],
        "redis.retry.most",
        "the first pause is the shortest",
    ),
    at_most(
        &[(1, "lease.renew"), (1, "lease.retry")],
        "redis.lease",
        "one renewal that fails would end the lease",
    ),
    at_most(
        &[(1, "sessions.tick")],
        "sessions.tick_stretched",
        "a stretched tick is the longer one",
    ),
    at_most(
        &[(1, "sessions.head_first")],
        "sessions.head_last",
        "the first pause is the shortest",
    ),
    at_most(
        &[(1, "history.default_lines")],
        "history.lines",
        "an answer of the default size would be too long",
    ),
];

/// Refuses limits that do not go together.
pub(super) fn check(limits: &Limits) -> Result<(), ConfigError> {
    let all = limits.list();
    let of = |name: &str| all.iter().find(|limit| limit.name == name);
    for rule in RULES {
        let parts: Option<Vec<_>> = rule
            .sum
            .iter()
            .map(|(times, name)| of(name).map(|limit| (*times, limit)))
            .collect();
        if let (Some(parts), Some(most)) = (parts, of(rule.most)) {
            rule.check(&parts, most)?;
        }
    }
    Ok(())
}

impl Rule {
    fn check(&self, parts: &[(u64, &Listed)], most: &Listed) -> Result<(), ConfigError> {
        let more = self.more.map_or(0, |(more, _)| more.get());
        let sum = parts.iter().fold(more, |sum, (times, limit)| {
            sum.saturating_add(limit.number.saturating_mul(*times))
        });
        if sum <= most.number {
            return Ok(());
        }
        let mut parts: Vec<_> = parts
            .iter()
            .map(|(times, limit)| match times {
                1 => format!("{} ({})", limit.key(), limit.shown()),
                times => format!("{times} times {} ({})", limit.key(), limit.shown()),
            })
            .collect();
        if let Some((more, why)) = self.more {
            parts.push(format!("{} {why}", shown_duration(more)));
        }
        Err(ConfigError::Conflict(format!(
            "{} must not be more than {} ({}): {}",
            parts.join(" and "),
            most.key(),
            most.shown(),
            self.because
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_limits_that_there_are() {
        let keys: Vec<_> = Limits::default()
            .list()
            .into_iter()
            .map(|limit| limit.name)
            .collect();
        for rule in RULES {
            let names = rule.sum.iter().map(|(_, name)| name).chain([&rule.most]);
            for name in names {
                assert!(keys.iter().any(|key| key == name), "{name}");
            }
        }
    }
}
