//! An event source mapping: what carries a table's stream or a queue to a function's alias. Its source
//! can't be changed (A5); one that a deleted function left behind is adopted (A4).

mod settings;

use std::{sync::Arc, time::Duration};

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition};
use chat_aws::routes::Function as Part;
use reconcile::{Change, Fault, Field, Fields, Id, Resource, Visit};

pub(super) use settings::{Bounds, Settings};

use super::{
    function,
    ground::{Ground, Result},
    table,
};
use crate::aws::{CallError, call, if_there};

const SERVICE: &str = "Lambda";
/// A new role may not be believed for so long (A2).
const ACCEPTED: Duration = Duration::from_secs(120);
const ACCEPTED_FIRST: Duration = Duration::from_millis(250);
/// How long one change of a mapping may take.
const CHANGED: Duration = Duration::from_secs(120);

/// The id of a mapping.
pub(super) fn id(which: &str) -> Id {
    Id::new("mapping", which)
}

pub(super) struct Mapping {
    pub(super) ground: Arc<Ground>,
    pub(super) which: &'static str,
    pub(super) function: &'static str,
    pub(super) source: Source,
    pub(super) want: Settings,
    pub(super) needs: Vec<Id>,
}

/// Where the records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The stream of this table, from its beginning (A3).
    Stream(&'static str),
    /// The queue of this ARN.
    Queue(String),
}

/// A mapping as it is listed.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) uuid: String,
    source: String,
    state: String,
    settings: Settings,
}

impl Found {
    fn of(it: EventSourceMappingConfiguration) -> Option<Self> {
        Some(Self {
            settings: Settings::of(&it)?,
            uuid: it.uuid?,
            source: it.event_source_arn?,
            state: it.state.unwrap_or_default(),
        })
    }

    /// The function that it carries to, under whatever alias or version.
    pub(super) fn function_name(&self) -> Option<&str> {
        self.settings.function.split(':').nth(6)
    }

    /// Whether it is on its way out.
    pub(super) fn leaves(&self) -> bool {
        self.state == "Deleting"
    }

    /// Whether it is of this function.
    fn is_of(&self, function: &str) -> bool {
        self.function_name() == Some(function)
    }
}

/// All mappings of our functions.
pub(super) async fn list(ground: &Ground) -> std::result::Result<Vec<Found>, CallError> {
    let prefix = ground.prefix();
    let mut pages = ground.aws.lambda.list_event_source_mappings().into_paginator().send();
    let mut mappings = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(call(SERVICE, "ListEventSourceMappings", &prefix))?;
        let found = page.event_source_mappings.unwrap_or_default().into_iter().filter_map(Found::of);
        let ours = |it: &Found| it.function_name().is_some_and(|name| name.starts_with(&prefix));
        mappings.extend(found.filter(ours));
    }
    // Of two for the same, the one of the newer stream is adopted, whoever lists them: ARNs of streams end with a time.
    mappings.sort_by(|one, two| (&two.source, &one.uuid).cmp(&(&one.source, &two.uuid)));
    Ok(mappings)
}

/// Which one of the stage's own it can be.
pub(super) fn which(ground: &Ground, found: &Found) -> Option<&'static str> {
    let stream = format!("{}/stream/", ground.table_arn("messages"));
    let own = [("stream", Part::ForwardMessages), ("queue", Part::NotifyClients)];
    let (which, _) = own.into_iter().find(|(_, part)| found.is_of(&ground.names.function(part.name())))?;
    let from = match which {
        "stream" => found.source.starts_with(&stream),
        _ => found.source == ground.queue_arn(&ground.names.queue()),
    };
    from.then_some(which)
}

/// Removes what a function still has of mappings, whoever made them (A4).
pub(super) async fn delete_strays(ground: &Ground, function: &str, visit: &Visit) -> Result<()> {
    for stray in list(ground).await?.into_iter().filter(|mapping| mapping.is_of(function)) {
        remove(ground, &stray.uuid, visit).await?;
    }
    Ok(())
}

/// Removes a mapping, and waits until it is gone.
pub(super) async fn remove(ground: &Ground, uuid: &str, visit: &Visit) -> Result<()> {
    let remove = || async {
        let answer = ground.aws.lambda.delete_event_source_mapping().uuid(uuid).send().await;
        match answer.map_err(call(SERVICE, "DeleteEventSourceMapping", uuid)) {
            Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
            answer => Ok(if_there(answer).map(|_| Some(()))?),
        }
    };
    visit.settle("the mapping to be at rest", CHANGED, remove).await?;
    let gone = || async {
        let answer = ground.aws.lambda.get_event_source_mapping().uuid(uuid).send().await;
        Ok(if_there(answer.map_err(call(SERVICE, "GetEventSourceMapping", uuid)))?.is_none().then_some(()))
    };
    visit.settle("the mapping to be gone", CHANGED, gone).await
}

impl Resource for Mapping {
    type Seen = Found;

    fn id(&self) -> Id {
        id(self.which)
    }

    fn needs(&self) -> Vec<Id> {
        self.needs.clone()
    }

