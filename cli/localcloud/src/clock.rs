//! The one place where the local cloud reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as files are stamped.
#[allow(clippy::disallowed_methods, reason = "the local cloud's clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Whose time a cloud lives in; given to it when it is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// The system's, which goes on while a laptop sleeps. Real processes and sockets live in it too.
    System,
    /// tokio's, from a fixed beginning: exact where a test has paused it.
    Tokio {
        /// What tokio's clock said then.
        began: tokio::time::Instant,
    },
}

/// When the time of a cloud in process begins: 2026-01-01T00:00:00Z.
const BEGINNING_MS: i64 = 1_767_225_600_000;

impl Clock {
    /// tokio's clock, beginning now.
    pub(crate) fn beginning() -> Self {
        Self::Tokio { began: tokio::time::Instant::now() }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(self) -> i64 {
        let (since, from) = match self {
            Self::System => (now().duration_since(UNIX_EPOCH).unwrap_or_default(), 0),
            Self::Tokio { began } => (began.elapsed(), BEGINNING_MS),
        };
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(from)
    }
}

/// Seconds since 1970 with a fraction, as AWS's JSON protocols write a time.
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// A time as XML answers write it: `2026-01-02T03:04:05Z`.
pub(crate) fn iso(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The same with its milliseconds: `2026-01-02T03:04:05.678Z`.
pub(crate) fn iso_ms(ms: i64) -> String {
    format!("{}.{:03}Z", iso(ms).trim_end_matches('Z'), ms.rem_euclid(1000))
}

/// The time that such a text says, in milliseconds; fractions of a second and offsets but `Z` are not understood.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let numbers = |part: &str, by: char| -> Option<Vec<i64>> { part.split(by).map(|n| n.parse().ok()).collect() };
    let (date, time) = (numbers(date, '-')?, numbers(time.split('.').next()?, ':')?);
    let (&[year, month, day], &[hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    Some((days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * 1000)
}

/// The count of days since 1970 of a date (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a count of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_in_process_goes_exactly_as_tokios() {
        let clock = Clock::beginning();
        assert_eq!(iso(clock.now_ms()), "2026-01-01T00:00:00Z");
        tokio::time::advance(std::time::Duration::from_millis(90_061_001)).await;
        assert_eq!(clock.now_ms() - BEGINNING_MS, 90_061_001);
    }

    #[test]
    fn a_time_is_written_as_the_calendar_has_it() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso(1_767_323_045_678), "2026-01-02T03:04:05Z");
        assert_eq!(iso_ms(1_767_323_045_078), "2026-01-02T03:04:05.078Z");
    }

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for ms in [0, 951_782_400_000, 1_767_323_045_000] {
            assert_eq!(parse_iso(&iso(ms)), Some(ms));
        }
        assert_eq!(parse_iso("2026-01-02T03:04:05.678Z"), Some(1_767_323_045_000));
        for wrong in ["", "yesterday", "2026-01-02", "2026-01-02T03:04"] {
            assert_eq!(parse_iso(wrong), None, "{wrong}");
        }
    }
}
