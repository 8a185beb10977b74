//! The HTTP APIs as their callers see them: a loopback port each, HTTP in, payload 2.0 to a function, and back.
//! How an API came to be is `services/apigateway/`; here it is only served.

mod event;
mod listener;
mod respond;
mod routes;

use crate::services::apigateway::Record;
pub(crate) use listener::Ports;
pub(crate) use routes::RouteKey;

/// An API ready to be served: its record, and its routes taken apart.
pub(crate) struct Served {
    pub(crate) record: Record,
    routes: Vec<(RouteKey, String)>,
}

impl Served {
    /// Takes the routes of an API apart; a key that no longer reads as one matches nothing.
    pub(crate) fn new(record: Record) -> Self {
        let parsed = |key: &str| RouteKey::parse(key).ok();
        let routes =
            record.routes.values().filter_map(|route| Some((parsed(&route.route_key)?, route.route_id.clone())));
        Self { routes: routes.collect(), record }
    }
}
