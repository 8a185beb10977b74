//! The calls of Lambda's REST API: which method and path is which call. Those that the local cloud does not have are
//! listed too, so that each is refused by its own name.

use std::sync::LazyLock;

use http::Method;

/// A call: its name, method and path; `{}` stands for one segment of the path.
type Route = (&'static str, Method, &'static str);

/// The calls that are implemented.
const IMPLEMENTED: &[Route] = &[
    ("CreateFunction", Method::POST, "2015-03-31/functions"),
    ("ListFunctions", Method::GET, "2015-03-31/functions"),
    ("GetFunction", Method::GET, "2015-03-31/functions/{}"),
    ("DeleteFunction", Method::DELETE, "2015-03-31/functions/{}"),
    ("GetFunctionConfiguration", Method::GET, "2015-03-31/functions/{}/configuration"),
    ("UpdateFunctionConfiguration", Method::PUT, "2015-03-31/functions/{}/configuration"),
    ("UpdateFunctionCode", Method::PUT, "2015-03-31/functions/{}/code"),
    ("PublishVersion", Method::POST, "2015-03-31/functions/{}/versions"),
    ("ListVersionsByFunction", Method::GET, "2015-03-31/functions/{}/versions"),
    ("CreateAlias", Method::POST, "2015-03-31/functions/{}/aliases"),
    ("ListAliases", Method::GET, "2015-03-31/functions/{}/aliases"),
    ("GetAlias", Method::GET, "2015-03-31/functions/{}/aliases/{}"),
    ("UpdateAlias", Method::PUT, "2015-03-31/functions/{}/aliases/{}"),
    ("DeleteAlias", Method::DELETE, "2015-03-31/functions/{}/aliases/{}"),
    ("AddPermission", Method::POST, "2015-03-31/functions/{}/policy"),
    ("GetPolicy", Method::GET, "2015-03-31/functions/{}/policy"),
    ("RemovePermission", Method::DELETE, "2015-03-31/functions/{}/policy/{}"),
    ("Invoke", Method::POST, "2015-03-31/functions/{}/invocations"),
    ("PutFunctionConcurrency", Method::PUT, "2017-10-31/functions/{}/concurrency"),
    ("GetFunctionConcurrency", Method::GET, "2019-09-30/functions/{}/concurrency"),
    ("DeleteFunctionConcurrency", Method::DELETE, "2017-10-31/functions/{}/concurrency"),
    ("PutFunctionRecursionConfig", Method::PUT, "2024-08-31/functions/{}/recursion-config"),
    ("GetFunctionRecursionConfig", Method::GET, "2024-08-31/functions/{}/recursion-config"),
    ("CreateEventSourceMapping", Method::POST, "2015-03-31/event-source-mappings"),
    ("ListEventSourceMappings", Method::GET, "2015-03-31/event-source-mappings"),
    ("GetEventSourceMapping", Method::GET, "2015-03-31/event-source-mappings/{}"),
    ("UpdateEventSourceMapping", Method::PUT, "2015-03-31/event-source-mappings/{}"),
    ("DeleteEventSourceMapping", Method::DELETE, "2015-03-31/event-source-mappings/{}"),
    ("ListTags", Method::GET, "2017-03-31/tags/{}"),
    ("TagResource", Method::POST, "2017-03-31/tags/{}"),
    ("UntagResource", Method::DELETE, "2017-03-31/tags/{}"),
    ("GetAccountSettings", Method::GET, "2016-08-19/account-settings"),
];

