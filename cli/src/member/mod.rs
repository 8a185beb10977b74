//! `chatctl` as a member of a room: it posts and reads as a page does, and receives as a browser does.
//! Must not know how the chat is deployed.

mod api;
mod http;
mod identity;
mod inbox;
mod refusal;
mod socket;
mod wire;

pub use api::{History, Member, NamedRoom, Part, Posted, Subscription};
pub use http::{Http, HttpError};
pub use identity::{Identity, IdentityError, KeptInbox};
pub use inbox::{Arrival, Inbox, InboxError, Kept};
pub use refusal::{MemberError, Refusal};
