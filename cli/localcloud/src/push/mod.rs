//! The push service: senders post over RFC 8030, browsers listen over Mozilla's WebSocket protocol, and a
//! mailbox between the two keeps what was accepted until it is acknowledged. Must not know what is in a message.

mod browser;
mod live;
mod mailbox;
mod sender;
mod session;
mod vapid;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::wire::HttpAnswer;
use crate::{Cloud, Rest, RestAnswer, State};

/// The push service of a local cloud.
pub(crate) struct Push {
    door: Arc<Door>,
}

/// What both sides of the service share.
struct Door {
    mailbox: mailbox::Mailbox,
    live: live::Live,
}

impl Push {
    /// Opens the mailbox on the cloud's state.
    pub(crate) fn open(state: &State) -> Result<Self, rusqlite::Error> {
        let door = Door { mailbox: mailbox::Mailbox::open(state)?, live: live::Live::default() };
        Ok(Self { door: Arc::new(door) })
    }

    /// Forgets what ran out while the cloud was down; nothing runs by itself.
    pub(crate) fn start(cloud: &Arc<Cloud>) {
        if let Err(error) = cloud.push.door.mailbox.sweep(cloud.now_ms()) {
            log(&format!("cannot sweep the mailbox: {error}"));
        }
    }

    /// Answers a sender: `POST /wpush/v2/…`, `DELETE /wpush/m/…`.
    pub(crate) async fn sender(&self, cloud: &Arc<Cloud>, request: Rest) -> RestAnswer {
        sender::answer(&self.door, &origin(cloud), &request, cloud.now_ms())
    }

    /// Answers a browser that asks for a WebSocket, and serves that from then on.
    pub(crate) async fn browser(
        &self,
        cloud: &Arc<Cloud>,
        request: hyper::Request<hyper::body::Incoming>,
    ) -> HttpAnswer {
        browser::answer(&self.door, origin(cloud), cloud.stop.subscribe(), request)
    }

    /// What the service holds, in numbers, and what its clients acknowledged by code.
    pub(crate) fn summary(&self) -> Result<Value, rusqlite::Error> {
        let counts = self.door.mailbox.counts()?;
        Ok(json!({
            "clients": counts.clients,
            "connected": self.door.live.count(),
            "channels": counts.channels,
            "pending": counts.pending,
            "acknowledged": counts.codes,
        }))
    }
}

/// The origin of this service's endpoints.
fn origin(cloud: &Cloud) -> String {
    format!("http://127.0.0.1:{}", cloud.place.port)
}

/// A line in the cloud's own log.
fn log(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "push: {line}");
}
