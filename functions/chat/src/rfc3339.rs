//! Instants as RFC 3339 with milliseconds (`2026-01-02T03:04:05.678Z`), from and to milliseconds since 1970.
//! It must not know the clock.

use serde::{Deserialize, Deserializer, Serializer};

const DAY_MS: i64 = 86_400_000;
/// The last millisecond of the year 9999, the end of the format.
const LAST_MS: i64 = 253_402_300_799_999;

/// `2026-01-02T03:04:05.678Z`; instants outside the years 1970 to 9999 are drawn at its edge.
#[must_use]
pub fn format(ms: i64) -> String {
    let ms = ms.clamp(0, LAST_MS);
    let (days, rest) = (ms / DAY_MS, ms % DAY_MS);
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The milliseconds of exactly the form that `format` makes.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 24 || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        bytes.get(from..to)?.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let ms = days * DAY_MS
        + number(11, 13)? * 3_600_000
        + number(14, 16)? * 60_000
        + number(17, 19)? * 1_000
        + number(20, 23)?;
    // Written again it must be the same: that refuses the 30th of February and the 61st minute.
    (format(ms) == text).then_some(ms)
}

/// Year, month and day of a day since 1970 (the proleptic Gregorian calendar, counted from March).
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a year, month and day.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// For `#[serde(with = "rfc3339")]`.
pub fn serialize<S: Serializer>(ms: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format(*ms))
}

/// For `#[serde(with = "rfc3339")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant in UTC with milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_drawn_and_read() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(ms), text);
            assert_eq!(parse(text), Some(ms));
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-01-02",
            "2026-02-30T00:00:00.000Z",
            "2026-01-02T03:60:05.678Z",
            "2026-01-02T03:04:05.678+",
            "2026-01-02 03:04:05.678Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
