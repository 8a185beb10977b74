//! A template in YAML as the JSON it stands for: CloudFormation's short tags (`!Ref`, `!Sub`, `!GetAtt`) become its
//! long names. Knows no template, only values.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};
use serde_json::{Map, Value, json};

/// How deep a template may be nested.
const DEEPEST: usize = 64;

/// Reads one document; the error says where.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { parser: Parser::new_from_str(text), line: 1 };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
            event => {
                let value = reader.node(event, 0)?;
                let Event::DocumentEnd = reader.next()? else { return Err(reader.wrong("one document was expected")) };
                return match reader.next()? {
                    Event::StreamEnd => Ok(value),
                    _ => Err(reader.wrong("there is more than one document")),
                };
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(format!("{} (line {})", error.info(), error.marker().line())),
            None => Ok(Event::StreamEnd),
        }
    }

    fn wrong(&self, what: impl std::fmt::Display) -> String {
        format!("{what} (line {})", self.line)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err(self.wrong("it is nested too deeply"));
        }
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (scalar(&text, style, tag.as_deref()), tag),
            Event::SequenceStart(_, tag) => (self.sequence(depth)?, tag),
            Event::MappingStart(_, tag) => (self.mapping(depth)?, tag),
            Event::Alias(_) => return Err(self.wrong("YAML aliases are not allowed in CloudFormation templates")),
            _ => return Err(self.wrong("a value is missing")),
        };
        Ok(match tag.filter(|tag| tag.handle == "!") {
            Some(tag) => call(&tag.suffix, value),
            None => value,
        })
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, String> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(Value::Object(members)),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(self.wrong("a key must be a text")),
            };
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            if members.insert(key.clone(), value).is_some() {
                return Err(self.wrong(format!("the key {key} is there twice")));
            }
        }
    }
}

/// A plain scalar by YAML 1.2's core schema; a quoted one is a text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).unwrap_or_else(|| text.into()),
    }
}

/// A number, but none that begins with a zero or a sign `+`: account ids are texts.
fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || (digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."))
    {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let broken: f64 = text.parse().ok()?;
    broken.is_finite().then(|| broken.into())
}

/// `!Name value` in its long form.
fn call(name: &str, value: Value) -> Value {
    let long = match name {
        "Ref" | "Condition" => name.to_owned(),
        _ => format!("Fn::{name}"),
    };
    let value = match (name, value.as_str().and_then(|path| path.split_once('.'))) {
        ("GetAtt", Some((resource, attribute))) => json!([resource, attribute]),
        _ => value,
    };
    json!({ long: value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_the_long_functions() {
        let text = "A: !Ref B\nC: !Sub '${D}-x'\nE: !GetAtt F.Arn\nG: !Join ['-', [a, !Ref H]]\nI: !If [Is, 1, !Ref 'AWS::NoValue']\n";
        let should = json!({
            "A": { "Ref": "B" },
            "C": { "Fn::Sub": "${D}-x" },
            "E": { "Fn::GetAtt": ["F", "Arn"] },
            "G": { "Fn::Join": ["-", ["a", { "Ref": "H" }]] },
            "I": { "Fn::If": ["Is", 1, { "Ref": "AWS::NoValue" }] },
        });
        assert_eq!(parse(text).unwrap(), should);
    }

    #[test]
    fn scalars_are_typed_as_yaml_1_2_says() {
        let text =
            "a: 1\nb: -2.5\nc: true\nd: yes\ne: '1'\nf: 2012-10-17\ng: 0123\nh:\ni: |\n  two\n  lines\nj: !!str 7\n";
        let should = json!({ "a": 1, "b": -2.5, "c": true, "d": "yes", "e": "1", "f": "2012-10-17", "g": "0123", "h": null, "i": "two\nlines\n", "j": "7" });
        assert_eq!(parse(text).unwrap(), should);
    }

    #[test]
    fn what_is_no_template_is_refused_with_its_line() {
        for (text, what) in [
            ("a: 1\na: 2\n", "the key a is there twice (line 2)"),
            ("a: &x 1\nb: *x\n", "aliases are not allowed"),
            ("a: [1\n", "(line"),
            ("a: 1\n---\nb: 2\n", "more than one document"),
            (&"[".repeat(100), "too deeply"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
        assert_eq!(parse("").unwrap(), Value::Null);
    }
}
