//! What differs from run to run in what is printed, made the same: times, ports, sizes, tokens, ids, and the order in which
//! parallel steps end.

/// How long at least is a room's token.
const TOKEN: usize = 100;

/// A rule: how many bytes at the start of this text are what varies, and what stands for them.
type Rule = fn(&str) -> Option<(usize, &'static str)>;

const RULES: &[Rule] =
    &[id, commit, time, day, clock, port, token, milliseconds, seconds, megabytes, items, process, request];

/// The text as it is in every run.
pub(crate) fn steady(text: &str) -> String {
    let mut lines: Vec<String> =
        // Whether a step has to wait is the machine's mood.
        text.lines().filter(|line| !line.contains(" waits for ")).map(|line| replaced(&bar(line))).collect();
    let parallel =
        |line: &String| ["created ", "updated ", "removed ", "kept "].iter().any(|verb| line.starts_with(verb));
    let mut rest = lines.as_mut_slice();
    while let Some(start) = rest.iter().position(parallel) {
        let end = rest[start..].iter().position(|line| !parallel(line)).map_or(rest.len(), |length| start + length);
        rest[start..end].sort();
        rest = &mut rest[end..];
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A step's bar: how long it is and where it begins is a measurement.
fn bar(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    match line.trim_start().split_once("  ") {
        Some((name, rest)) if rest.trim_start().starts_with('=') && rest.ends_with(" ms") => {
            format!("{}{name}  ====  1 ms", " ".repeat(indent))
        }
        _ => line.to_owned(),
    }
}

fn replaced(line: &str) -> String {
    let (mut shown, mut rest) = (String::new(), line);
    while let Some(next) = rest.chars().next() {
        let inside = shown.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        match RULES.iter().filter(|_| !inside).find_map(|rule| rule(rest)) {
            Some((length, word)) => {
                shown.push_str(word);
                rest = &rest[length..];
            }
            None => {
                shown.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    shown
}

/// How many bytes at the start are digits.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The length of this pattern at the start: `x` is a hexadecimal digit, `9` a digit, all else itself.
fn matches(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(is, should)| match should {
            b'x' => is.is_ascii_hexdigit(),
            b'9' => is.is_ascii_digit(),
            _ => is == should,
        })
}

fn id(text: &str) -> Option<(usize, &'static str)> {
    let pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    matches(text, pattern).then_some((pattern.len(), "ID"))
}

/// As the history shows it: seven digits, and a mark where the checkout was not exactly that.
fn commit(text: &str) -> Option<(usize, &'static str)> {
    let length = if text.as_bytes().get(7) == Some(&b'+') { 8 } else { 7 };
    (matches(text, "xxxxxxx") && text[length..].starts_with(' ')).then_some((length, "COMMIT"))
}

fn time(text: &str) -> Option<(usize, &'static str)> {
    matches(text, "9999-99-99T99:99:99").then(|| (text.find('Z').map_or(text.len(), |end| end + 1), "TIME"))
}

/// As a plan's reasons speak of a deploy.
fn day(text: &str) -> Option<(usize, &'static str)> {
    let pattern = "9999-99-99 99:99 UTC";
    matches(text, pattern).then_some((pattern.len(), "TIME"))
}

fn clock(text: &str) -> Option<(usize, &'static str)> {
    matches(text, "99:99").then_some((5, "TIME"))
}

fn port(text: &str) -> Option<(usize, &'static str)> {
    let rest = text.strip_prefix("127.0.0.1:")?;
    Some(("127.0.0.1:".len() + digits(rest), "127.0.0.1:PORT"))
}

fn token(text: &str) -> Option<(usize, &'static str)> {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).count();
    (length >= TOKEN).then_some((length, "TOKEN"))
}

fn milliseconds(text: &str) -> Option<(usize, &'static str)> {
    measured(text, " ms", false).map(|length| (length, "1 ms"))
}

/// Measured spans alone have a fraction; a limit of 10 s has none.
fn seconds(text: &str) -> Option<(usize, &'static str)> {
    if let Some(length) = measured(text, " s ago", false) {
        return Some((length, "1 s ago"));
    }
    measured(text, " s", true).map(|length| (length, "1 ms"))
}

/// Measured sizes alone have a fraction; a limit of 256 MB has none. In a table blanks follow, fewer after a larger one.
fn megabytes(text: &str) -> Option<(usize, &'static str)> {
    let length = measured(text, " MB", true)?;
    match text[length..].len() - text[length..].trim_start().len() {
        blanks @ 2.. => Some((length + blanks, "10.0 MB  ")),
        _ => Some((length, "10.0 MB")),
    }
}

fn measured(text: &str, unit: &str, fraction: bool) -> Option<usize> {
    let whole = digits(text);
    let parts = text[whole..].strip_prefix('.').map_or(0, |rest| 1 + digits(rest));
    let length = whole + parts;
    (whole > 0 && (parts > 1 || !fraction) && text[length..].starts_with(unit)).then_some(length + unit.len())
}

/// How many items a table has: a rate's windows among them, which come and go.
fn items(text: &str) -> Option<(usize, &'static str)> {
    let length = "about ".len() + digits(text.strip_prefix("about ")?);
    text[length..].starts_with(" items").then_some((length + " items".len(), "about 1 items"))
}

fn process(text: &str) -> Option<(usize, &'static str)> {
    let rest = text.strip_prefix("process ")?;
    (digits(rest) > 0).then(|| ("process ".len() + digits(rest), "process PID"))
}

fn request(text: &str) -> Option<(usize, &'static str)> {
    let rest = text.strip_prefix("request ")?;
    rest.find(')').map(|end| ("request ".len() + end, "request ID"))
}

#[test]
fn what_varies_is_made_the_same_and_what_does_not_is_left() {
    for (is, should) in [
        ("dev is up (local): 32 resources changed, 1.4 s", "dev is up (local): 32 resources changed, 1 ms"),
        ("store-message  active  1  23.5 MB  256 MB, 10 s", "store-message  active  1  10.0 MB  256 MB, 10 s"),
        ("serve-page  active  1  9.5 MB   256 MB, 10 s", "serve-page  active  1  10.0 MB  256 MB, 10 s"),
        ("http://127.0.0.1:18231/#", "http://127.0.0.1:PORT/#"),
        ("ops  made 18:31, keeps messages 30 days", "ops  made TIME, keeps messages 30 days"),
        ("sent to lobby as ann  019f0c4e-7a5b-7c3d-8e2f-0123456789ab", "sent to lobby as ann  ID"),
        ("    stored (7–8)   =====             12.5 ms", "    stored (7–8)  ====  1 ms"),
        ("ann@HOST  9967941+  up", "ann@HOST  COMMIT  up"),
        ("ann@HOST  5fb6cba  up", "ann@HOST  COMMIT  up"),
        ("at 2026-01-02T03:04:05.678Z.", "at TIME."),
        ("the deploy of 2026-01-02 03:04 UTC left it", "the deploy of TIME left it"),
        ("us-east-1 account 000000000000", "us-east-1 account 000000000000"),
        ("messages (about 12 items)", "messages (about 1 items)"),
        ("it began 12 s ago", "it began 1 s ago"),
    ] {
        assert_eq!(steady(is), format!("{should}\n"));
    }
    assert_eq!(steady(&format!("/#{}", "aB-_".repeat(28))), "/#TOKEN\n");
    assert_eq!(
        steady("created queue b 12 ms\nqueue c waits for its name\ncreated queue a 9.1 ms\nproving: x\n"),
        "created queue a 1 ms\ncreated queue b 1 ms\nproving: x\n"
    );
}
