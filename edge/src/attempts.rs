//! Bad credentials by address: beyond a rate they are answered 429. Only they are: behind an address there may be a whole
//! company, and the good token of one is not refused for the bad ones of another.
//!
//! A bucket is one time, up to which what was taken out of it lasts (GCRA). One whose time has passed is full, and
//! forgotten when room is needed; while none is, addresses that are new share one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::connections::Source;

/// How many bad credentials an address may bring.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    /// At once: 100.
    pub burst: u32,
    /// Between two, sustained: 100 ms.
    pub every: Duration,
    /// Addresses that are remembered: 4,096. All others count as one.
    pub addresses: usize,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            burst: 100,
            every: Duration::from_millis(100),
            addresses: 4_096,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Attempts {
    limits: AttemptLimits,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<Source, Instant>,
    of_all_others: Option<Instant>,
}

impl Attempts {
    pub(crate) fn new(limits: AttemptLimits) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
        }
    }

    /// Takes one out of the bucket of `source`. An error says how long until there is one again.
    pub(crate) fn take(&self, source: Source, now: Instant) -> Result<(), Duration> {
        let AttemptLimits { burst, every, .. } = self.limits;
        let mut buckets = self.buckets.lock();
        let bucket = buckets.of(source, now, self.limits.addresses);
        let after = (*bucket).max(now) + every;
        match (after - now).checked_sub(every * burst) {
            Some(missing) if !missing.is_zero() => Err(missing),
            _ => {
                *bucket = after;
                Ok(())
            }
        }
    }
}

impl Buckets {
    fn of(&mut self, source: Source, now: Instant, most: usize) -> &mut Instant {
        if !self.of.contains_key(&source) && self.of.len() >= most {
            // A look through all of them for one, and then not again until some are full: a new one is no cheaper.
            if self.of_all_others.is_none_or(|full| full <= now) {
                self.of.retain(|_, full| *full > now);
            }
            if self.of.len() >= most {
                return self.of_all_others.get_or_insert(now);
            }
        }
        self.of.entry(source).or_insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectionLimits;

    fn source(address: &str) -> Source {
        let limits = ConnectionLimits::default();
        limits.counted_as(address.parse().unwrap()).unwrap()
    }

    fn attempts(burst: u32, addresses: usize) -> Attempts {
        Attempts::new(AttemptLimits {
            burst,
            every: Duration::from_secs(1),
            addresses,
        })
    }

    #[test]
    fn a_burst_passes_and_then_one_in_a_while() {
        let (attempts, now, one) = (attempts(3, 10), Instant::now(), source("192.0.2.1"));
        for _ in 0..3 {
            assert_eq!(attempts.take(one, now), Ok(()));
        }
        assert_eq!(attempts.take(one, now), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!(attempts.take(one, later), Ok(()));
        assert_eq!(attempts.take(one, later), Err(Duration::from_secs(1)));
        assert_eq!(attempts.take(source("192.0.2.2"), now), Ok(()), "another address");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_an_ipv4_one_is_itself_however_it_is_written() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn however_many_addresses_come_only_so_many_are_remembered_and_none_is_without_bound() {
        let (attempts, now) = (attempts(1, 100), Instant::now());
        let mut passed = 0;
        for i in 0..1_000_u32 {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + i).to_string();
            passed += u32::from(attempts.take(source(&address), now).is_ok());
        }
        assert_eq!(passed, 101, "one each, and one for all others");
        assert_eq!(attempts.buckets.lock().of.len(), 100);
        // The buckets are full again, and forgotten.
        let later = now + Duration::from_secs(60);
        assert_eq!(attempts.take(source("192.0.2.1"), later), Ok(()));
        assert_eq!(attempts.buckets.lock().of.len(), 1);
    }
}
