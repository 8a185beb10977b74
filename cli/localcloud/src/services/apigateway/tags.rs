//! GetTags, TagResource, UntagResource: on an API or one of its stages, by ARN.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ApiGateway, Input, Record, bad_request, no_content, not_found};
use crate::{Refusal, Rest, RestAnswer};

/// The most tags that a thing may have.
const MOST_TAGS: usize = 50;

/// `/v2/tags/{arn}`.
pub(super) fn call(here: &ApiGateway, call: &str, arn: &str, request: &Rest) -> Result<RestAnswer, Refusal> {
    let (api, stage) = named(arn)?;
    match call {
        "GetTags" => {
            let mut record = here.record(api)?.record.clone();
            Ok(RestAnswer::json(200, &json!({ "tags": tags(&mut record, stage)? })))
        }
        "TagResource" => {
            let mut input = Input::read(call, request)?;
            let new =
                input.texts("tags")?.ok_or_else(|| bad_request("tags is a required parameter for TagResource"))?;
            input.done()?;
            here.change(api, |record| {
                let tags = tags(record, stage)?;
                tags.extend(new);
                if tags.len() > MOST_TAGS {
                    return Err(bad_request("too many tags: at most 50"));
                }
                Ok(())
            })?;
            Ok(RestAnswer::json(201, &json!({})))
        }
        _ => {
            let keys = request.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key);
            here.change(api, |record| {
                let tags = tags(record, stage)?;
                keys.for_each(|key| drop(tags.remove(key)));
                Ok(())
            })?;
            Ok(no_content())
        }
    }
}

/// The API, and the stage if any, that an ARN names.
fn named(arn: &str) -> Result<(&str, Option<&str>), Refusal> {
    let strange = || bad_request(format!("Invalid resource ARN {arn}"));
    let rest = arn.strip_prefix(&Record::arn("")).ok_or_else(strange)?;
    match rest.split('/').collect::<Vec<_>>()[..] {
        [api] if !api.is_empty() => Ok((api, None)),
        [api, "stages", stage] => Ok((api, Some(stage))),
        _ => Err(strange()),
    }
}

fn tags<'a>(record: &'a mut Record, stage: Option<&str>) -> Result<&'a mut BTreeMap<String, String>, Refusal> {
    match stage {
        None => Ok(&mut record.api.tags),
        Some(stage) => match record.stages.get_mut(stage) {
            Some(stage) => Ok(&mut stage.tags),
            None => Err(not_found("Invalid stage identifier specified")),
        },
    }
}
