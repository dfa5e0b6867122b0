//! A moment on the wall clock, to the microsecond: for the steps of a journey, some of which
//! take less than a millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Timestamp;

/// Microseconds since 1970-01-01 UTC; written as `2026-11-22T21:47:17.123456Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(i64);

/// A text that is no ISO-8601 moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO-8601 time such as 2026-11-22T21:47:17.123456Z")]
pub struct MomentError(String);

impl Moment {
    /// The system clock's time, cut to the microsecond.
    #[must_use]
    pub fn now() -> Self {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(epoch_us: i64) -> Self {
        Self(epoch_us)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// So many microseconds later; earlier, when negative.
    #[must_use]
    pub const fn shifted(self, by_us: i64) -> Self {
        Self(self.0.saturating_add(by_us))
    }

    /// How much earlier `self` is than `later`, in microseconds; negative when it is not.
    #[must_use]
    pub const fn micros_until(self, later: Self) -> i64 {
        later.0.saturating_sub(self.0)
    }

    /// So much earlier.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(by_us))
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.millis().saturating_mul(1000))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self::from_millis(moment.0.div_euclid(1000))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            // Outside the years −9999..9999: only a damaged database can hold it.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| MomentError(text.chars().take(40).collect()))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_is_written_as_iso_8601_with_six_decimals() {
        assert_eq!(
            Moment::from_micros(0).to_string(),
            "1970-01-01T00:00:00.000000Z"
        );
        assert_eq!(
            Moment::from_micros(1_606_081_637_120_045).to_string(),
            "2020-11-22T21:47:17.120045Z"
        );
    }

    #[test]
    fn a_time_to_the_millisecond_reads_as_a_moment_and_the_reverse() {
        let timestamp = Timestamp::from_millis(1_606_081_637_120);
        assert_eq!(timestamp.to_string().parse(), Ok(Moment::from(timestamp)));
        assert_eq!(Timestamp::from(Moment::from_micros(-1)).millis(), -1);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(epoch_us in -1_000_000_000_000_000_i64..100_000_000_000_000_000) {
            let moment = Moment::from_micros(epoch_us);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<Moment>();
        }
    }
}
