//! Takes out of a text what only its owner may know: accounts, principals, keys, people, the tokens of rooms. It must
//! not know what the text is about: what is taken out is known by its form, because a run that fails early tells
//! nobody whose account it was.

/// An account's number has so many digits.
const ACCOUNT_DIGITS: usize = 12;
/// What the ids begin with that AWS gives to keys and principals.
const IDS: [&str; 6] = ["AKIA", "ASIA", "AIDA", "AROA", "AGPA", "ABIA"];
/// The shortest of those ids; a shorter word of capitals is a word.
const SHORTEST_ID: usize = 16;
/// Where people's folders lie.
const HOMES: [&str; 2] = ["/home/", "/Users/"];
/// A name of one letter names nobody, and would be found everywhere.
const SHORTEST_NAME: usize = 2;

/// A secret, and the word that stands in its place.
type Known = (String, &'static str);

/// Who runs this, as the environment says it.
pub(crate) fn of_process() -> Vec<Known> {
    of_person(|name| std::env::var(name).ok())
}

/// The folder and the name of a person.
fn of_person(variable: impl Fn(&str) -> Option<String>) -> Vec<Known> {
    let home = variable("HOME").unwrap_or_default();
    let home = home.trim_end_matches('/');
    let own = home.rsplit('/').next().map(str::to_owned);
    let names = ["USER", "LOGNAME", "USERNAME"].into_iter().filter_map(&variable).chain(own);
    std::iter::once((home.to_owned(), "HOME")).chain(names.map(|name| (name, "WHO"))).collect()
}

/// The text without these, and without whatever has the form of something private.
pub(crate) fn clean(shown: &str, known: &[Known]) -> String {
    let mut known: Vec<&Known> = known.iter().filter(|(secret, _)| secret.len() >= SHORTEST_NAME).collect();
    known.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    let in_name = |c: char| c.is_alphanumeric() || "-_.+@".contains(c);
    // By their form first: of somebody called home, /home/ would not be known any more.
    let shown = HOMES.iter().fold(shown.to_owned(), |shown, homes| after(&shown, homes, in_name, "WHO"));
    let shown = known.into_iter().fold(shown, |shown, (secret, word)| without(&shown, secret, word));
    let shown = after(&shown, "/#", |c| c.is_ascii_alphanumeric() || c == '-' || c == '_', "TOKEN");
    without_numbers(&without_principals(&shown))
}

/// The text with this word in place of the secret, wherever the secret is not a part of another word.
fn without(shown: &str, secret: &str, word: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = shown;
    while let Some(at) = rest.find(secret) {
        let (before, found) = rest.split_at(at);
        let (found, behind) = found.split_at(secret.len());
        cleaned.push_str(before);
        let inside = cleaned.ends_with(char::is_alphanumeric) || behind.starts_with(char::is_alphanumeric);
        cleaned.push_str(if inside { found } else { word });
        rest = behind;
    }
    cleaned + rest
}

/// The text with this word in place of what follows each of the marks.
fn after(shown: &str, mark: &str, follows: impl Fn(char) -> bool + Copy, word: &str) -> String {
    let mut parts = shown.split(mark);
    let mut cleaned = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        cleaned.extend([mark, word, part.trim_start_matches(follows)]);
    }
    cleaned
}

/// The text whose ARNs say neither an account nor a principal: what they are of stays.
fn without_principals(shown: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = shown;
    while let Some(at) = rest.find("arn:") {
        cleaned.push_str(&rest[..at]);
        let found = &rest[at..];
        let end = found.find(|c: char| c.is_whitespace() || "\"'`<>()[]{}|\\".contains(c)).unwrap_or(found.len());
        let arn = found[..end].trim_end_matches(['.', ',', ';', ':']);
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &[_, partition, service, region, account, resource] = parts.as_slice() else {
            cleaned.push_str("arn:");
            rest = &found["arn:".len()..];
            continue;
        };
        // Policies that are everybody's have `aws` there.
        let account = if ["", "aws"].contains(&account) { account } else { "ACCOUNT" };
        cleaned.extend(["arn:", partition, ":", service, ":", region, ":", account, ":"]);
        let kind = resource.split_once('/').map(|(kind, _)| kind).filter(|kind| *kind != "policy");
        rest = match kind.filter(|_| ["iam", "sts"].contains(&service)) {
            Some(kind) => {
                cleaned.extend([kind, "/WHO"]);
                &found[arn.len()..]
            }
            // Another ARN may stand in it.
            None => &found[arn.len() - resource.len()..],
        };
    }
    cleaned + rest
}

