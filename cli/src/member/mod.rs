//! `chatctl` as a member of a room: it posts and reads as a page does, and receives as a browser does.
//! Must not know how the chat is deployed.

mod api;
mod http;
mod identity;
mod inbox;
mod wire;

pub use api::{History, Member, MemberError, NamedRoom, Part, Posted, Refusal, Subscription};
pub use http::{Http, HttpError};
pub use identity::{Identity, IdentityError, KeptInbox};
pub use inbox::{Arrival, Inbox, InboxError, Kept};
