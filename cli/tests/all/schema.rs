//! The events' schema, read from the files that define them: names, fields, types, and what their comments say.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::root;

/// A field of an event or of a record.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) docs: String,
    /// As it stands in the code.
    of: String,
    /// Whether it may be absent; one that is an `Option` and never absent may be null.
    pub(crate) optional: bool,
}

/// An event, a record, or a list of words.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The name in the code; of an event, that in its JSON.
    pub(crate) name: String,
    pub(crate) docs: String,
    pub(crate) fields: Vec<Field>,
    /// The record that an event is made of.
    record: Option<String>,
    /// The words that a value can be, each with its meaning.
    pub(crate) words: Vec<(String, String)>,
}

/// All of it, in the order of the code.
pub(crate) struct Schema {
    pub(crate) events: Vec<Shape>,
    pub(crate) records: Vec<Shape>,
}

/// What stands before an item: its comment and what serde is told.
#[derive(Default)]
struct Before {
    docs: String,
    serde: String,
}

impl Schema {
    /// Reads it.
    pub(crate) fn read() -> Schema {
        let source = |path: &str| fs::read_to_string(root().join("cli/src").join(path)).unwrap();
        let mut events = shapes(&source("event.rs")).remove("Event").unwrap().1;
        let mut found: Vec<_> = shapes(&source("event/shown.rs")).into_values().collect();
        found.sort_by_key(|(place, _)| *place);
        let mut records: Vec<Shape> = found.into_iter().flat_map(|(_, shapes)| shapes).collect();
        for event in &mut events {
            if let Some(record) = &event.record {
                event.fields = records.iter().find(|shape| shape.name == *record).expect("it is known").fields.clone();
            }
        }
        let mut failed = shapes(&source("failure.rs")).remove("Failure").unwrap().1.remove(0);
        failed.name = "failed".into();
        failed.docs = "What a command that does not succeed ends with; nothing comes after it".into();
        events.push(failed);
        // A record that is only an event's own fields is told there.
        let parts: Vec<String> =
            events.iter().chain(&records).flat_map(|shape| &shape.fields).map(Field::part).collect();
        records.retain(|shape| parts.contains(&shape.name));
        Schema { events, records }
    }

    /// The event of this name.
    pub(crate) fn event(&self, name: &str) -> Result<&Shape, String> {
        self.events.iter().find(|event| event.name == name).ok_or_else(|| format!("no event is named {name:?}"))
    }

    /// Whether a value has exactly these fields, each of its type; `own` are allowed besides.
    pub(crate) fn fits(&self, value: &Value, shape: &Shape, own: &[&str]) -> Result<(), String> {
        let object = value.as_object().ok_or_else(|| format!("{value} is not an object"))?;
        for name in object.keys().filter(|name| !own.contains(&name.as_str())) {
            if !shape.fields.iter().any(|field| field.name == **name) {
                return Err(format!("{}: the field {name:?} is not documented", shape.name));
            }
        }
        for field in &shape.fields {
            match object.get(&field.name) {
                None if field.optional => {}
                None => return Err(format!("{}: the field {:?} is absent", shape.name, field.name)),
                Some(value) => self
                    .is(value, field.bare(), field.nullable())
                    .map_err(|wrong| format!("{}: the field {:?}: {wrong}", shape.name, field.name))?,
            }
        }
        Ok(())
    }

    fn is(&self, value: &Value, of: &str, nullable: bool) -> Result<(), String> {
        let right = match of {
            _ if value.is_null() => nullable,
            "String" => value.is_string(),
            "bool" => value.is_boolean(),
            "f64" => value.is_number(),
            "i32" | "i64" | "u16" | "u32" | "u64" | "usize" | "Exit" => value.is_i64() || value.is_u64(),
            _ if of.starts_with("BTreeMap<String, ") => value.is_object(),
            _ => {
                if let Some(item) = inside(of, "Vec") {
                    let items = value.as_array().ok_or_else(|| format!("{value} is not a list"))?;
                    return items.iter().try_for_each(|value| self.is(value, item, false));
                }
                let record = self.record(of);
                if record.words.is_empty() {
                    return self.fits(value, record, &[]);
                }
                record.words.iter().any(|(word, _)| value == word.as_str())
            }
        };
        if right { Ok(()) } else { Err(format!("{value} is not {of}")) }
    }

    fn record(&self, name: &str) -> &Shape {
        self.records
            .iter()
            .find(|shape| shape.name == name)
            .unwrap_or_else(|| panic!("{name} is in no file that is read"))
    }
}

impl Field {
    /// Its type, without `Option`.
    fn bare(&self) -> &str {
        inside(&self.of, "Option").unwrap_or(&self.of)
    }

