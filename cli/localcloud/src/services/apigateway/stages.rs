//! CreateStage and its kin. There is one stage an API, `$default` with automatic deploys: every other one puts
//! its name before each path (A29), and nobody here wants that.

use std::collections::BTreeMap;

use super::record::{RouteSettings, Stage, value};
use super::{ApiGateway, Input, bad_request, conflict, found, new_id, no_content, not_found, page, parts};
use crate::clock::iso;
use crate::{Refusal, Rest, RestAnswer};

/// `/v2/apis/{api}/stages[/{stage}]`.
pub(super) fn call(
    here: &ApiGateway,
    call: &str,
    api: &str,
    name: Option<&&str>,
    request: &Rest,
) -> Result<RestAnswer, Refusal> {
    let name = name.copied().unwrap_or_default();
    let absent = || not_found("Invalid stage identifier specified");
    match call {
        "CreateStage" => create(here, api, Input::read(call, request)?),
        "GetStages" => page(parts(&here.record(api)?.record.stages), request),
        "GetStage" => found(here.record(api)?.record.stages.get(name).ok_or_else(absent)?),
        "UpdateStage" => {
            let settings = Settings::read(Input::read(call, request)?)?;
            let now = iso(here.state.now_ms());
            let shown = here.change(api, |record| {
                let stage = record.stages.get_mut(name).ok_or_else(absent)?;
                if stage.auto_deploy && settings.auto_deploy == Some(false) {
                    return Err(Refusal::unsupported("autoDeploy false in API Gateway UpdateStage"));
                }
                settings.apply(stage, &now);
                Ok(value(stage))
            })?;
            Ok(RestAnswer::json(200, &shown))
        }
        _ => {
            here.change(api, |record| record.stages.remove(name).map(drop).ok_or_else(absent))?;
            Ok(no_content())
        }
    }
}

/// What the calls may set.
struct Settings {
    auto_deploy: Option<bool>,
    description: Option<String>,
    defaults: Option<RouteSettings>,
}

impl Settings {
    fn read(mut input: Input) -> Result<Self, Refusal> {
        let defaults = input.value("defaultRouteSettings").map(serde_json::from_value::<RouteSettings>).transpose();
        let settings = Self {
            auto_deploy: input.flag("autoDeploy")?,
            description: input.text("description")?,
            defaults: defaults.map_err(|error| bad_request(format!("Invalid defaultRouteSettings: {error}")))?,
        };
        input.done()?;
        Ok(settings)
    }

    fn apply(self, stage: &mut Stage, now: &str) {
        stage.last_updated_date = now.to_owned();
        if self.auto_deploy == Some(true) && !stage.auto_deploy {
            stage.auto_deploy = true;
            stage.deployment_id = Some(new_id(6));
        }
        stage.description = self.description.or(stage.description.take());
        if let Some(defaults) = self.defaults {
            stage.default_route_settings = defaults;
        }
    }
}

fn create(here: &ApiGateway, api: &str, mut input: Input) -> Result<RestAnswer, Refusal> {
    let name = input.required("stageName")?;
    if name != "$default" {
        return Err(Refusal::unsupported(format!("stage {name} in API Gateway CreateStage, only $default")));
    }
    let tags = input.texts("tags")?.unwrap_or_default();
    let settings = Settings::read(input)?;
    let now = iso(here.state.now_ms());
    let mut stage = Stage {
        stage_name: name.clone(),
        auto_deploy: false,
        created_date: now.clone(),
        last_updated_date: now.clone(),
        deployment_id: None,
        description: None,
        default_route_settings: RouteSettings::default(),
        route_settings: BTreeMap::new(),
        stage_variables: BTreeMap::new(),
        tags,
    };
    settings.apply(&mut stage, &now);
    let shown = here.change(api, |record| {
        if record.stages.contains_key(&name) {
            return Err(conflict("Stage already exists"));
        }
        let shown = value(&stage);
        record.stages.insert(name, stage);
        Ok(shown)
    })?;
    Ok(RestAnswer::json(201, &shown))
}