/// Calls that exist at AWS and not here.
const REFUSED: &[Route] = &[
    ("InvokeAsync", Method::POST, "2014-11-13/functions/{}/invoke-async"),
    ("InvokeWithResponseStream", Method::POST, "2021-11-15/functions/{}/response-streaming-invocations"),
    ("CreateFunctionUrlConfig", Method::POST, "2021-10-31/functions/{}/url"),
    ("GetFunctionUrlConfig", Method::GET, "2021-10-31/functions/{}/url"),
    ("UpdateFunctionUrlConfig", Method::PUT, "2021-10-31/functions/{}/url"),
    ("DeleteFunctionUrlConfig", Method::DELETE, "2021-10-31/functions/{}/url"),
    ("ListFunctionUrlConfigs", Method::GET, "2021-10-31/functions/{}/urls"),
    ("PutProvisionedConcurrencyConfig", Method::PUT, "2019-09-30/functions/{}/provisioned-concurrency"),
    ("GetProvisionedConcurrencyConfig", Method::GET, "2019-09-30/functions/{}/provisioned-concurrency"),
    ("DeleteProvisionedConcurrencyConfig", Method::DELETE, "2019-09-30/functions/{}/provisioned-concurrency"),
    ("PutFunctionEventInvokeConfig", Method::PUT, "2019-09-25/functions/{}/event-invoke-config"),
    ("UpdateFunctionEventInvokeConfig", Method::POST, "2019-09-25/functions/{}/event-invoke-config"),
    ("GetFunctionEventInvokeConfig", Method::GET, "2019-09-25/functions/{}/event-invoke-config"),
    ("DeleteFunctionEventInvokeConfig", Method::DELETE, "2019-09-25/functions/{}/event-invoke-config"),
    ("ListFunctionEventInvokeConfigs", Method::GET, "2019-09-25/functions/{}/event-invoke-config/list"),
    ("PutRuntimeManagementConfig", Method::PUT, "2021-07-20/functions/{}/runtime-management-config"),
    ("GetRuntimeManagementConfig", Method::GET, "2021-07-20/functions/{}/runtime-management-config"),
    ("PutFunctionCodeSigningConfig", Method::PUT, "2020-06-30/functions/{}/code-signing-config"),
    ("GetFunctionCodeSigningConfig", Method::GET, "2020-06-30/functions/{}/code-signing-config"),
    ("DeleteFunctionCodeSigningConfig", Method::DELETE, "2020-06-30/functions/{}/code-signing-config"),
    ("CreateCodeSigningConfig", Method::POST, "2020-04-22/code-signing-configs"),
    ("ListCodeSigningConfigs", Method::GET, "2020-04-22/code-signing-configs"),
    ("ListLayers", Method::GET, "2018-10-31/layers"),
    ("ListLayerVersions", Method::GET, "2018-10-31/layers/{}/versions"),
    ("PublishLayerVersion", Method::POST, "2018-10-31/layers/{}/versions"),
    ("GetLayerVersion", Method::GET, "2018-10-31/layers/{}/versions/{}"),
    ("DeleteLayerVersion", Method::DELETE, "2018-10-31/layers/{}/versions/{}"),
];

/// The names of the implemented calls.
pub(crate) fn calls() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| IMPLEMENTED.iter().map(|(name, ..)| *name).collect());
    &NAMES
}

/// What a request asks for.
pub(super) enum Asked<'a> {
    /// An implemented call, with the path's variable segments.
    Call(&'static str, Vec<&'a str>),
    /// A call that is not implemented, by its name or else by method and path.
    Unknown(String),
}

/// Finds the call of a method and path.
pub(super) fn find<'a>(method: &Method, path: &'a [String]) -> Asked<'a> {
    let matching = |table: &'static [Route]| {
        table.iter().find_map(|(name, of, pattern)| {
            let variables = (of == method).then(|| capture(pattern, path)).flatten()?;
            Some((*name, variables))
        })
    };
    if let Some((name, variables)) = matching(IMPLEMENTED) {
        return Asked::Call(name, variables);
    }
    match matching(REFUSED) {
        Some((name, _)) => Asked::Unknown(name.to_owned()),
        None => Asked::Unknown(format!("{method} /{}", path.join("/"))),
    }
}

/// The segments that stand at the pattern's `{}`, if the path has its shape.
fn capture<'a>(pattern: &str, path: &'a [String]) -> Option<Vec<&'a str>> {
    let mut variables = Vec::new();
    let mut segments = path.iter();
    for part in pattern.split('/') {
        let segment = segments.next()?;
        if part == "{}" {
            variables.push(segment.as_str());
        } else if part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn a_path_is_its_call_with_its_variables() {
        let path = path("2015-03-31/functions/f/aliases/live");
        let Asked::Call(name, variables) = find(&Method::PUT, &path) else { panic!("not found") };
        assert_eq!((name, variables), ("UpdateAlias", vec!["f", "live"]));
    }

    #[test]
    fn a_call_that_is_not_there_is_refused_by_its_name() {
        let url = path("2021-10-31/functions/f/url");
        let Asked::Unknown(name) = find(&Method::POST, &url) else { panic!("found") };
        assert_eq!(name, "CreateFunctionUrlConfig");
        let other = path("2030-01-01/moons");
        let Asked::Unknown(name) = find(&Method::GET, &other) else { panic!("found") };
        assert_eq!(name, "GET /2030-01-01/moons");
    }
}