    /// What it is made of, without lists.
    fn part(&self) -> String {
        let bare = self.bare();
        inside(bare, "Vec").unwrap_or(bare).to_owned()
    }

    fn nullable(&self) -> bool {
        !self.optional && self.of.starts_with("Option<")
    }

    /// Its type in words.
    pub(crate) fn kind(&self) -> String {
        let mut kind = kind(self.bare());
        if self.nullable() {
            kind.push_str(", or null");
        }
        if self.optional {
            kind.push_str(", or absent");
        }
        kind
    }
}

fn kind(of: &str) -> String {
    match of {
        "String" => "text".into(),
        "bool" => "true or false".into(),
        "f64" => "number".into(),
        "i32" | "i64" | "u16" | "u32" | "u64" | "usize" | "Exit" => "whole number".into(),
        _ if of.starts_with("BTreeMap<String, ") => "object".into(),
        _ => match inside(of, "Vec") {
            Some(item) => format!("list of {}", kind(item)),
            None => format!("[{of}](#{})", of.to_lowercase()),
        },
    }
}

fn inside<'a>(of: &'a str, outer: &str) -> Option<&'a str> {
    of.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')
}

/// The public items of a file by name, each with its place: a struct is one shape; an enum of words is one, any other enum is
/// one a variant.
fn shapes(text: &str) -> BTreeMap<String, (usize, Vec<Shape>)> {
    let mut all = BTreeMap::new();
    let (mut before, mut lines, mut place) = (Before::default(), text.lines(), 0);
    while let Some(line) = lines.next() {
        place += 1;
        let item = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
        let Some(name) = item.and_then(|rest| rest.strip_suffix(" {")) else {
            before.note(line);
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
        let said = std::mem::take(&mut before);
        let shapes = if line.starts_with("pub struct ") {
            let fields = fields(&mut body.into_iter());
            vec![Shape { name: name.into(), docs: said.docs, fields, ..Shape::default() }]
        } else if said.serde.contains("tag = ") {
            variants(&body)
        } else {
            vec![Shape { name: name.into(), docs: said.docs, words: words(&body), ..Shape::default() }]
        };
        all.insert(name.to_owned(), (place, shapes));
    }
    all
}

/// The fields up to the end of their block.
fn fields<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<Field> {
    let mut before = Before::default();
    let mut fields = Vec::new();
    for line in lines.map(str::trim).take_while(|line| *line != "},") {
        let Some((name, of)) = line.trim_start_matches("pub ").trim_end_matches(',').split_once(": ") else {
            before.note(line);
            continue;
        };
        if line.starts_with("//") {
            before.note(line);
            continue;
        }
        let said = std::mem::take(&mut before);
        let optional = said.serde.contains("skip_serializing_if");
        fields.push(Field { name: name.into(), docs: said.docs, of: of.into(), optional });
    }
    fields
}

fn variants(body: &[&str]) -> Vec<Shape> {
    let mut before = Before::default();
    let mut events = Vec::new();
    let mut lines = body.iter().copied();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("//") || line.starts_with('#') {
            before.note(line);
            continue;
        }
        let said = std::mem::take(&mut before);
        let name = said.serde.split("rename = \"").nth(1).and_then(|rest| rest.split('"').next());
        let name = name.unwrap_or_else(|| panic!("{line} has no name of its own in JSON")).to_owned();
        let fields = if line.ends_with('{') { fields(&mut lines) } else { Vec::new() };
        let record = line.strip_suffix("),").and_then(|line| line.split_once('('));
        let record = record.map(|(_, of)| inside(of, "Box").unwrap_or(of).to_owned());
        events.push(Shape { name, docs: said.docs, fields, record, ..Shape::default() });
    }
    events
}

fn words(body: &[&str]) -> Vec<(String, String)> {
    let mut before = Before::default();
    let mut words = Vec::new();
    for line in body.iter().map(|line| line.trim()) {
        if line.starts_with("//") || line.starts_with('#') {
            before.note(line);
        } else {
            words.push((line.trim_end_matches(',').to_lowercase(), std::mem::take(&mut before).docs));
        }
    }
    words
}

impl Before {
    fn note(&mut self, line: &str) {
        if let Some(docs) = line.trim().strip_prefix("/// ") {
            let gap = if self.docs.is_empty() { "" } else { " " };
            self.docs = format!("{}{gap}{}", self.docs, docs.trim_end_matches('.'));
        } else if line.trim().starts_with("#[serde(") {
            self.serde.push_str(line.trim());
        } else if !line.trim().starts_with("#[") {
            *self = Before::default();
        }
    }
}
