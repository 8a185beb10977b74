//! The HTTP API with its `$default` stage. Its name is not unique: it is found by the tags of ownership
//! (A24). It must not know which routes it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_apigatewayv2::{config::retry::RetryConfig, types::ProtocolType};
use reconcile::{Change, Fault, Field, Id, Resource, Visit};
use tokio::time::Instant;

use super::ground::{Ground, Owner, Result};
use crate::aws::{Aws, CallError, Kind, call, if_there};

/// The fact: the API's id.
pub const API_ID: &str = "api-id";
/// The fact: the API's address, the origin of the page.
pub const ENDPOINT: &str = "endpoint";

pub(super) const SERVICE: &str = "API Gateway";
/// Any other stage would put its name before each path (A29).
const STAGE: &str = "$default";
/// What its stage shall be.
const DEPLOYS: &str = "with automatic deploys";
/// How long a create whose answer was lost is looked for.
const FOUND: Duration = Duration::from_secs(30);
/// For so long it may be missing in the list.
const LAGS: Duration = Duration::from_secs(5);
/// How long another writer may be in the way (A8).
pub(super) const ONE_WRITER: Duration = Duration::from_secs(60);

/// The id of the API.
pub fn id() -> Id {
    Id::new("api", "http")
}

pub(super) struct Api {
    pub(super) ground: Arc<Ground>,
}

/// An API as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) endpoint: String,
    name: String,
}

/// What is seen of the API.
pub(super) struct Seen {
    api: Found,
    /// Whether its `$default` stage takes each change at once; `None` without such a stage.
    deploys: Option<bool>,
}

/// The APIs with our tags, whatever their names.
pub(super) async fn list(ground: &Ground) -> std::result::Result<Vec<Found>, CallError> {
    owned(&ground.aws, &ground.owner).await
}

/// The same for a caller without a ground.
pub(super) async fn owned(aws: &Aws, owner: &Owner) -> std::result::Result<Vec<Found>, CallError> {
    let (mut apis, mut token) = (Vec::new(), None);
    loop {
        let request = aws.apigateway.get_apis().max_results("500").set_next_token(token);
        let page = request.send().await.map_err(call(SERVICE, "GetApis", "all APIs"))?;
        for api in page.items.unwrap_or_default() {
            let tags: HashMap<String, String> = api.tags.unwrap_or_default();
            if owner.owns(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))) {
                let (id, endpoint) = (api.api_id.unwrap_or_default(), api.api_endpoint.unwrap_or_default());
                apis.push(Found { id, endpoint, name: api.name.unwrap_or_default() });
            }
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(apis);
        }
    }
}

/// The one of them; two are an error to resolve, not a guess (A24).
pub(super) fn only(apis: &[Found]) -> Result<Option<Found>> {
    match apis {
        [] => Ok(None),
        [api] => Ok(Some(api.clone())),
        [first, second, ..] => {
            Err(Fault::new(format!("two APIs carry this stage's tags: {} and {}", first.id, second.id)).with_next(
                Some(format!("remove the one you do not use: aws apigatewayv2 delete-api --api-id {}", second.id)),
            ))
        }
    }
}

impl Resource for Api {
    type Seen = Seen;

    fn id(&self) -> Id {
        id()
    }

    fn wants(&self, _: &Visit) -> Vec<(String, String)> {
        vec![("name".into(), self.ground.names.api()), ("stage $default".into(), DEPLOYS.into())]
    }

