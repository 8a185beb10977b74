//! Every colour, sign and measure of the terminal. Colour never carries meaning alone: a sign or a word always stands beside it.

use std::time::Duration;

/// How text may look on one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Style {
    /// Whether colours are shown.
    pub(super) colour: bool,
    /// Whether lines are drawn around things.
    pub(super) boxes: bool,
    /// How this program was called.
    pub(super) called: String,
}

/// The colours that tell sources apart, one a function: blue, magenta, cyan, green, yellow, red.
const SOURCES: [&str; 6] = ["34", "35", "36", "32", "33", "31"];

impl Style {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
    pub(super) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }
    pub(super) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }
    pub(super) fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }
    pub(super) fn bad(&self, text: &str) -> String {
        self.paint("1;31", text)
    }
    pub(super) fn careful(&self, text: &str) -> String {
        self.paint("33", text)
    }
    pub(super) fn accent(&self, text: &str) -> String {
        self.paint("36", text)
    }
    pub(super) fn link(&self, text: &str) -> String {
        self.paint("1;4;36", text)
    }
    /// A source in its own colour, always the same one.
    pub(super) fn source(&self, name: &str, text: &str) -> String {
        let sum: usize = name.bytes().map(usize::from).sum();
        self.paint(SOURCES[sum % SOURCES.len()], text)
    }

    /// A command as it can be typed here: `chatctl` is what this program was called.
    pub(super) fn command(&self, text: &str) -> String {
        match text.strip_prefix("chatctl ") {
            Some(rest) if !self.called.is_empty() => format!("{} {rest}", self.called),
            _ => text.to_string(),
        }
    }
}

/// A span of time in at most four signs and a unit.
pub(super) fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms => {
            let whole = Duration::from_millis(ms as u64).as_secs();
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
    }
}

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    match bytes as f64 {
        few if few < 1_000.0 => format!("{bytes} B"),
        some if some < 1_000_000.0 => format!("{:.0} KB", some / 1_000.0),
        many => format!("{:.1} MB", many / 1_000_000.0),
    }
}

/// How wide a text is on the screen.
pub(super) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// `1 thing`, `2 things`.
pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// What others wrote, made harmless for a terminal: control characters are shown, not obeyed.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}') => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_short() {
        assert_eq!([0.42, 12.0, 1_234.0, 61_000.0].map(span), ["0.4 ms", "12 ms", "1.2 s", "1 min 01 s"]);
        assert_eq!([7, 4_096, 23_456_789].map(size), ["7 B", "4 KB", "23.5 MB"]);
    }

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        assert_eq!(harmless("a\x1b[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let style = Style { called: "cargo run --".into(), ..Style::default() };
        assert_eq!(style.command("chatctl up --stage x"), "cargo run -- up --stage x");
        assert_eq!(style.command("kill -9 1"), "kill -9 1");
    }
}
