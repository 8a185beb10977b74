//! A push endpoint: where a push service takes messages for one subscription. It comes from a stranger and is what
//! the notifier will call, so only the stage's push services are allowed. It must not know how it is called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::client::ClientId;
use crate::problem::{Code, Problem};

/// The longest endpoint.
pub const ENDPOINT_BYTES: usize = 2_048;

/// Which push services a stage sends to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushServices {
    /// Hosts; `*.x` stands for every host below `x`.
    pub hosts: Vec<String>,
    /// The one origin that may be plain http: the local cloud's own push service.
    pub local_origin: Option<String>,
}

impl PushServices {
    /// The services of the browsers.
    pub const KNOWN: [&str; 4] =
        ["fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"];

    /// The services of a list separated by commas, as settings hold it.
    #[must_use]
    pub fn from_list(hosts: &str, local_origin: Option<String>) -> Self {
        let hosts =
            hosts.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()).collect();
        Self { hosts, local_origin: local_origin.filter(|origin| !origin.is_empty()) }
    }

    fn allow(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(below) => below.starts_with('.') && host.len() > below.len() && host.ends_with(below),
            None => pattern == host,
        })
    }
}

/// Where a push service takes messages for one subscription. Opaque: it is sent as it was given.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    url: String,
    https: bool,
    host: String,
    port: u16,
}

/// Why an endpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// Not an address of the form that is accepted.
    #[error("the endpoint is not an https address of at most {ENDPOINT_BYTES} characters with a host name")]
    Malformed,
    /// Well formed, but not a push service of this stage.
    #[error("the endpoint's push service is not one that this stage sends to")]
    NotAllowed,
}

impl Endpoint {
    /// An endpoint that is well formed and allowed: at registration.
    pub fn check(url: &str, services: &PushServices) -> Result<Self, BadEndpoint> {
        let endpoint = Self::parse(url)?;
        endpoint.allowed(services)?;
        Ok(endpoint)
    }

    /// An endpoint that is well formed: when it is read back. Ask `allowed` before sending.
    pub fn parse(url: &str) -> Result<Self, BadEndpoint> {
        let refused = BadEndpoint::Malformed;
        // Strict on purpose: what every parser reads in the same way can't be read as another host by one of them.
        if url.len() > ENDPOINT_BYTES
            || !url.bytes().all(|b| matches!(b, 0x21..=0x7e) && !matches!(b, b'\\' | b'#' | b'"' | b'<' | b'>' | b'`'))
        {
            return Err(refused);
        }
        let (https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(refused),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port_number(port).ok_or(refused)?),
            None => (authority, if https { 443 } else { 80 }),
        };
        if authority.len() == rest.len() || !is_host(host) {
            return Err(refused);
        }
        Ok(Self { url: url.to_owned(), https, host: host.to_owned(), port })
    }

    /// Whether this stage sends to it: checked when stored and again when sent.
    pub fn allowed(&self, services: &PushServices) -> Result<(), BadEndpoint> {
        if services.local_origin.as_deref() == Some(self.origin().as_str()) {
            return Ok(());
        }
        let named = !self.host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if self.https && self.port == 443 && named && services.allow(&self.host) {
            Ok(())
        } else {
            Err(BadEndpoint::NotAllowed)
        }
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Scheme, host, and the port unless it is the scheme's own: the `aud` of RFC 8292.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            _ => format!("{scheme}://{}:{}", self.host, self.port),
        }
    }

    /// The push service's host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is Apple's, whose pushes are declarative.
    #[must_use]
    pub fn is_apple(&self) -> bool {
        self.host.ends_with(".push.apple.com")
    }

    /// The id of the client with this endpoint.
    #[must_use]
    pub fn client(&self) -> ClientId {
        ClientId::of(&self.url)
    }
}

fn port_number(text: &str) -> Option<u16> {
    let plain = text.len() <= 5 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Debug for Endpoint {
    /// The path is a secret of the client: only the origin is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}/…)", self.origin())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadEndpoint;
    fn try_from(url: String) -> Result<Self, Self::Error> {
        Self::parse(&url)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.url
    }
}

impl From<BadEndpoint> for Problem {
    fn from(bad: BadEndpoint) -> Self {
        Self::new(Code::BadEndpoint, bad.to_string())
    }
}
