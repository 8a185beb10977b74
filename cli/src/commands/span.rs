//! How far back: what `--since` understands.

use jiff::{SignedDuration, Timestamp};

/// An instant, said as a length of time before now or as a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(SignedDuration),
    /// At that time.
    At(Timestamp),
}

impl Since {
    /// The instant itself.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Since::Ago(long) => now.checked_sub(long).unwrap_or(Timestamp::UNIX_EPOCH),
            Since::At(at) => at,
        }
    }
}

impl std::str::FromStr for Since {
    type Err = String;
    fn from_str(words: &str) -> Result<Self, String> {
        if let Ok(at) = words.parse() {
            return Ok(Since::At(at));
        }
        let (number, unit) = words.split_at(words.find(|c: char| !c.is_ascii_digit()).unwrap_or(words.len()));
        let seconds = match unit {
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3_600),
            "d" => Some(86_400),
            _ => None,
        };
        let long = seconds
            .zip(number.parse::<i64>().ok())
            .and_then(|(unit, n)| n.checked_mul(unit))
            .filter(|s| *s < 10_000_000_000);
        match long {
            Some(long) => Ok(Since::Ago(SignedDuration::from_secs(long))),
            None => Err("say 30s, 10m, 2h, 1d, or a time like 2026-01-02T03:04:05Z".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_and_a_time_are_understood() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let at = |words: &str| words.parse::<Since>().unwrap().instant(now).to_string();
        assert_eq!(at("10m"), "2026-01-02T02:54:05Z");
        assert_eq!(at("1d"), "2026-01-01T03:04:05Z");
        assert_eq!(at("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
        for wrong in ["", "10", "m", "10y", "-1m", "99999999999999999999d"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
