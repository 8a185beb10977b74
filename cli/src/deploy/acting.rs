//! Whose account is about to be changed, as whom, and for how long the credentials last (A15). Must not know
//! what is deployed.

use std::time::Duration;

use jiff::Timestamp;

use crate::aws::Aws;
use crate::event::{Event, Tell};

/// Less than this may not be enough for a first `up`, whose mappings alone may take minutes (A26).
const SHORT: Duration = Duration::from_secs(15 * 60);

/// Tells it, with a warning where the credentials end soon.
pub fn tell(aws: &Aws, now: Timestamp, tell: &Tell) {
    let ends = aws.ends.and_then(|ends| Timestamp::try_from(ends).ok());
    tell(Event::Acting {
        account: aws.account.clone(),
        region: aws.region.clone(),
        who: aws.caller.clone().unwrap_or_default(),
        endpoint: aws.endpoint.clone(),
        until: ends.map(|ends| ends.to_string()),
    });
    if let Some(what) = ends.and_then(|ends| short(ends, now)) {
        let next = "aws sso login, or get new credentials; a deploy that they end goes on with the same command";
        tell(Event::Warning { what, next: Some(next.to_owned()) });
    }
}

/// What is said of credentials that end soon. Those that renew themselves are renewed five minutes before.
fn short(ends: Timestamp, now: Timestamp) -> Option<String> {
    let left = Duration::try_from(ends.duration_since(now)).unwrap_or_default();
    (left < SHORT).then(|| match left.as_secs() / 60 {
        0 => format!("these credentials end in {} s", left.as_secs()),
        minutes => format!("these credentials end in {minutes} min"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a15_only_credentials_that_end_soon_are_spoken_of() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (left, said) in [
            (3_600, None),
            (900, None),
            (899, Some("these credentials end in 14 min")),
            (40, Some("these credentials end in 40 s")),
            (-5, Some("these credentials end in 0 s")),
        ] {
            let ends = Timestamp::from_second(1_800_000_000 + left).unwrap();
            assert_eq!(short(ends, now).as_deref(), said, "{left} s left");
        }
    }
}
