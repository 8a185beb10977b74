//! Filter patterns: terms, and simple comparisons of JSON fields. What is more than that is refused by name.

use serde_json::Value;

use super::invalid;
use crate::Refusal;

/// What an event must hold.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
    fields: Vec<Field>,
}

/// A comparison of a field.
#[derive(Debug)]
struct Field {
    path: Vec<String>,
    sign: Sign,
    than: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads a pattern; an empty one matches everything.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or_else(|| invalid("Invalid filter pattern: no closing brace"))?;
            if inner.contains("||") || inner.contains('(') {
                return Err(Refusal::unsupported("|| and parentheses in filter patterns of CloudWatch Logs"));
            }
            let fields = inner.split("&&").map(Field::parse).collect::<Result<_, _>>()?;
            return Ok(Self { fields, ..Self::default() });
        }
        if text.starts_with('[') || text.starts_with('%') {
            return Err(Refusal::unsupported(
                "space-delimited and regular expression filter patterns of CloudWatch Logs",
            ));
        }
        let mut pattern = Self::default();
        for word in words(text)? {
            match (word.quoted, word.text.chars().next()) {
                (false, Some('?')) => pattern.any.push(word.text[1..].to_owned()),
                (false, Some('-')) => pattern.none.push(word.text[1..].to_owned()),
                _ => pattern.all.push(word.text),
            }
        }
        if !pattern.all.is_empty() {
            pattern.any.clear(); // AWS ignores ?terms beside others
        }
        Ok(pattern)
    }

    /// Whether a message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        if !self.fields.is_empty() {
            let Ok(value) = serde_json::from_str::<Value>(message) else { return false };
            return self.fields.iter().all(|field| field.holds(&value));
        }
        self.all.iter().all(|term| message.contains(term))
            && self.none.iter().all(|term| !message.contains(term))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term)))
    }
}

struct Word {
    text: String,
    quoted: bool,
}

fn words(text: &str) -> Result<Vec<Word>, Refusal> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let sign = rest.chars().next().filter(|c| matches!(c, '?' | '-'));
        let after_sign = &rest[sign.map_or(0, char::len_utf8)..];
        let (mut word, quoted, next) = match after_sign.strip_prefix('"') {
            Some(inner) => {
                let end = inner.find('"').ok_or_else(|| invalid("Invalid filter pattern: no closing quote"))?;
                (inner[..end].to_owned(), sign.is_none(), &inner[end + 1..])
            }
            None => {
                let end = after_sign.find(char::is_whitespace).unwrap_or(after_sign.len());
                (after_sign[..end].to_owned(), false, &after_sign[end..])
            }
        };
        if let Some(sign) = sign {
            word.insert(0, sign);
        }
        words.push(Word { text: word, quoted });
        rest = next.trim_start();
    }
    Ok(words)
}

impl Field {
    fn parse(text: &str) -> Result<Self, Refusal> {
        const SIGNS: &[(&str, Sign)] = &[
            ("!=", Sign::Unequal),
            ("<=", Sign::LessOrEqual),
            (">=", Sign::GreaterOrEqual),
            ("=", Sign::Equal),
            ("<", Sign::Less),
            (">", Sign::Greater),
        ];
        let text = text.trim();
        let found = SIGNS.iter().find_map(|(sign, meaning)| Some((text.split_once(sign)?, *meaning)));
        let Some(((path, than), sign)) = found else {
            return Err(Refusal::unsupported(format!("the filter pattern {{ {text} }} of CloudWatch Logs")));
        };
        let path = path.trim().strip_prefix("$.").ok_or_else(|| invalid(format!("Invalid filter pattern: {text}")))?;
        if path.contains(['[', '*', '"']) {
            return Err(Refusal::unsupported("lists and quoted names in filter patterns of CloudWatch Logs"));
        }
        Ok(Self {
            path: path.split('.').map(str::to_owned).collect(),
            sign,
            than: than.trim().trim_matches('"').to_owned(),
        })
    }

    fn holds(&self, value: &Value) -> bool {
        let found = self.path.iter().try_fold(value, |value, name| value.get(name));
        let Some(found) = found else { return false };
        let number = found.as_f64().zip(self.than.parse::<f64>().ok());
        let ordered = |test: fn(f64, f64) -> bool| number.is_some_and(|(found, than)| test(found, than));
        match self.sign {
            Sign::Equal => self.same(found, number),
            Sign::Unequal => !self.same(found, number),
            Sign::Less => ordered(|found, than| found < than),
            Sign::LessOrEqual => ordered(|found, than| found <= than),
            Sign::Greater => ordered(|found, than| found > than),
            Sign::GreaterOrEqual => ordered(|found, than| found >= than),
        }
    }

    /// Equal as numbers, or as texts in which `*` at either end stands for anything.
    fn same(&self, found: &Value, number: Option<(f64, f64)>) -> bool {
        if let Some((found, than)) = number {
            return (found - than).abs() < f64::EPSILON;
        }
        let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        match (self.than.strip_prefix('*'), self.than.strip_suffix('*')) {
            (Some(_), Some(_)) => text.contains(self.than.trim_matches('*')),
            (Some(end), None) => text.ends_with(end),
            (None, Some(start)) => text.starts_with(start),
            (None, None) => text == self.than,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_must_all_be_there_and_excluded_ones_not() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR store", "ERROR in store"));
        assert!(!matches("ERROR store", "ERROR elsewhere"));
        assert!(matches("\"two words\"", "with two words in it"));
        assert!(!matches("ERROR -store", "ERROR in store"));
        assert!(matches("?a ?b", "only b"));
    }

    #[test]
    fn fields_are_compared_as_what_they_are() {
        assert!(matches("{ $.level = \"ERROR\" }", r#"{"level":"ERROR"}"#));
        assert!(matches("{ $.a.b >= 3 && $.c != x }", r#"{"a":{"b":3},"c":"y"}"#));
        assert!(!matches("{ $.level = ERROR }", "not json"));
        assert!(matches("{ $.path = \"/api/*\" }", r#"{"path":"/api/messages"}"#));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        assert_eq!(Pattern::parse("[a, b]").unwrap_err().code, "UnsupportedOperation");
        assert_eq!(Pattern::parse("{ $.a = 1 || $.b = 2 }").unwrap_err().code, "UnsupportedOperation");
        assert_eq!(Pattern::parse("{ $.a = 1").unwrap_err().code, "InvalidParameterException");
    }
}
