//! The way of one message, drawn to scale: a bar a step, begun where the one before had brought the message.

use crate::event::Hop;

use super::style::{Style, span, width};

/// How many columns the whole time takes.
const COLUMNS: f64 = 32.0;

/// One line a step.
pub(super) fn waterfall(hops: &[Hop], total_ms: f64, style: &Style) -> String {
    let names = hops.iter().map(|hop| width(&hop.step)).max().unwrap_or_default();
    let whole = hops.iter().map(|hop| hop.start_ms + hop.ms).fold(total_ms, f64::max).max(0.001);
    let mut lines = Vec::new();
    for hop in hops {
        let start = ((hop.start_ms / whole * COLUMNS).floor() as usize).min(COLUMNS as usize - 1);
        let long = ((hop.ms / whole * COLUMNS).round() as usize).clamp(1, COLUMNS as usize - start);
        let bar = if style.boxes { "━".repeat(long) } else { "=".repeat(long) };
        let after = " ".repeat(COLUMNS as usize - start - long);
        let pad = " ".repeat(names - width(&hop.step));
        lines.push(format!(
            "{}{pad}  {}{}{after} {:>8}",
            hop.step,
            " ".repeat(start),
            style.accent(&bar),
            span(hop.ms)
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_drawn_to_scale() {
        let hop = |step: &str, start_ms, ms| Hop { step: step.into(), start_ms, ms };
        let drawn = waterfall(&[hop("stored", 0.0, 4.0), hop("told", 4.0, 4.0)], 8.0, &Style::default());
        assert_eq!(
            drawn,
            format!(
                "stored  {}{}   4.0 ms\ntold    {}{}   4.0 ms",
                "=".repeat(16),
                " ".repeat(16),
                " ".repeat(16),
                "=".repeat(16)
            )
        );
    }

    #[test]
    fn a_step_of_no_time_is_still_seen() {
        let drawn = waterfall(&[Hop { step: "a".into(), start_ms: 0.0, ms: 0.0 }], 0.0, &Style::default());
        assert!(drawn.contains('='));
    }
}
