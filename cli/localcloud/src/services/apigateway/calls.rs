//! Which call of API Gateway v2 a method and a path are, also for the calls that are refused by their name.

use http::Method;

/// The calls that are implemented.
pub(super) const CALLS: &[&str] = &[
    "CreateApi",
    "GetApi",
    "GetApis",
    "UpdateApi",
    "DeleteApi",
    "CreateIntegration",
    "GetIntegration",
    "GetIntegrations",
    "UpdateIntegration",
    "DeleteIntegration",
    "CreateRoute",
    "GetRoute",
    "GetRoutes",
    "UpdateRoute",
    "DeleteRoute",
    "CreateStage",
    "GetStage",
    "GetStages",
    "UpdateStage",
    "DeleteStage",
    "GetTags",
    "TagResource",
    "UntagResource",
];

/// What a collection in a path is called in the names of its calls.
const NOUNS: &[(&str, &str)] = &[
    ("apis", "Api"),
    ("integrations", "Integration"),
    ("routes", "Route"),
    ("stages", "Stage"),
    ("authorizers", "Authorizer"),
    ("deployments", "Deployment"),
    ("models", "Model"),
    ("integrationresponses", "IntegrationResponse"),
    ("routeresponses", "RouteResponse"),
    ("domainnames", "DomainName"),
    ("apimappings", "ApiMapping"),
    ("vpclinks", "VpcLink"),
    ("routingrules", "RoutingRule"),
    ("portals", "Portal"),
    ("portalproducts", "PortalProduct"),
];

/// The name of a call; what has no known name is called by its method and path.
pub(super) fn name(method: &Method, path: &[&str]) -> String {
    let unknown = || format!("{method} /{}", path.join("/"));
    let Some(("v2", rest)) = path.split_first().map(|(first, rest)| (*first, rest)) else { return unknown() };
    if rest.first() == Some(&"tags") && rest.len() > 1 {
        return match method.as_str() {
            "GET" => "GetTags".to_owned(),
            "POST" => "TagResource".to_owned(),
            "DELETE" => "UntagResource".to_owned(),
            _ => unknown(),
        };
    }
    let single = match (method.as_str(), rest) {
        ("DELETE", ["apis", _, "cors"]) => "DeleteCorsConfiguration",
        ("GET", ["apis", _, "exports", _]) => "ExportApi",
        ("GET", ["apis", _, "models", _, "template"]) => "GetModelTemplate",
        ("DELETE", ["apis", _, "stages", _, "accesslogsettings"]) => "DeleteAccessLogSettings",
        ("DELETE", ["apis", _, "stages", _, "routesettings", _]) => "DeleteRouteSettings",
        ("DELETE", ["apis", _, "stages", _, "cache", "authorizers"]) => "ResetAuthorizersCache",
        ("DELETE", ["apis", _, "routes", _, "requestparameters", _]) => "DeleteRouteRequestParameter",
        ("PUT", ["apis"]) => "ImportApi",
        ("PUT", ["apis", _]) => "ReimportApi",
        _ => "",
    };
    if !single.is_empty() {
        return single.to_owned();
    }
    let whole = rest.len() % 2 == 1;
    let collection = if whole { rest.last() } else { rest.len().checked_sub(2).and_then(|at| rest.get(at)) };
    let noun = collection.and_then(|name| NOUNS.iter().find(|(path, _)| path == name));
    match (noun, method.as_str(), whole) {
        (Some((_, noun)), "POST", true) => format!("Create{noun}"),
        (Some((_, noun)), "GET", true) => format!("Get{noun}s"),
        (Some((_, noun)), "GET", false) => format!("Get{noun}"),
        (Some((_, noun)), "PATCH", false) => format!("Update{noun}"),
        (Some((_, noun)), "DELETE", false) => format!("Delete{noun}"),
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_method_and_path() {
        let cases: &[(Method, &[&str], &str)] = &[
            (Method::POST, &["v2", "apis"], "CreateApi"),
            (Method::GET, &["v2", "apis"], "GetApis"),
            (Method::PATCH, &["v2", "apis", "a"], "UpdateApi"),
            (Method::GET, &["v2", "apis", "a", "routes"], "GetRoutes"),
            (Method::DELETE, &["v2", "apis", "a", "integrations", "i"], "DeleteIntegration"),
            (Method::GET, &["v2", "tags", "arn:aws:apigateway:us-east-1::", "apis", "a"], "GetTags"),
            (Method::POST, &["v2", "apis", "a", "deployments"], "CreateDeployment"),
            (Method::GET, &["v2", "vpclinks", "x"], "GetVpcLink"),
            (Method::DELETE, &["v2", "apis", "a", "cors"], "DeleteCorsConfiguration"),
            (Method::GET, &["restapis"], "GET /restapis"),
            (Method::GET, &[], "GET /"),
        ];
        for (method, path, expected) in cases {
            assert_eq!(name(method, path), *expected, "{method} {path:?}");
        }
    }
}
