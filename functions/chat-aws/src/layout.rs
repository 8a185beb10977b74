//! The three tables: every key and every attribute, nowhere else. What is written by one of these functions is
//! read back by its twin beside it. It must not know when something is read or written.
//!
//! | table | partition key `pk` | sort key `sk` | what |
//! |---|---|---|---|
//! | messages | `room#<room hash>` | `<UUIDv7>` | a message or a deletion, in order |
//! | messages | `key#<room hash>#<author>` | `<idempotency key>` | the marker of a post, for seven days |
//! | messages | `rate#<room hash>#<who>` | `<window>` | how often somebody posted |
//! | clients | `room#<room hash>#<shard>` | `<client id>` | a push subscription |
//! | clients | `client#<client id>` | `room#<room hash>` | in which rooms a subscription is |
//! | clients | `install#<install>` | `room#<room hash>` | an installation's present subscription |
//! | clients | `member#<room hash>#<author>` | `<client id>` | how many subscriptions a member has |
//! | stage | `rooms` | `<room hash>` | a room's record |
//! | stage | `stage` | `address-key`, `layout`, `lease` | what the stage itself keeps |
//! | stage | `deploys` | `<UUIDv7>` | a deploy |

mod attributes;
mod clients;
mod messages;
mod stage;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chat::ports::PortError;
use thiserror::Error;

pub use attributes::image;
pub use clients::{
    Place, client_item, client_key, clients_of, install_item, install_key, member_item, member_key, members_of,
    place_item, place_key, places_of, stored_client, stored_install, stored_place,
};
pub use messages::{
    StoredMessage, history_of, marker_item, marker_key, message_item, message_key, rate_key, stored_history_item,
    stored_marker, stored_message,
};
pub use stage::{
    BACK, NUMBER, RETENTION_DAYS, address_key, address_key_item, deploy_key, deploys, layout_item, layout_key,
    lease_key, room_item, room_key, rooms, stored_address_key, stored_layout, stored_room,
};

/// The version of everything on this page. `up` migrates a stage of an earlier one, or refuses.
///
/// 2: every deploy has its number.
pub const LAYOUT_VERSION: u32 = 2;
/// The partition key's name, in all three tables (a string).
pub const PK: &str = "pk";
/// The sort key's name, in all three tables (a string).
pub const SK: &str = "sk";
/// The attribute that DynamoDB's time to live goes by: seconds since 1970.
pub const TTL: &str = "ttl";
/// What an item is.
pub const KIND: &str = "kind";
/// Which stream records reach forward-messages: new messages, and neither markers, counters, deletions nor
/// what the time to live removes.
pub const STREAM_FILTER: &str = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"kind":{"S":["message"]}}}}"#;

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as the SDK takes it.
    pub fn attributes(&self) -> Item {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// An item that is not as this page says.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("an item's attribute {0} is missing or not as it was written")]
pub struct BadItem(pub &'static str);

impl From<BadItem> for PortError {
    fn from(bad: BadItem) -> Self {
        Self::new(bad.to_string(), false)
    }
}