    fn costs(&self, change: &Change) -> Option<String> {
        change.removes().then(|| "the page's address: the next one is another".to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Seen>> {
        let api = match visit.planning() {
            true => only(self.ground.apis().await?)?,
            false => only(&list(&self.ground).await?)?,
        };
        let Some(api) = api else { return Ok(None) };
        let deploys = self.stage(&api.id).await?;
        learn(&api, visit);
        Ok(Some(Seen { api, deploys }))
    }

    fn diff(&self, seen: Option<&Seen>, _: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let mut fields = Vec::new();
        let name = self.ground.names.api();
        if seen.api.name != name {
            fields.push(Field::new("name", seen.api.name.clone(), name));
        }
        if seen.deploys != Some(true) {
            let before = seen.deploys.map(|_| "without automatic deploys".to_owned());
            fields.push(Field::new("stage $default", before, DEPLOYS.to_owned()));
        }
        Change::update(fields)
    }

    async fn apply(&self, change: &Change, seen: Option<Seen>, visit: &Visit) -> Result<()> {
        let (api, deploys) = match seen {
            Some(seen) => (seen.api, seen.deploys),
            None => (self.create(visit).await?, None),
        };
        learn(&api, visit);
        if change.touches("name") {
            let request = self.ground.aws.apigateway.update_api().api_id(&api.id).name(self.ground.names.api());
            request.send().await.map_err(call(SERVICE, "UpdateApi", &api.id))?;
        }
        if deploys != Some(true) {
            visit.settle("the API's last change to end", ONE_WRITER, || self.set_stage(&api.id, deploys)).await?;
        }
        Ok(())
    }

    async fn delete(&self, seen: Seen, visit: &Visit) -> Result<()> {
        let api = &seen.api.id;
        let remove = || async {
            let answer = self.ground.aws.apigateway.delete_api().api_id(api).send().await;
            match answer.map_err(call(SERVICE, "DeleteApi", api)) {
                Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
                answer => Ok(if_there(answer).map(|_| Some(()))?),
            }
        };
        visit.settle("the API's last change to end", ONE_WRITER, remove).await
    }
}

impl Api {
    async fn stage(&self, api: &str) -> std::result::Result<Option<bool>, CallError> {
        let answer = self.ground.aws.apigateway.get_stage().api_id(api).stage_name(STAGE).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "GetStage", api)))?;
        Ok(answer.map(|stage| stage.auto_deploy.unwrap_or_default()))
    }

    /// Each call makes one more API, so the SDK may not repeat it: after an answer that was lost, it is looked for, for
    /// longer than a list lags, before another is made (A12).
    async fn create(&self, visit: &Visit) -> Result<Found> {
        let lost = Mutex::new(None::<Instant>);
        let lost = || lost.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = || async {
            let since = *lost();
            if let Some(since) = since {
                let found = only(&list(&self.ground).await?)?;
                if found.is_some() || since.elapsed() < LAGS {
                    return Ok(found);
                }
            }
            let created = self.create_one().await;
            *lost() = created.as_ref().is_err_and(CallError::is_uncertain).then(Instant::now);
            match created {
                Err(error) if error.is_uncertain() => Ok(None),
                Err(error) if error.kind == Kind::Throttled => Err(Fault::from(error).passing(true)),
                created => Ok(created.map(Some)?),
            }
        };
        visit.settle("the API to be there", FOUND, turn).await
    }

    async fn create_one(&self) -> std::result::Result<Found, CallError> {
        let name = self.ground.names.api();
        let once = aws_sdk_apigatewayv2::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.ground.aws.apigateway.create_api().name(&name).protocol_type(ProtocolType::Http);
        let request = request.set_tags(Some(self.ground.owner.map())).customize().config_override(once);
        let api = request.send().await.map_err(call(SERVICE, "CreateApi", &name))?;
        Ok(Found { id: api.api_id.unwrap_or_default(), endpoint: api.api_endpoint.unwrap_or_default(), name })
    }

    async fn set_stage(&self, api: &str, deploys: Option<bool>) -> Result<Option<()>> {
        let gateway = &self.ground.aws.apigateway;
        let answer = match deploys {
            None => {
                let request = gateway.create_stage().api_id(api).stage_name(STAGE).auto_deploy(true);
                let request = request.set_tags(Some(self.ground.owner.map()));
                request.send().await.map(drop).map_err(call(SERVICE, "CreateStage", api))
            }
            Some(_) => {
                let request = gateway.update_stage().api_id(api).stage_name(STAGE).auto_deploy(true);
                request.send().await.map(drop).map_err(call(SERVICE, "UpdateStage", api))
            }
        };
        match answer {
            Err(error) if error.is_taken() && self.stage(api).await? == Some(true) => Ok(Some(())),
            Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
            answer => Ok(answer.map(Some)?),
        }
    }
}

fn learn(api: &Found, visit: &Visit) {
    visit.learn(API_ID, api.id.clone());
    visit.learn(ENDPOINT, api.endpoint.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting};

    fn found(id: &str, name: &str) -> Found {
        Found { id: id.into(), endpoint: format!("https://{id}.example"), name: name.into() }
    }

    #[tokio::test]
    async fn an_api_differs_by_its_name_and_its_stage() {
        let api = Api { ground: Arc::new(ground().await) };
        let seen = |name: &str, deploys| Some(Seen { api: found("a1", name), deploys });
        let stage = |before: Option<&str>| {
            Field::new("stage $default", before.map(str::to_owned), "with automatic deploys".to_owned())
        };
        let name = Field::new("name", "mine".to_owned(), "chat-dev".to_owned());
        for (seen, change) in [
            (None, Change::Create),
            (seen("chat-dev", Some(true)), Change::Keep),
            (seen("chat-dev", None), Change::Update(vec![stage(None)])),
            (seen("mine", Some(false)), Change::Update(vec![name, stage(Some("without automatic deploys"))])),
        ] {
            assert_eq!(visiting(&api, seen), change);
        }
    }

    /// A24
    #[test]
    fn a24_two_apis_with_our_tags_are_an_error_that_names_both() {
        let error = only(&[found("a1", "x"), found("b2", "x")]).unwrap_err();
        assert_eq!(error.to_string(), "two APIs carry this stage's tags: a1 and b2");
        assert!(error.next().is_some_and(|next| next.contains("b2")));
        assert_eq!(only(&[]).unwrap(), None);
    }
}
