//! Event source mappings in the API: made, shown, changed and removed here; carried out in `sources`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::function::{arn, parse_name};
use super::input::Input;
use super::manage::{Query, existing};
use super::mapping_settings::{change, start};
use super::{Answered, Lambda, paging, refusals};
use crate::sources::mapping::{Kind, Mapping, kind};
use crate::wire::{Refusal, RestAnswer};
use crate::{ACCOUNT, Cloud, REGION};

/// What a mapping may set here.
const MEMBERS: &[&str] = &[
    "EventSourceArn",
    "FunctionName",
    "Enabled",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "FunctionResponseTypes",
    "StartingPosition",
    "MaximumRetryAttempts",
    "Tags",
    "BisectBatchOnFunctionError",
    "MaximumRecordAgeInSeconds",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
    "ScalingConfig",
    "DestinationConfig",
];

impl Lambda {
    pub(super) async fn create_mapping(&self, cloud: &Arc<Cloud>, body: &[u8]) -> Answered {
        let input = Input::parse(body)?;
        input.only(MEMBERS)?;
        let source = input.need("EventSourceArn")?;
        let kind = kind(source).ok_or_else(|| {
            refusals::invalid(format!(
                "{source} is neither a DynamoDB stream nor an SQS queue: the local cloud has no other sources"
            ))
        })?;
        let (function, qualifier) = parse_name(input.need("FunctionName")?)?;
        existing(self, &function, qualifier.as_deref())?;
        let mut mapping = Mapping {
            uuid: crate::random::uuid(),
            source_arn: source.to_owned(),
            function,
            qualifier,
            enabled: true,
            batch_size: if kind == Kind::Stream { 100 } else { 10 },
            window_s: 0,
            filters: Vec::new(),
            reports_failures: false,
            start: start(&input, kind)?,
            retries: None,
            bisects: false,
            most_age_s: None,
            on_failure: None,
            at_once: None,
            modified: cloud.now_ms(),
            tags: input.texts("Tags")?.unwrap_or_default(),
        };
        change(&mut mapping, &input, kind)?;
        self.check_source(cloud, &mapping, kind).await?;
        check_destination(cloud, &mapping).await?;
        if let Some(other) = self.mappings().iter().find(|other| same_edge(other, &mapping)) {
            return Err(refusals::conflict(format!(
                "An event source mapping with arn (\" {} \") and function (\" {} \") already exists. Please update or delete \
                 the existing mapping with UUID {}",
                mapping.source_arn, mapping.function, other.uuid
            )));
        }
        self.keep_mapping(mapping.clone())?;
        self.warm(cloud, &mapping.function, mapping.qualifier.as_deref());
        self.sources().start(cloud, mapping.clone());
        Ok(RestAnswer::json(202, &shown(&mapping, "Creating", "No records processed")))
    }

    pub(super) fn get_mapping(&self, uuid: &str) -> Answered {
        let mapping = self.mapping(uuid).ok_or_else(no_mapping)?;
        Ok(RestAnswer::json(200, &self.shown_now(&mapping)))
    }

    pub(super) fn list_mappings(&self, query: &Query) -> Answered {
        let function = query.get("FunctionName").map(parse_name).transpose()?;
        let source = query.get("EventSourceArn");
        let mappings = self.mappings();
        let wanted = mappings.iter().filter(|mapping| {
            let named = (mapping.function.clone(), mapping.qualifier.clone());
            let of_function =
                function.as_ref().is_none_or(|asked| *asked == named || (asked.1.is_none() && asked.0 == named.0));
            of_function && source.is_none_or(|source| mapping.source_arn == source)
        });
        paging::page("EventSourceMappings", wanted.map(|mapping| self.shown_now(mapping)).collect(), query)
    }

    pub(super) async fn update_mapping(&self, cloud: &Arc<Cloud>, uuid: &str, body: &[u8]) -> Answered {
        let input = Input::parse(body)?;
        input.only(MEMBERS)?;
        let before = self.mapping(uuid).ok_or_else(no_mapping)?;
        let kind = before.kind().ok_or_else(no_mapping)?;
        for fixed in ["EventSourceArn", "StartingPosition"] {
            if input.get(fixed).is_some() {
                return Err(refusals::invalid(format!("{fixed} of a mapping cannot be changed")));
            }
        }
        let mut mapping = (*before).clone();
        if let Some(name) = input.text("FunctionName")? {
            (mapping.function, mapping.qualifier) = parse_name(name)?;
            existing(self, &mapping.function, mapping.qualifier.as_deref())?;
        }
        change(&mut mapping, &input, kind)?;
        self.check_source(cloud, &mapping, kind).await?;
        check_destination(cloud, &mapping).await?;
        mapping.modified = cloud.now_ms();
        self.keep_mapping(mapping.clone())?;
        self.sources().change(mapping.clone());
        let state = match (before.enabled, mapping.enabled) {
            (false, true) => "Enabling",
            (true, false) => "Disabling",
            _ => "Updating",
        };
        Ok(RestAnswer::json(202, &shown(&mapping, state, &self.sources().shown(uuid).result)))
    }

