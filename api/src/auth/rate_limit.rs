//! How often somebody may try: by address and by account, in bounded memory.
//!
//! The generic cell rate algorithm: one moment per key says when its bucket will be empty again.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use social_events::UserId;

use crate::domain::Email;
use crate::error::ApiError;

/// How many keys one limiter remembers; past it, the one nearest to empty is forgotten.
const KEYS_MAX: usize = 10_000;

/// So many in a burst, and one more every `interval`.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    interval: Duration,
}

/// The limits of every path that has one.
#[derive(Debug)]
pub(crate) struct RateLimits {
    login_by_ip: Limiter<IpAddr>,
    login_by_account: Limiter<Email>,
    join_by_ip: Limiter<IpAddr>,
    exists_by_ip: Limiter<IpAddr>,
    subscribe_by_account: Limiter<UserId>,
}

impl RateLimits {
    pub(crate) fn new() -> Self {
        let rate = |burst, seconds| Rate {
            burst,
            interval: Duration::from_secs(seconds),
        };
        Self {
            login_by_ip: Limiter::new(rate(60, 1)),
            login_by_account: Limiter::new(rate(10, 6)),
            join_by_ip: Limiter::new(rate(30, 2)),
            exists_by_ip: Limiter::new(rate(60, 1)),
            subscribe_by_account: Limiter::new(rate(20, 3)),
        }
    }

    pub(crate) fn login(&self, ip: IpAddr, account: &Email) -> Result<(), ApiError> {
        let now = Instant::now();
        self.login_by_ip.check(network(ip), now)?;
        self.login_by_account.check(account.clone(), now)
    }

    pub(crate) fn join(&self, ip: IpAddr) -> Result<(), ApiError> {
        self.join_by_ip.check(network(ip), Instant::now())
    }

    pub(crate) fn exists(&self, ip: IpAddr) -> Result<(), ApiError> {
        self.exists_by_ip.check(network(ip), Instant::now())
    }

    pub(crate) fn subscribe(&self, user: UserId) -> Result<(), ApiError> {
        self.subscribe_by_account.check(user, Instant::now())
    }
}

/// One household of IPv6 has 2^64 addresses: its network counts.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

#[derive(Debug)]
struct Limiter<K> {
    rate: Rate,
    /// When each key's bucket is empty again.
    empty_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            empty_at: Mutex::default(),
        }
    }

    fn check(&self, key: K, now: Instant) -> Result<(), ApiError> {
        let mut known = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = known.get(&key).copied().unwrap_or(now).max(now);
        let tolerated = now + self.rate.interval * (self.rate.burst - 1);
        if empty_at > tolerated {
            return Err(ApiError::TooManyRequests {
                retry_after: empty_at - tolerated,
            });
        }
        if known.len() >= KEYS_MAX && !known.contains_key(&key) {
            make_room(&mut known, now);
        }
        known.insert(key, empty_at + self.rate.interval);
        Ok(())
    }
}

fn make_room<K: Clone + Eq + Hash>(known: &mut HashMap<K, Instant>, now: Instant) {
    known.retain(|_, empty_at| *empty_at > now);
    if known.len() >= KEYS_MAX {
        let soonest = known.iter().min_by_key(|(_, empty_at)| **empty_at);
        if let Some(key) = soonest.map(|(key, _)| key.clone()) {
            known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter<u32> {
        Limiter::new(Rate {
            burst: 3,
            interval: Duration::from_secs(10),
        })
    }

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let (limiter, now) = (limiter(), Instant::now());
        for _ in 0..3 {
            limiter.check(1, now).unwrap();
        }
        let Err(ApiError::TooManyRequests { retry_after }) = limiter.check(1, now) else {
            panic!("the fourth passed");
        };
        assert_eq!(retry_after, Duration::from_secs(10));
        limiter.check(1, now + retry_after).unwrap();
        assert!(limiter.check(1, now + retry_after).is_err());
    }

    #[test]
    fn one_key_never_uses_up_another() {
        let (limiter, now) = (limiter(), Instant::now());
        for _ in 0..3 {
            limiter.check(1, now).unwrap();
        }
        limiter.check(2, now).unwrap();
    }

    #[test]
    fn memory_is_bounded_whatever_keys_come() {
        let (limiter, now) = (limiter(), Instant::now());
        for key in 0..u32::try_from(KEYS_MAX).unwrap() + 50 {
            limiter.check(key, now).unwrap();
        }
        assert_eq!(limiter.empty_at.lock().unwrap().len(), KEYS_MAX);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let ip = |text: &str| network(text.parse().unwrap());
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:2"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
    }
}
