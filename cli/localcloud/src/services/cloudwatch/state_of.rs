//! An alarm's state from its points. Pure: values in, a state and its reason out.

/// When a value is too much, or too little.
pub(super) const COMPARISONS: &[&str] =
    &["GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanOrEqualToThreshold", "LessThanThreshold"];
/// What a period without a value is taken for.
pub(super) const MISSING: &[&str] = &["breaching", "ignore", "missing", "notBreaching"];

/// What an alarm's state is found by.
pub(super) struct Rule<'a> {
    pub(super) comparison: &'a str,
    pub(super) threshold: f64,
    /// So many of the periods must be over the threshold.
    pub(super) breaches: usize,
    pub(super) missing: &'a str,
}

/// A state and why; `None` where the alarm stays in the one it is in. `values` are the last periods', the last one first.
pub(super) fn state_of(rule: &Rule<'_>, values: &[Option<f64>]) -> Option<(&'static str, String)> {
    let breaching = |value: f64| match rule.comparison {
        "GreaterThanOrEqualToThreshold" => value >= rule.threshold,
        "GreaterThanThreshold" => value > rule.threshold,
        "LessThanOrEqualToThreshold" => value <= rule.threshold,
        _ => value < rule.threshold,
    };
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    let over = known.iter().filter(|value| breaching(**value)).count();
    let assumed = if rule.missing == "breaching" { values.len() - known.len() } else { 0 };
    let count = values.len();
    if known.is_empty() {
        return match rule.missing {
            "ignore" => None,
            "breaching" => Some((
                "ALARM",
                format!(
                    "no datapoints were received for {count} period(s) and missing ones are treated as [Breaching]"
                ),
            )),
            "notBreaching" => Some((
                "OK",
                format!(
                    "no datapoints were received for {count} period(s) and missing ones are treated as [NonBreaching]"
                ),
            )),
            _ => Some(("INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received".to_owned())),
        };
    }
    let (needed, threshold) = (rule.breaches, rule.threshold);
    if over + assumed >= needed {
        return Some((
            "ALARM",
            format!(
                "Threshold Crossed: {over} out of the last {count} datapoint(s) {known:?} crossed the threshold ({threshold}); {needed} make an alarm"
            ),
        ));
    }
    Some((
        "OK",
        format!(
            "Threshold not crossed: {over} out of the last {count} datapoint(s) {known:?} crossed the threshold ({threshold})"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_goes_by_its_threshold_its_count_and_what_is_missing() {
        let state = |comparison, breaches, missing, values: &[Option<f64>]| {
            let rule = Rule { comparison, threshold: 1.0, breaches, missing };
            state_of(&rule, values).map(|(state, _)| state)
        };
        let at_least = "GreaterThanOrEqualToThreshold";
        for (comparison, breaches, missing, values, should) in [
            (at_least, 1, "missing", vec![Some(1.0)], Some("ALARM")),
            ("GreaterThanThreshold", 1, "missing", vec![Some(1.0)], Some("OK")),
            ("LessThanThreshold", 1, "missing", vec![Some(0.0)], Some("ALARM")),
            ("LessThanOrEqualToThreshold", 1, "missing", vec![Some(1.0)], Some("ALARM")),
            (at_least, 2, "missing", vec![Some(1.0), Some(0.0), Some(0.0)], Some("OK")),
            (at_least, 2, "missing", vec![Some(1.0), None, Some(2.0)], Some("ALARM")),
            (at_least, 2, "breaching", vec![Some(1.0), None, Some(0.0)], Some("ALARM")),
            (at_least, 1, "missing", vec![None, None], Some("INSUFFICIENT_DATA")),
            (at_least, 1, "notBreaching", vec![None], Some("OK")),
            (at_least, 1, "breaching", vec![None], Some("ALARM")),
            (at_least, 1, "ignore", vec![None], None),
        ] {
            assert_eq!(
                state(comparison, breaches, missing, &values),
                should,
                "{comparison} {breaches} {missing} {values:?}"
            );
        }
    }
}
