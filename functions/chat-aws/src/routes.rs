//! Whose path is whose: the six functions and the routes that reach them. The deployment makes the
//! API from this list, the page's function uses it to tell an unknown path from a wrong method.
//! It must not know how a route is answered.

use std::time::Duration;

/// One of the chat's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Steps 1–2: a page registers its push subscription.
    RegisterClient,
    /// Steps 3–6: a page reads messages.
    RetrieveMessages,
    /// Steps 7–8: a page posts a message.
    StoreMessage,
    /// Steps 9–10: the table's stream becomes announcements on the queue.
    ForwardMessages,
    /// Steps 11–15: announcements become encrypted pushes.
    NotifyClients,
    /// The page itself, its assets, the configuration and the health.
    ServePage,
}

/// The routes of the HTTP API, as API Gateway writes them, and who answers each.
pub const ROUTES: &[(&str, Function)] = &[
    ("POST /api/clients", Function::RegisterClient),
    ("DELETE /api/clients", Function::RegisterClient),
    ("GET /api/messages", Function::RetrieveMessages),
    ("POST /api/messages", Function::StoreMessage),
    // All the rest: the page, and a problem of ours for whatever else is asked.
    ("$default", Function::ServePage),
];

/// What the page's function answers itself, besides the page's files, which are all read by GET.
const OF_THE_PAGE: &[&str] = &["GET /", "GET /api/config", "GET /api/health"];

impl Function {
    /// All six, in the order in which a message meets them.
    pub const ALL: [Self; 6] = [
        Self::RegisterClient,
        Self::RetrieveMessages,
        Self::StoreMessage,
        Self::ForwardMessages,
        Self::NotifyClients,
        Self::ServePage,
    ];

    /// The function's name, which is the name of its crate and of its binary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterClient => "register-client",
            Self::RetrieveMessages => "retrieve-messages",
            Self::StoreMessage => "store-message",
            Self::ForwardMessages => "forward-messages",
            Self::NotifyClients => "notify-clients",
            Self::ServePage => "serve-page",
        }
    }

    /// How long one invocation may take. A late write is never later than store-message's limit,
    /// which the watermark of a catch-up (15 s) relies on.
    pub const fn timeout(self) -> Duration {
        match self {
            Self::NotifyClients => Duration::from_secs(30),
            _ => Duration::from_secs(10),
        }
    }

    /// Its memory in MB, which on AWS is its share of a processor too.
    pub const fn memory_mb(self) -> u32 {
        match self {
            Self::NotifyClients => 512,
            _ => 256,
        }
    }

    /// Whether it is reached through the HTTP API.
    pub fn is_routed(self) -> bool {
        ROUTES.iter().any(|(_, function)| *function == self)
    }
}

/// The methods under which a path is known, for the `Allow` header of a 405.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    let routes = ROUTES.iter().map(|(route, _)| *route);
    routes
        .chain(OF_THE_PAGE.iter().copied())
        .filter_map(|route| route.split_once(' '))
        .filter(|(_, known)| *known == path)
        .map(|(method, _)| method)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_but_the_two_behind_the_table_has_a_route() {
        let unrouted: Vec<_> = Function::ALL.into_iter().filter(|f| !f.is_routed()).collect();
        assert_eq!(unrouted, [Function::ForwardMessages, Function::NotifyClients]);
    }

    #[test]
    fn no_route_is_named_twice() {
        let mut routes: Vec<_> = ROUTES.iter().map(|(route, _)| route).collect();
        routes.sort();
        routes.dedup();
        assert_eq!(routes.len(), ROUTES.len());
    }

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(methods_of("/api/messages"), ["GET", "POST"]);
        assert_eq!(methods_of("/api/health"), ["GET"]);
        assert!(methods_of("/api/nothing").is_empty());
    }
}
