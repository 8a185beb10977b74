//! Filter patterns of event source mappings: which records a function is called with. A pattern with an operator that
//! is not understood is refused when the mapping is made, never ignored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One pattern, read and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Filter {
    text: String,
    fields: Fields,
}

type Fields = Vec<(String, Rule)>;

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Within(Fields),
    OneOf(Vec<Test>),
}

/// One of a field's alternatives.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Is(Value),
    Prefix(String),
    Exists(bool),
    AnythingBut(Vec<Value>),
    Numeric(Vec<(Order, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Ok(Value::Object(pattern)) = serde_json::from_str(&text) else {
            return Err("it is not a JSON object".to_owned());
        };
        Ok(Self { fields: fields(&pattern)?, text })
    }
}

impl From<Filter> for String {
    fn from(filter: Filter) -> Self {
        filter.text
    }
}

impl Filter {
    /// The pattern as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a record has the pattern's shape.
    pub(crate) fn matches(&self, record: &Value) -> bool {
        within(&self.fields, Some(record))
    }
}

fn fields(pattern: &Map<String, Value>) -> Result<Fields, String> {
    if pattern.is_empty() {
        return Err("an object in it is empty".to_owned());
    }
    let mut fields = Vec::with_capacity(pattern.len());
    for (name, rule) in pattern {
        if name.starts_with('$') {
            return Err(format!("the local cloud does not implement {name}"));
        }
        let rule = match rule {
            Value::Object(inner) => Rule::Within(self::fields(inner)?),
            Value::Array(tests) if !tests.is_empty() => Rule::OneOf(tests.iter().map(test).collect::<Result<_, _>>()?),
            _ => return Err(format!("{name} is neither an object nor a list of alternatives")),
        };
        fields.push((name.clone(), rule));
    }
    Ok(fields)
}

fn test(value: &Value) -> Result<Test, String> {
    let operator = match value {
        Value::Object(operator) => operator,
        Value::Array(_) => return Err("a list stands within a list".to_owned()),
        plain => return Ok(Test::Is(plain.clone())),
    };
    let mut members = operator.iter();
    let (Some((name, operand)), None) = (members.next(), members.next()) else {
        return Err("an alternative must have exactly one operator".to_owned());
    };
    match (name.as_str(), operand) {
        ("prefix", Value::String(prefix)) => Ok(Test::Prefix(prefix.clone())),
        ("exists", Value::Bool(exists)) => Ok(Test::Exists(*exists)),
        ("anything-but", Value::Array(values)) if values.iter().all(scalar) => Ok(Test::AnythingBut(values.clone())),
        ("anything-but", one) if scalar(one) => Ok(Test::AnythingBut(vec![one.clone()])),
        ("numeric", Value::Array(parts)) => numeric(parts).map(Test::Numeric),
        ("prefix" | "exists" | "anything-but" | "numeric", _) => {
            Err(format!("the operand of {name} is not understood"))
        }
        (other, _) => Err(format!("the local cloud does not implement the operator {other}")),
    }
}

fn scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn numeric(parts: &[Value]) -> Result<Vec<(Order, f64)>, String> {
    let bad = || "the operand of numeric is not understood".to_owned();
    if parts.is_empty() || parts.len() % 2 == 1 || parts.len() > 4 {
        return Err(bad());
    }
    parts
        .chunks(2)
        .map(|pair| {
            let order = match pair[0].as_str() {
                Some("<") => Order::Less,
                Some("<=") => Order::AtMost,
                Some("=") => Order::Equal,
                Some(">=") => Order::AtLeast,
                Some(">") => Order::More,
                _ => return Err(bad()),
            };
            Ok((order, pair[1].as_f64().ok_or_else(bad)?))
        })
        .collect()
}

fn within(fields: &Fields, record: Option<&Value>) -> bool {
    fields.iter().all(|(name, rule)| {
        let value = record.and_then(|record| record.get(name));
        match rule {
            Rule::Within(inner) => within(inner, value),
            Rule::OneOf(tests) => tests.iter().any(|test| passes(test, value)),
        }
    })
}

fn passes(test: &Test, value: Option<&Value>) -> bool {
    let Some(value) = value else { return *test == Test::Exists(false) };
    if let (Value::Array(items), false) = (value, matches!(test, Test::Exists(_))) {
        return items.iter().any(|item| passes(test, Some(item)));
    }
    match test {
        Test::Is(wanted) => same(wanted, value),
        Test::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
        Test::Exists(exists) => *exists,
        Test::AnythingBut(values) => !values.iter().any(|one| same(one, value)),
        Test::Numeric(bounds) => value.as_f64().is_some_and(|number| {
            bounds.iter().all(|(order, bound)| match order {
                Order::Less => number < *bound,
                Order::AtMost => number <= *bound,
                Order::Equal => (number - bound).abs() < f64::EPSILON,
                Order::AtLeast => number >= *bound,
                Order::More => number > *bound,
            })
        }),
    }
}

/// Numbers are the same by value, `1` and `1.0` too.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(pattern: Value) -> Result<Filter, String> {
        Filter::try_from(pattern.to_string())
    }

    #[test]
    fn a_record_passes_a_pattern_of_its_shape_only() {
        let record = json!({"eventName": "INSERT", "n": 5, "dynamodb": {"NewImage": {"kind": {"S": "message"}}}});
        for (pattern, passes) in [
            (json!({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["message"]}}}}), true),
            (json!({"eventName": ["MODIFY", "REMOVE"]}), false),
            (json!({"dynamodb": {"NewImage": {"kind": {"S": ["marker"]}}}}), false),
            (json!({"dynamodb": {"OldImage": {"kind": {"S": ["message"]}}}}), false),
            (json!({"dynamodb": {"OldImage": [{"exists": false}]}}), true),
            (json!({"eventName": [{"exists": true}]}), true),
            (json!({"eventName": [{"prefix": "INS"}]}), true),
            (json!({"eventName": [{"anything-but": ["INSERT"]}]}), false),
            (json!({"eventName": [{"anything-but": "REMOVE"}]}), true),
            (json!({"n": [{"numeric": [">", 0, "<=", 5]}]}), true),
            (json!({"n": [{"numeric": [">", 5]}]}), false),
            (json!({"n": [5.0]}), true),
        ] {
            assert_eq!(filter(pattern.clone()).unwrap().matches(&record), passes, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_is_not_understood_is_refused_by_name() {
        for (pattern, named) in [
            (json!({"a": [{"suffix": "x"}]}), "suffix"),
            (json!({"$or": [{"a": ["x"]}]}), "$or"),
            (json!({"a": "x"}), "a"),
            (json!({"a": []}), "a"),
            (json!({}), "empty"),
            (json!({"a": [{"numeric": [">"]}]}), "numeric"),
        ] {
            let refused = filter(pattern.clone()).unwrap_err();
            assert!(refused.contains(named), "{pattern}: {refused}");
        }
    }
}