/// The text without the numbers of accounts and the ids of keys and principals.
fn without_numbers(shown: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = shown;
    while !rest.is_empty() {
        let length = |of: fn(char) -> bool| rest.find(|c: char| !of(c)).unwrap_or(rest.len());
        let word = &rest[..length(|c| c.is_ascii_alphanumeric())];
        let capitals = !word.contains(|c: char| c.is_ascii_lowercase());
        let taken = if word.len() >= SHORTEST_ID && capitals && IDS.iter().any(|id| word.starts_with(id)) {
            cleaned.push_str("KEY");
            word.len()
        } else if word.is_empty() {
            let other = length(|c| !c.is_ascii_alphanumeric());
            cleaned.push_str(&rest[..other]);
            other
        } else {
            cleaned.push_str(&without_accounts(word));
            word.len()
        };
        rest = &rest[taken..];
    }
    cleaned
}

/// A word without an account's number in it: so many digits, no more and no fewer.
fn without_accounts(word: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(at);
        let (digits, behind) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        cleaned.extend([before, if digits.len() == ACCOUNT_DIGITS { "ACCOUNT" } else { digits }]);
        rest = behind;
    }
    cleaned + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_folder_and_name_it_is_comes_from_the_environment() {
        let ann = of_person(|name| match name {
            "HOME" => Some("/data/ann/".to_owned()),
            "USER" => Some("a.lee".to_owned()),
            _ => None,
        });
        assert_eq!(clean("/data/ann/.aws of a.lee, not of joanna", &ann), "HOME/.aws of WHO, not of joanna");
        let home = of_person(|name| (name == "HOME").then(|| "/tmp/home".to_owned()));
        assert_eq!(clean("/home/ann/.aws, /tmp/home/x", &home), "/WHO/WHO/.aws, HOME/WHO");
        let nobody = of_person(|name| (name == "HOME").then(|| "/".to_owned()));
        assert_eq!(clean("/etc/x", &nobody), "/etc/x");
    }

    #[test]
    fn a_number_of_twelve_digits_is_an_account_wherever_it_stands() {
        assert_eq!(clean("of 123456789012.", &[]), "of ACCOUNT.");
        assert_eq!(clean("https://sqs.x.amazonaws.com/123456789012/q", &[]), "https://sqs.x.amazonaws.com/ACCOUNT/q");
        assert_eq!(clean("at 1767225600000 ms, 12345678901", &[]), "at 1767225600000 ms, 12345678901");
    }

    #[test]
    fn an_arn_says_what_it_is_of_and_not_whose_it_is() {
        for (arn, left) in [
            ("arn:aws:sts::123456789012:assumed-role/Admin/ann@example.org", "arn:aws:sts::ACCOUNT:assumed-role/WHO"),
            ("arn:aws-cn:iam::1234:user/staff/ann: no", "arn:aws-cn:iam::ACCOUNT:user/WHO: no"),
            ("arn:aws:lambda:x:123456789012:function:f,arn:aws:iam::1:role/ann", {
                "arn:aws:lambda:x:ACCOUNT:function:f,arn:aws:iam::ACCOUNT:role/WHO"
            }),
            ("\"arn:aws:iam::aws:policy/ReadOnly\", arn:x", "\"arn:aws:iam::aws:policy/ReadOnly\", arn:x"),
        ] {
            assert_eq!(clean(arn, &[]), left);
        }
    }

    #[test]
    fn ids_of_keys_and_the_folders_of_people_are_taken_out_by_their_form() {
        let said = "key ASIAIOSFODNN7EXAMPLE, AROAIOSFODNN7EXAMPLE: /home/ann.lee/x and /Users/ann in ASIA";
        assert_eq!(clean(said, &[]), "key KEY, KEY: /home/WHO/x and /Users/WHO in ASIA");
    }
}