    pub(super) fn delete_mapping(&self, uuid: &str) -> Answered {
        let mapping = self.mapping(uuid).ok_or_else(no_mapping)?;
        self.forget_mapping(uuid)?;
        let result = self.sources().shown(uuid).result;
        self.sources().end(uuid);
        Ok(RestAnswer::json(202, &shown(&mapping, "Deleting", &result)))
    }

    /// The mapping that an ARN names.
    pub(super) fn mapping_of(&self, resource: &str) -> Option<Arc<Mapping>> {
        let prefix = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:");
        self.mapping(resource.strip_prefix(&prefix)?)
    }

    fn shown_now(&self, mapping: &Mapping) -> Value {
        let now = self.sources().shown(&mapping.uuid);
        shown(mapping, &now.state, &now.result)
    }

    /// Whether the source is there and fits the function (A10).
    async fn check_source(&self, cloud: &Arc<Cloud>, mapping: &Mapping, kind: Kind) -> Result<(), Refusal> {
        let absent = |refusal: Refusal| {
            refusals::invalid(format!("Cannot access {}: {} {}", mapping.source_arn, refusal.code, refusal.message))
        };
        if kind == Kind::Stream {
            return crate::sources::stream::describe(cloud, &mapping.source_arn).await.map(drop).map_err(absent);
        }
        let visibility = crate::sources::queue::visibility(cloud, &mapping.source_arn).await.map_err(absent)?;
        let timeout = self.read(&mapping.function, |function| {
            Ok(u64::from(function.resolve(mapping.qualifier.as_deref())?.settings.timeout))
        })?;
        if visibility < timeout {
            return Err(refusals::invalid(format!(
                "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
            )));
        }
        Ok(())
    }
}

fn no_mapping() -> Refusal {
    refusals::not_found("The resource you requested does not exist.")
}

fn same_edge(one: &Mapping, other: &Mapping) -> bool {
    one.source_arn == other.source_arn && one.function == other.function && one.qualifier == other.qualifier
}

/// The destination must be there. Whether the function's role may send to it is IAM's to say.
async fn check_destination(cloud: &Arc<Cloud>, mapping: &Mapping) -> Result<(), Refusal> {
    let Some(arn) = &mapping.on_failure else { return Ok(()) };
    let found = crate::sources::queue::visibility(cloud, arn).await;
    found.map(drop).map_err(|refusal| {
        refusals::invalid(format!(
            "The provided destination config DestinationConfig(onFailure=OnFailure(destination={arn})) is invalid: {} {}",
            refusal.code, refusal.message
        ))
    })
}

/// How the API shows a mapping.
fn shown(mapping: &Mapping, state: &str, result: &str) -> Value {
    let mut shown = json!({
        "UUID": mapping.uuid,
        "EventSourceMappingArn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{}", mapping.uuid),
        "EventSourceArn": mapping.source_arn,
        "FunctionArn": arn(&mapping.function, mapping.qualifier.as_deref()),
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "LastModified": crate::clock::seconds(mapping.modified),
        "LastProcessingResult": result,
        "State": state,
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": if mapping.reports_failures { vec!["ReportBatchItemFailures"] } else { vec![] },
    });
    if !mapping.filters.is_empty() {
        let filters: Vec<Value> = mapping.filters.iter().map(|filter| json!({ "Pattern": filter.text() })).collect();
        shown["FilterCriteria"] = json!({ "Filters": filters });
    }
    if let Some(start) = mapping.start {
        shown["StartingPosition"] = json!(start);
        shown["MaximumRetryAttempts"] = json!(mapping.retries.map_or(-1, i64::from));
        shown["MaximumRecordAgeInSeconds"] = json!(mapping.most_age_s.unwrap_or(-1));
        shown["ParallelizationFactor"] = json!(1);
        shown["TumblingWindowInSeconds"] = json!(0);
        shown["BisectBatchOnFunctionError"] = json!(mapping.bisects);
        shown["DestinationConfig"] = match &mapping.on_failure {
            Some(arn) => json!({ "OnFailure": { "Destination": arn } }),
            None => json!({ "OnFailure": {} }),
        };
    }
    if let Some(most) = mapping.at_once {
        shown["ScalingConfig"] = json!({ "MaximumConcurrency": most });
    }
    shown
}
