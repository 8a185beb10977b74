//! Mozilla's push protocol, frame by frame (PUSH.md §1). Must not know where frames come from.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is acknowledged when a push was decrypted.
pub(super) const DECRYPTED: u16 = 100;
/// What is acknowledged when it could not be.
pub(super) const NOT_DECRYPTED: u16 = 101;

/// A frame from the push service; what is not in a frame of its type is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Frame {
    pub(super) message_type: String,
    pub(super) uaid: String,
    pub(super) status: Option<u16>,
    #[serde(rename = "channelID")]
    pub(super) channel: String,
    pub(super) push_endpoint: String,
    pub(super) version: String,
    pub(super) data: Option<String>,
    pub(super) headers: Headers,
}

/// How a push's data is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    pub(super) encoding: String,
}

/// A push to acknowledge, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Ack {
    #[serde(rename = "channelID")]
    pub(super) channel: String,
    pub(super) version: String,
    pub(super) code: u16,
}

pub(super) fn hello(uaid: Option<&str>) -> Value {
    let mut hello = json!({"messageType": "hello", "broadcasts": {}, "use_webpush": true});
    if let (Some(uaid), Some(frame)) = (uaid, hello.as_object_mut()) {
        frame.insert("uaid".to_owned(), uaid.into());
    }
    hello
}

pub(super) fn register(channel: &str, application_server_key: &str) -> Value {
    json!({"messageType": "register", "channelID": channel, "key": application_server_key})
}

pub(super) fn unregister(channel: &str) -> Value {
    json!({"messageType": "unregister", "channelID": channel, "code": 200})
}

pub(super) fn ack(ack: &Ack) -> Value {
    json!({"messageType": "ack", "updates": [ack]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_that_firefox_sends() {
        assert_eq!(hello(None).to_string(), r#"{"broadcasts":{},"messageType":"hello","use_webpush":true}"#);
        assert_eq!(hello(Some("u"))["uaid"], "u");
        assert_eq!(register("c", "BK=").to_string(), r#"{"channelID":"c","key":"BK=","messageType":"register"}"#);
        let said = ack(&Ack { channel: "c".to_owned(), version: "7".to_owned(), code: DECRYPTED });
        assert_eq!(said.to_string(), r#"{"messageType":"ack","updates":[{"channelID":"c","code":100,"version":"7"}]}"#);
    }

    #[test]
    fn a_push_is_read_and_what_is_unknown_in_a_frame_is_passed_over() {
        let frame: Frame = serde_json::from_str(
            r#"{"messageType":"notification","channelID":"c","version":"7","data":"AAE","headers":{"encoding":"aes128gcm","crypto_key":"x"},"new":1}"#,
        )
        .unwrap();
        assert_eq!(
            (frame.message_type.as_str(), frame.channel.as_str(), frame.data.as_deref()),
            ("notification", "c", Some("AAE"))
        );
        assert_eq!(frame.headers.encoding, "aes128gcm");
        assert_eq!(serde_json::from_str::<Frame>("{}").unwrap(), Frame::default());
    }
}
