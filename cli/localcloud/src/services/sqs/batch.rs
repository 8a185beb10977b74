//! Batches: each entry is done or refused for itself; only a malformed batch is refused as a whole.

use serde_json::{Value, json};

use super::text;
use crate::Refusal;

const MOST: usize = 10;

/// The entries of a batch, checked as a batch.
pub(super) fn entries(input: &Value) -> Result<Vec<(&str, &Value)>, Refusal> {
    let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refuse = |code: &str, message: &str| Err(Refusal::new(400, code, message));
    if entries.is_empty() {
        return refuse("EmptyBatchRequest", "There should be at least one entry in the request.");
    }
    if entries.len() > MOST {
        return refuse("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
    }
    let mut ids: Vec<(&str, &Value)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = text(entry, "Id")?;
        if id.is_empty() || id.len() > 80 || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return refuse(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            );
        }
        if ids.iter().any(|(known, _)| *known == id) {
            return refuse("BatchEntryIdsNotDistinct", "Id appears twice in the request.");
        }
        ids.push((id, entry));
    }
    Ok(ids)
}

/// The answer to a batch.
pub(super) fn answer(results: Vec<(&str, Result<Value, Refusal>)>) -> Value {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in results {
        match result {
            Ok(mut output) => {
                output["Id"] = id.into();
                done.push(output);
            }
            Err(refusal) => failed.push(json!({
                "Id": id, "Code": refusal.code, "Message": refusal.message, "SenderFault": refusal.status < 500,
            })),
        }
    }
    let mut output = json!({ "Successful": done });
    if !failed.is_empty() {
        output["Failed"] = failed.into();
    }
    output
}
