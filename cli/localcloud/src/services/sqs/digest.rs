//! The MD5 sums by which clients check that a message arrived whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Of a body.
pub(super) fn of_body(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

/// Of attributes (`{"name": {"DataType": …, "StringValue": … | "BinaryValue": base64}}`): each part with its length.
pub(super) fn of_attributes(attributes: &Value) -> Option<String> {
    let mut attributes: Vec<(&String, &Value)> = attributes.as_object()?.iter().collect();
    if attributes.is_empty() {
        return None;
    }
    attributes.sort_by_key(|(name, _)| name.as_str());
    let mut bytes = Vec::new();
    for (name, attribute) in attributes {
        part(&mut bytes, name.as_bytes());
        part(&mut bytes, attribute["DataType"].as_str().unwrap_or_default().as_bytes());
        if let Some(binary) = attribute["BinaryValue"].as_str() {
            bytes.push(2);
            part(&mut bytes, &STANDARD.decode(binary).unwrap_or_default());
        } else {
            bytes.push(1);
            part(&mut bytes, attribute["StringValue"].as_str().unwrap_or_default().as_bytes());
        }
    }
    Some(format!("{:x}", md5::compute(bytes)))
}

fn part(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sums_are_those_that_clients_compute() {
        assert_eq!(of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
        // SQS's developer guide: lengths of 4 bytes, a transport byte, names in order.
        let attributes = json!({ "b": { "DataType": "String", "StringValue": "x" }, "a": { "DataType": "Binary", "BinaryValue": "AQ==" } });
        let bytes = b"\0\0\0\x01a\0\0\0\x06Binary\x02\0\0\0\x01\x01\0\0\0\x01b\0\0\0\x06String\x01\0\0\0\x01x";
        assert_eq!(of_attributes(&attributes), Some(format!("{:x}", md5::compute(bytes))));
        assert_eq!(of_attributes(&json!({})), None);
    }
}
