//! Lists in pages: `MaxItems` and `Marker`.

use serde_json::{Value, json};

use super::manage::Query;
use super::{Answered, refusals};
use crate::wire::RestAnswer;

/// What a page holds when nothing is asked, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 10_000;

/// The page of a list that a query asks for; the marker is the position that it starts from.
pub(super) fn page(name: &str, items: Vec<Value>, query: &Query) -> Answered {
    let number = |name: &str| {
        let text = query.get(name);
        text.map(|text| text.parse().map_err(|_| refusals::invalid(format!("{name} is {text}")))).transpose()
    };
    let start: usize = number("Marker")?.unwrap_or(0).min(items.len());
    let size = number("MaxItems")?.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let end = (start + size).min(items.len());
    let mut page = json!({ name: items[start..end] });
    if end < items.len() {
        page["NextMarker"] = end.to_string().into();
    }
    Ok(RestAnswer::json(200, &page))
}
