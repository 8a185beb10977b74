//! The routes of the API, each through the one integration of its function, made by one writer (A8). It
//! must not know what a route is for.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_apigatewayv2::{config::retry::RetryConfig, types::IntegrationType};
use chat_aws::routes::{Function, ROUTES};
use reconcile::{Change, Fault, Field, Id, Resource, Visit};

use super::{
    api::{self, ONE_WRITER, SERVICE},
    ground::{Ground, Result},
};
use crate::aws::{CallError, Kind, call, if_there};

/// The form of events that the functions read.
const PAYLOAD: &str = "2.0";
/// The longest that an HTTP API waits.
const TIMEOUT_MS: i32 = 30_000;
/// As many as one page can hold.
const PAGE: &str = "500";

/// The id of all routes together.
pub(super) fn id() -> Id {
    Id::new("routes", "http")
}

pub(super) struct Routes {
    pub(super) ground: Arc<Ground>,
}

/// What is seen of the routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    integrations: Vec<Integration>,
    routes: Vec<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Integration {
    id: String,
    /// What it calls; empty where it does so in another form than ours.
    calls: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    id: String,
    key: String,
    integration: String,
}

impl Seen {
    fn calls(&self, route: &Route) -> Option<&str> {
        self.integrations.iter().find(|one| one.id == route.integration).map(|one| one.calls.as_str())
    }

    /// Integrations that are not ours, and second ones of ours.
    fn superfluous<'a>(&'a self, wanted: &BTreeSet<String>) -> Vec<&'a Integration> {
        let mut met = BTreeSet::new();
        self.integrations.iter().filter(|one| !wanted.contains(&one.calls) || !met.insert(&one.calls)).collect()
    }
}

impl Resource for Routes {
    type Seen = Seen;

    fn id(&self) -> Id {
        id()
    }

    fn needs(&self) -> Vec<Id> {
        vec![api::id()]
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        let route = |(key, function): &(&str, Function)| ((*key).to_owned(), self.ground.alias_arn(function.name()));
        ROUTES.iter().map(route).collect()
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let Some(api) = visit.known(&api::id(), api::API_ID) else { return Ok(None) };
        let seen = self.look(&api).await?;
        Ok(seen.filter(|seen| *seen != Seen::default()))
    }

    fn diff(&self, seen: Option<&Seen>, _: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let mut fields = Vec::new();
        for (key, function) in ROUTES {
            let want = self.ground.alias_arn(function.name());
            let route = seen.routes.iter().find(|route| route.key == *key);
            let calls = route.and_then(|route| seen.calls(route));
            if calls != Some(&*want) {
                fields.push(Field::new(*key, calls.map(str::to_owned), want));
            }
        }
        for route in seen.routes.iter().filter(|route| !is_ours(&route.key)) {
            fields.push(Field::new(&*route.key, seen.calls(route).unwrap_or("nothing").to_owned(), None));
        }
        for integration in seen.superfluous(&self.wanted()) {
            fields.push(Field::new(format!("integration {}", integration.id), integration.calls.clone(), None));
        }
        Change::update(fields)
    }

    async fn apply(&self, _: &Change, seen: Option<Seen>, visit: &Visit) -> Result<()> {
        let api = visit.fact(&api::id(), api::API_ID)?;
        let seen = seen.unwrap_or_default();
        for function in Function::ALL.into_iter().filter(|function| function.is_routed()) {
            let arn = self.ground.alias_arn(function.name());
            let integration = match seen.integrations.iter().find(|one| one.calls == arn) {
                Some(integration) => integration.id.clone(),
                None => self.settle(visit, || self.create_integration(&api, &arn)).await?,
            };
            for (key, _) in ROUTES.iter().filter(|(_, of)| *of == function) {
                match seen.routes.iter().find(|route| route.key == *key) {
                    Some(route) if route.integration == integration => {}
                    Some(route) => self.settle(visit, || self.update_route(&api, &route.id, &integration)).await?,
                    None => self.settle(visit, || self.create_route(&api, key, &integration)).await?,
                }
            }
        }
        for route in seen.routes.iter().filter(|route| !is_ours(&route.key)) {
            self.settle(visit, || self.delete_route(&api, &route.id)).await?;
        }
        for integration in seen.superfluous(&self.wanted()) {
            self.settle(visit, || self.delete_integration(&api, &integration.id)).await?;
        }
        Ok(())
    }

