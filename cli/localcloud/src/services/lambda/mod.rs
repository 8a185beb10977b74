//! Lambda: functions, versions, aliases, permissions, mappings and invocations, over its REST API. How a process runs is
//! `runtime`'s, how a stream or a queue is read is `sources`'.

mod code;
mod events;
mod function;
mod input;
mod invoke;
mod limits;
pub(crate) mod lineage;
mod manage;
mod mapping_settings;
mod mappings;
mod paging;
mod permissions;
pub(crate) mod refusals;
mod routes;
mod settings;
mod store;
mod versions;

use std::sync::Arc;

use crate::Cloud;
use crate::weather::Asked;
use crate::wire::{Refusal, Rest, RestAnswer};

pub(crate) use function::arn;
pub(crate) use invoke::{Invoked, Invoking};
use manage::Query;
pub(crate) use routes::calls;
pub(crate) use store::Lambda;

/// What a call answers.
type Answered = Result<RestAnswer, Refusal>;

/// What a request asks for, as the weather sees it: of a function its bare name, of a mapping its id.
pub(crate) fn asked(request: &Rest) -> Asked {
    let (call, named) = match routes::find(&request.method, &request.path) {
        routes::Asked::Call(name, variables) => (name.to_owned(), variables.first().copied().unwrap_or_default()),
        routes::Asked::Unknown(name) => (name, ""),
    };
    let mut input: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if let Some(qualifier) = Query(request.query.clone()).get("Qualifier") {
        input["Qualifier"] = qualifier.into();
    }
    let named = if named.is_empty() { input["FunctionName"].as_str().unwrap_or_default() } else { named };
    let of = function::parse_name(named).map_or_else(|_| named.to_owned(), |(name, _)| name);
    Asked { service: "lambda", call, of, input }
}

impl Lambda {
    /// Does a call of the API.
    pub(crate) async fn call(&self, cloud: &Arc<Cloud>, request: Rest) -> Answered {
        match routes::find(&request.method, &request.path) {
            routes::Asked::Unknown(name) => Err(Refusal::unknown_call("Lambda", &name)),
            routes::Asked::Call(name, variables) => {
                let variable = |at: usize| variables.get(at).copied().unwrap_or_default();
                self.do_call(cloud, name, variable(0), variable(1), &request).await
            }
        }
    }

    async fn do_call(&self, cloud: &Arc<Cloud>, name: &str, of: &str, part: &str, request: &Rest) -> Answered {
        let (query, body) = (&Query(request.query.clone()), &request.body);
        match name {
            "CreateFunction" => self.create_function(cloud, body.clone()).await,
            "ListFunctions" => self.list_functions(query),
            "GetFunction" => self.get_function(of, query),
            "DeleteFunction" => self.delete_function(of, query),
            "GetFunctionConfiguration" => self.get_configuration(of, query),
            "UpdateFunctionConfiguration" => self.update_configuration(cloud, of, body),
            "UpdateFunctionCode" => self.update_code(cloud, of, body.clone()).await,
            "PublishVersion" => self.publish_version(of, body),
            "ListVersionsByFunction" => self.list_versions(of, query),
            "CreateAlias" => self.create_alias(cloud, of, body),
            "ListAliases" => self.list_aliases(of, query),
            "GetAlias" => self.get_alias(of, part),
            "UpdateAlias" => self.update_alias(cloud, of, part, body),
            "DeleteAlias" => self.delete_alias(of, part),
            "AddPermission" => self.add_permission(of, query, body),
            "GetPolicy" => self.get_policy(of, query),
            "RemovePermission" => self.remove_permission(of, part, query),
            "Invoke" => self.invoke_call(cloud, of, query, request).await,
            "PutFunctionConcurrency" => self.put_concurrency(of, body),
            "GetFunctionConcurrency" => self.get_concurrency(of),
            "DeleteFunctionConcurrency" => self.delete_concurrency(of),
            "PutFunctionRecursionConfig" => self.put_recursion(of, body),
            "GetFunctionRecursionConfig" => self.get_recursion(of),
            "CreateEventSourceMapping" => self.create_mapping(cloud, body).await,
            "ListEventSourceMappings" => self.list_mappings(query),
            "GetEventSourceMapping" => self.get_mapping(of),
            "UpdateEventSourceMapping" => self.update_mapping(cloud, of, body).await,
            "DeleteEventSourceMapping" => self.delete_mapping(of),
            "ListTags" => self.list_tags(of),
            "TagResource" => self.tag(of, body),
            "UntagResource" => self.untag(of, query),
            "GetAccountSettings" => self.account_settings(),
            other => unreachable!("{other} stands in the table of calls and is not done"),
        }
    }
}
