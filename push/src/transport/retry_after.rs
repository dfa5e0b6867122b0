//! The `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date.

use std::time::{Duration, SystemTime};

/// Longer waits are cut: a push is worth a day at most.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// How long to wait from `now`; `None` for what is neither seconds nor a date.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are still a request to wait.
        value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(parse("120", NOW), Some(Duration::from_secs(120)));
        assert_eq!(parse(" 0 ", NOW), Some(Duration::ZERO));
        assert_eq!(
            parse("Thu, 01 Jan 1970 00:01:00 GMT", NOW),
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn a_date_that_has_passed_asks_for_no_wait() {
        let later = NOW + Duration::from_secs(100);
        assert_eq!(
            parse("Thu, 01 Jan 1970 00:01:00 GMT", later),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn absurd_waits_are_cut_and_nonsense_is_ignored() {
        assert_eq!(
            parse("99999999999999999999999999", NOW),
            Some(RETRY_AFTER_MAX)
        );
        for nonsense in ["", "-1", "soon", "1.5", "+3"] {
            assert_eq!(parse(nonsense, NOW), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_ignored(value in ".*") {
            prop_assert!(parse(&value, NOW).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
