//! Partitioning by month (월): the month of the record's timestamp, in UTC.

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// 0 for January to 11 for December.
pub fn month_number(timestamp_ms: i64) -> i32 {
    // Days since 1 March of year 0, so that a leap day ends its year; then the
    // day within the 400-year era, the year, and the day within the year.
    let days = timestamp_ms.div_euclid(DAY_MS) + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months of 31, 30, 31, 30, 31 days repeat every 153 days from March on.
    let month_from_march = (5 * day_of_year + 2) / 153;
    ((month_from_march + 2) % 12) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_change_at_midnight_utc() {
        // 2024-02-29T23:59:59.999Z and one millisecond later.
        assert_eq!(month_number(1_709_251_199_999), 1);
        assert_eq!(month_number(1_709_251_200_000), 2);
        // 2026-12-31T23:59:59.999Z and one millisecond later.
        assert_eq!(month_number(1_798_761_599_999), 11);
        assert_eq!(month_number(1_798_761_600_000), 0);
    }

    #[test]
    fn times_before_1970_and_the_extremes_have_a_month() {
        assert_eq!(month_number(0), 0);
        assert_eq!(month_number(-1), 11);
        assert!((0..12).contains(&month_number(i64::MIN)));
        assert!((0..12).contains(&month_number(i64::MAX)));
    }
}