    /// They go with their API, which goes next.
    async fn delete(&self, _: Seen, _: &Visit) -> Result<()> {
        Ok(())
    }
}

fn is_ours(key: &str) -> bool {
    ROUTES.iter().any(|(ours, _)| *ours == key)
}

/// Two writers at one API conflict; that passes (A8).
fn conflict(error: CallError) -> Fault {
    let passing = error.is_taken();
    Fault::from(error).passing(passing)
}

impl Routes {
    /// The aliases that our integrations call.
    fn wanted(&self) -> BTreeSet<String> {
        let routed = Function::ALL.into_iter().filter(|function| function.is_routed());
        routed.map(|function| self.ground.alias_arn(function.name())).collect()
    }

    async fn settle<T: Send, F>(&self, visit: &Visit, act: impl FnMut() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>> + Send,
    {
        visit.settle("the API's last change to end", ONE_WRITER, act).await
    }

    async fn look(&self, api: &str) -> Result<Option<Seen>> {
        let (integrations, routes) = tokio::try_join!(self.integrations(api), self.routes(api))?;
        Ok(integrations.zip(routes).map(|(integrations, routes)| Seen { integrations, routes }))
    }

    async fn integrations(&self, api: &str) -> std::result::Result<Option<Vec<Integration>>, CallError> {
        let answer = self.ground.aws.apigateway.get_integrations().api_id(api).max_results(PAGE).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "GetIntegrations", api)))?;
        let integration = |it: aws_sdk_apigatewayv2::types::Integration| {
            let ours = it.payload_format_version.as_deref() == Some(PAYLOAD)
                && it.integration_type == Some(IntegrationType::AwsProxy);
            let calls = it.integration_uri.filter(|_| ours).unwrap_or_default();
            Integration { id: it.integration_id.unwrap_or_default(), calls }
        };
        Ok(answer.map(|page| page.items.unwrap_or_default().into_iter().map(integration).collect()))
    }

    async fn routes(&self, api: &str) -> std::result::Result<Option<Vec<Route>>, CallError> {
        let answer = self.ground.aws.apigateway.get_routes().api_id(api).max_results(PAGE).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "GetRoutes", api)))?;
        let route = |it: aws_sdk_apigatewayv2::types::Route| {
            let target = it.target.unwrap_or_default();
            let integration = target.strip_prefix("integrations/").unwrap_or(&target).to_owned();
            Route { id: it.route_id.unwrap_or_default(), key: it.route_key.unwrap_or_default(), integration }
        };
        Ok(answer.map(|page| page.items.unwrap_or_default().into_iter().map(route).collect()))
    }

    /// Each call makes one more, so the SDK may not repeat it: after an answer that was lost, it is looked for.
    async fn create_integration(&self, api: &str, arn: &str) -> Result<Option<String>> {
        let once = aws_sdk_apigatewayv2::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.ground.aws.apigateway.create_integration().api_id(api).integration_uri(arn);
        let request = request
            .integration_type(IntegrationType::AwsProxy)
            .integration_method("POST")
            .payload_format_version(PAYLOAD)
            .timeout_in_millis(TIMEOUT_MS);
        match request.customize().config_override(once).send().await.map_err(call(SERVICE, "CreateIntegration", arn)) {
            Ok(answer) => Ok(answer.integration_id),
            Err(error) if error.is_uncertain() || error.kind == Kind::Throttled => {
                let there = self.integrations(api).await?.unwrap_or_default();
                match there.into_iter().find(|one| one.calls == arn) {
                    Some(found) => Ok(Some(found.id)),
                    None => Err(Fault::from(error).passing(true)),
                }
            }
            Err(error) => Err(conflict(error)),
        }
    }

    async fn create_route(&self, api: &str, key: &str, integration: &str) -> Result<Option<()>> {
        let request = self.ground.aws.apigateway.create_route().api_id(api).route_key(key);
        let answer = request.target(format!("integrations/{integration}")).send().await;
        match answer.map_err(call(SERVICE, "CreateRoute", key)) {
            Err(error) if error.is_taken() => {
                // Either another writer is in the way, or an answer was lost and the route is there.
                let there = self.routes(api).await?.unwrap_or_default();
                match there.iter().find(|route| route.key == key) {
                    Some(route) => self.update_route(api, &route.id, integration).await,
                    None => Err(conflict(error)),
                }
            }
            answer => Ok(answer.map(|_| Some(()))?),
        }
    }

    async fn update_route(&self, api: &str, route: &str, integration: &str) -> Result<Option<()>> {
        let request = self.ground.aws.apigateway.update_route().api_id(api).route_id(route);
        let answer = request.target(format!("integrations/{integration}")).send().await;
        answer.map(|_| Some(())).map_err(call(SERVICE, "UpdateRoute", route)).map_err(conflict)
    }

    async fn delete_route(&self, api: &str, route: &str) -> Result<Option<()>> {
        let answer = self.ground.aws.apigateway.delete_route().api_id(api).route_id(route).send().await;
        if_there(answer.map_err(call(SERVICE, "DeleteRoute", route))).map(|_| Some(())).map_err(conflict)
    }

    async fn delete_integration(&self, api: &str, integration: &str) -> Result<Option<()>> {
        let answer =
            self.ground.aws.apigateway.delete_integration().api_id(api).integration_id(integration).send().await;
        if_there(answer.map_err(call(SERVICE, "DeleteIntegration", integration))).map(|_| Some(())).map_err(conflict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};

    fn right(routes: &Routes) -> Seen {
        let mut seen = Seen::default();
        for (n, arn) in routes.wanted().into_iter().enumerate() {
            seen.integrations.push(Integration { id: format!("i{n}"), calls: arn });
        }
        for (n, (key, function)) in ROUTES.iter().enumerate() {
            let arn = routes.ground.alias_arn(function.name());
            let integration = seen.integrations.iter().find(|one| one.calls == arn).unwrap().id.clone();
            seen.routes.push(Route { id: format!("r{n}"), key: (*key).to_owned(), integration });
        }
        seen
    }

    #[tokio::test]
    async fn routes_differ_one_by_one() {
        let routes = Routes { ground: Arc::new(ground().await) };
        let right = right(&routes);
        assert_eq!(visiting(&routes, None), Change::Create);
        assert_eq!(visiting(&routes, Some(right.clone())), Change::Keep);

        let mut gone = right.clone();
        let lost = gone.routes.remove(0);
        let want = routes.ground.alias_arn(ROUTES[0].1.name());
        assert_eq!(visiting(&routes, Some(gone)), Change::Update(vec![Field::new(lost.key, None, want)]));

        let mut more = right.clone();
        more.routes.push(Route { id: "x".into(), key: "GET /debug".into(), integration: "none".into() });
        more.integrations.push(Integration { id: "twice".into(), ..right.integrations[0].clone() });
        let change = visiting(&routes, Some(more));
        let names: Vec<&str> = change.fields().iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["GET /debug", "integration twice"]);
    }

    #[tokio::test]
    async fn a_route_to_another_form_of_event_differs() {
        let routes = Routes { ground: Arc::new(ground().await) };
        let mut seen = right(&routes);
        let arn = routes.ground.alias_arn("store-message");
        for integration in seen.integrations.iter_mut().filter(|one| one.calls == arn) {
            integration.calls = String::new();
        }
        let change = visiting(&routes, Some(seen));
        assert!(change.touches("POST /api/messages") && !change.touches("GET /api/messages"), "{change:?}");
    }
}
