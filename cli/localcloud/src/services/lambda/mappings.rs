//! Event source mappings in the API: made, shown, changed and removed here; carried out in `sources`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::function::{arn, parse_name};
use super::input::Input;
use super::manage::{Query, existing};
use super::{Answered, Lambda, paging, refusals};
use crate::sources::filter::Filter;
use crate::sources::mapping::{Kind, Mapping, Start, kind};
use crate::wire::{Refusal, RestAnswer};
use crate::{ACCOUNT, Cloud, REGION};

/// What a mapping may set here, besides what `refuse_unsupported` looks at.
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
const MOST_FILTERS: usize = 5;

impl Lambda {
    pub(super) async fn create_mapping(&self, cloud: &Arc<Cloud>, body: &[u8]) -> Answered {
        let input = Input::parse(body)?;
        input.only(MEMBERS)?;
        refuse_unsupported(&input)?;
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
            modified: crate::clock::now_ms(),
            tags: input.texts("Tags")?.unwrap_or_default(),
        };
        change(&mut mapping, &input, kind)?;
        self.check_source(cloud, &mapping, kind).await?;
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
        refuse_unsupported(&input)?;
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
        mapping.modified = crate::clock::now_ms();
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

/// Takes over what a call sets.
fn change(mapping: &mut Mapping, input: &Input, kind: Kind) -> Result<(), Refusal> {
    if let Some(enabled) = input.flag("Enabled")? {
        mapping.enabled = enabled;
    }
    if let Some(size) = input.number("BatchSize", 1, 10_000)? {
        mapping.batch_size = usize::try_from(size).unwrap_or(1);
    }
    if let Some(window) = input.number("MaximumBatchingWindowInSeconds", 0, 300)? {
        mapping.window_s = window.unsigned_abs();
    }
    if kind == Kind::Queue && mapping.batch_size > 10 && mapping.window_s == 0 {
        return Err(refusals::invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    if let Some(criteria) = input.get("FilterCriteria") {
        mapping.filters = filters(criteria)?;
    }
    if let Some(types) = input.list("FunctionResponseTypes")? {
        if let Some(other) = types.iter().find(|kind| *kind != "ReportBatchItemFailures") {
            return Err(refusals::invalid(format!(
                "FunctionResponseTypes has {other}; only ReportBatchItemFailures is known"
            )));
        }
        mapping.reports_failures = !types.is_empty();
    }
    if let Some(retries) = input.number("MaximumRetryAttempts", -1, 10_000)? {
        if kind == Kind::Queue {
            return Err(refusals::invalid("MaximumRetryAttempts is for streams: a queue has its redrive policy"));
        }
        mapping.retries = u32::try_from(retries).ok();
    }
    Ok(())
}

/// Where a stream is read from: must be said for a stream, and cannot for a queue.
fn start(input: &Input, kind: Kind) -> Result<Option<Start>, Refusal> {
    match (kind, input.text("StartingPosition")?) {
        (Kind::Stream, Some("TRIM_HORIZON")) => Ok(Some(Start::TrimHorizon)),
        (Kind::Stream, Some("LATEST")) => Ok(Some(Start::Latest)),
        (Kind::Stream, Some(other)) => Err(refusals::unsupported(&format!("StartingPosition {other}"))),
        (Kind::Stream, None) => Err(refusals::invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
        )),
        (Kind::Queue, Some(_)) => Err(refusals::invalid("StartingPosition is not valid for SQS event sources")),
        (Kind::Queue, None) => Ok(None),
    }
}

fn filters(criteria: &Value) -> Result<Vec<Filter>, Refusal> {
    let empty = Vec::new();
    let filters = criteria.get("Filters").and_then(Value::as_array).unwrap_or(&empty);
    if filters.len() > MOST_FILTERS {
        return Err(refusals::invalid(format!("FilterCriteria has more than {MOST_FILTERS} filters")));
    }
    let mut read = Vec::with_capacity(filters.len());
    for filter in filters {
        let pattern = filter.get("Pattern").and_then(Value::as_str).unwrap_or_default();
        let filter = Filter::try_from(pattern.to_owned());
        read.push(filter.map_err(|why| refusals::invalid(format!("Invalid filter pattern definition: {why}")))?);
    }
    Ok(read)
}

/// Refuses, by its name, what would change how a mapping behaves and is not there.
fn refuse_unsupported(input: &Input) -> Result<(), Refusal> {
    if input.flag("BisectBatchOnFunctionError")?.unwrap_or_default() {
        return Err(refusals::unsupported("BisectBatchOnFunctionError"));
    }
    for (name, neutral) in
        [("MaximumRecordAgeInSeconds", -1), ("ParallelizationFactor", 1), ("TumblingWindowInSeconds", 0)]
    {
        if input.get(name).is_some_and(|value| value != neutral) {
            return Err(refusals::unsupported(&format!("{name} other than {neutral}")));
        }
    }
    if input.within("ScalingConfig", "MaximumConcurrency").is_some() {
        return Err(refusals::unsupported("ScalingConfig.MaximumConcurrency"));
    }
    let destination = input.within("DestinationConfig", "OnFailure").and_then(|target| target.get("Destination"));
    if destination.is_some_and(|destination| !destination.is_null()) {
        return Err(refusals::unsupported("DestinationConfig.OnFailure"));
    }
    Ok(())
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
        shown["MaximumRecordAgeInSeconds"] = json!(-1);
        shown["ParallelizationFactor"] = json!(1);
        shown["TumblingWindowInSeconds"] = json!(0);
        shown["BisectBatchOnFunctionError"] = json!(false);
        shown["DestinationConfig"] = json!({ "OnFailure": {} });
    }
    shown
}