    fn takes(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn wants(&self, visit: &Visit) -> Vec<(String, String)> {
        let source = self.source_arn(visit).map(|source| ("source".to_owned(), source));
        source.into_iter().chain(self.want.fields()).collect()
    }

    fn costs(&self, change: &Change) -> Option<String> {
        let pause = "no message: pushes pause until it polls, on AWS for up to 90 s (A26)";
        matches!(change, Change::Replace(_)).then(|| pause.to_owned())
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Found>> {
        let found = match visit.planning() {
            true => self.among(self.ground.mappings().await?),
            false => self.among(&list(&self.ground).await?),
        };
        Ok(found)
    }

    fn diff(&self, seen: Option<&Found>, visit: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let source = self.source_arn(visit);
        if source.as_ref() != Some(&seen.source) {
            return Change::Replace(Field::new("source", seen.source.clone(), source));
        }
        Change::between(Some(&seen.settings), &self.want)
    }

    async fn apply(&self, _: &Change, seen: Option<Found>, visit: &Visit) -> Result<()> {
        let what = "Lambda to accept the mapping";
        match seen {
            None => visit.settle_from(what, ACCEPTED_FIRST, ACCEPTED, || self.create(visit)).await,
            Some(seen) => visit.settle_from(what, ACCEPTED_FIRST, ACCEPTED, || self.update(&seen.uuid)).await,
        }
    }

    async fn delete(&self, seen: Found, visit: &Visit) -> Result<()> {
        remove(&self.ground, &seen.uuid, visit).await
    }
}

impl Mapping {
    /// Ours among these: of our function and source; a stream's ARN may be an older one of the same table.
    fn among(&self, mappings: &[Found]) -> Option<Found> {
        let function = self.ground.names.function(self.function);
        let ours = |mapping: &&Found| {
            let from = match &self.source {
                Source::Stream(which) => {
                    mapping.source.starts_with(&format!("{}/stream/", self.ground.table_arn(which)))
                }
                Source::Queue(arn) => mapping.source == *arn,
            };
            from && mapping.is_of(&function) && !mapping.leaves()
        };
        mappings.iter().find(ours).cloned()
    }

    fn source_arn(&self, visit: &Visit) -> Option<String> {
        match &self.source {
            Source::Stream(which) => visit.known(&table::id(which), table::STREAM),
            Source::Queue(arn) => Some(arn.clone()),
        }
    }

    /// One that is there is adopted: its lost creation, or an older run's (A12).
    async fn create(&self, visit: &Visit) -> Result<Option<()>> {
        let name = self.ground.names.function(self.function);
        let source = match &self.source {
            Source::Stream(which) => visit.fact(&table::id(which), table::STREAM)?,
            Source::Queue(arn) => arn.clone(),
        };
        let position = matches!(self.source, Source::Stream(_)).then_some(EventSourcePosition::TrimHorizon);
        let request = self.ground.aws.lambda.create_event_source_mapping().function_name(&self.want.function);
        let request = request
            .event_source_arn(source)
            .set_starting_position(position)
            .batch_size(self.want.batch)
            .maximum_batching_window_in_seconds(self.want.window)
            .set_filter_criteria(self.want.filter.is_some().then(|| self.want.filters()))
            .set_bisect_batch_on_function_error(self.want.bounds.bisects())
            .set_maximum_retry_attempts(self.want.bounds.retries())
            .set_maximum_record_age_in_seconds(self.want.bounds.age())
            .set_destination_config(self.want.bounds.destination())
            .set_scaling_config(self.want.bounds.scaling())
            .set_function_response_types(Some(self.want.reports()))
            .enabled(self.want.enabled);
        match request.send().await.map_err(call(SERVICE, "CreateEventSourceMapping", &name)) {
            Ok(_) => Ok(Some(())),
            Err(error) if error.is_taken() => match self.among(&list(&self.ground).await?) {
                // As it shall be, by the try whose answer was lost: an update would wait until it is made.
                Some(found) if found.settings == self.want => Ok(Some(())),
                Some(found) => self.update(&found.uuid).await,
                // The one in the way is being deleted.
                None => Err(Fault::from(error).passing(true)),
            },
            Err(error) => Err(not_yet(error)),
        }
    }

    async fn update(&self, uuid: &str) -> Result<Option<()>> {
        let name = self.ground.names.function(self.function);
        let request = self.ground.aws.lambda.update_event_source_mapping().uuid(uuid);
        let request = request
            .function_name(&self.want.function)
            .batch_size(self.want.batch)
            .maximum_batching_window_in_seconds(self.want.window)
            .filter_criteria(self.want.filters())
            .set_bisect_batch_on_function_error(self.want.bounds.bisects())
            .set_maximum_retry_attempts(self.want.bounds.retries())
            .set_maximum_record_age_in_seconds(self.want.bounds.age())
            .set_destination_config(self.want.bounds.destination())
            .set_scaling_config(self.want.bounds.scaling())
            .set_function_response_types(Some(self.want.reports()))
            .enabled(self.want.enabled);
        match request.send().await.map_err(call(SERVICE, "UpdateEventSourceMapping", &name)) {
            Ok(_) => Ok(Some(())),
            Err(error) if error.is_taken() => Err(Fault::from(error).passing(true)),
            Err(error) => Err(not_yet(error)),
        }
    }
}

/// A new role, or a function or source just made, is believed later (A2, A21).
fn not_yet(error: CallError) -> Fault {
    let passing = function::is_new_role(&error) || error.is_missing();
    Fault::from(error).passing(passing)
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
