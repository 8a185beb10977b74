//! Attributes in and out of items, and items out of a stream's JSON. It must not know what an item is.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{BadItem, Item, KIND, Key, TTL};

/// An item being written.
pub(super) struct Writing(Item);

impl Writing {
    pub(super) fn at(key: &Key) -> Self {
        Self(key.attributes())
    }

    pub(super) fn kind(self, kind: &str) -> Self {
        self.text(KIND, kind)
    }

    pub(super) fn ttl(self, seconds: i64) -> Self {
        self.number(TTL, seconds)
    }

    pub(super) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    pub(super) fn number(mut self, name: &str, value: impl Into<i64>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.into().to_string()));
        self
    }

    pub(super) fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    pub(super) fn flag(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    pub(super) fn done(self) -> Item {
        self.0
    }
}

/// An item being read.
pub(super) struct Reading<'a>(pub(super) &'a Item);

impl<'a> Reading<'a> {
    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, BadItem> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(BadItem(name))
    }

    pub(super) fn maybe_text(&self, name: &'static str) -> Option<&'a str> {
        self.text(name).ok()
    }

    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, BadItem> {
        self.text(name)?.parse().map_err(|_| BadItem(name))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, BadItem> {
        let value = self.0.get(name).and_then(|value| value.as_n().ok()).ok_or(BadItem(name))?;
        value.parse().map_err(|_| BadItem(name))
    }

    pub(super) fn bytes(&self, name: &'static str) -> Result<&'a [u8], BadItem> {
        self.0.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref).ok_or(BadItem(name))
    }

    pub(super) fn flag(&self, name: &'static str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or(false)
    }
}

/// The item of a stream record's image (`{"name":{"S":"Ann"},…}`). Types that no item of ours has make none.
pub fn image(json: &Value) -> Option<Item> {
    json.as_object()?
        .iter()
        .map(|(name, value)| Some((name.clone(), attribute(value)?)))
        .collect::<Option<HashMap<_, _>>>()
}

fn attribute(json: &Value) -> Option<AttributeValue> {
    let (kind, value) = json.as_object()?.iter().next()?;
    match kind.as_str() {
        "S" => Some(AttributeValue::S(value.as_str()?.to_owned())),
        "N" => Some(AttributeValue::N(value.as_str()?.to_owned())),
        "BOOL" => Some(AttributeValue::Bool(value.as_bool()?)),
        "NULL" => Some(AttributeValue::Null(true)),
        "B" => Some(AttributeValue::B(Blob::new(STANDARD.decode(value.as_str()?).ok()?))),
        _ => None,
    }
}
