//! A query call as one JSON object, and a JSON answer as query's XML: for services that speak both, or that have
//! too many members to be written out one by one.

use serde_json::{Map, Value};

use super::query::{Form, Xml};

/// A form as an object: `Tags.member.1.Key=a` is `{"Tags": [{"Key": "a"}]}`. Every value is a text.
pub(crate) fn input(form: &Form) -> Value {
    let mut root = Map::new();
    for (name, value) in form.pairs() {
        put(&mut root, name, value);
    }
    let mut root = Value::Object(root);
    lists(&mut root);
    root
}

fn put(into: &mut Map<String, Value>, name: &str, value: &str) {
    match name.split_once('.') {
        None => drop(into.insert(name.to_owned(), value.into())),
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// `{"member": {"1": …, "2": …}}` becomes a list.
fn lists(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    object.values_mut().for_each(lists);
    if object.len() != 1 {
        return;
    }
    let Some(Value::Object(members)) = object.get_mut("member") else { return };
    let mut numbered: Vec<(usize, Value)> =
        std::mem::take(members).into_iter().filter_map(|(at, item)| Some((at.parse().ok()?, item))).collect();
    numbered.sort_by_key(|(at, _)| *at);
    *value = numbered.into_iter().map(|(_, item)| item).collect();
}

/// An object as elements, its lists as `<member>`s; what is null is left out.
pub(crate) fn output(value: &Value) -> Xml {
    let mut xml = Xml::default();
    write(&mut xml, value);
    xml
}

fn write(xml: &mut Xml, object: &Value) {
    for (name, value) in object.as_object().into_iter().flatten() {
        element(xml, name, value);
    }
}

fn element(xml: &mut Xml, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => drop(xml.text(name, text)),
        Value::Object(_) => drop(xml.within(name, |xml| write(xml, value))),
        Value::Array(items) => {
            xml.within(name, |xml| items.iter().for_each(|item| element(xml, "member", item)));
        }
        Value::Bool(_) | Value::Number(_) => drop(xml.text(name, &value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_becomes_an_object_with_its_lists_in_order() {
        let form =
            Form::parse(b"Action=A&T.member.2.Key=b&T.member.1.Key=a&T.member.1.Value=1&E.member.10=z&E.member.9=y");
        let should = json!({ "Action": "A", "T": [{ "Key": "a", "Value": "1" }, { "Key": "b" }], "E": ["y", "z"] });
        assert_eq!(input(&form), should);
        assert_eq!(input(&Form::parse(b"A=1&A.B=2&member.member.1=x")), json!({ "A": { "B": "2" }, "member": ["x"] }));
    }

    #[test]
    fn an_object_becomes_elements() {
        let xml = output(&json!({ "A": [{ "B": true, "C": null }], "D": "<" }));
        assert_eq!(xml.written(), "<A><member><B>true</B></member></A><D>&lt;</D>");
    }
}
