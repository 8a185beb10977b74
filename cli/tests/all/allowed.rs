//! Whether the deployer's policy allows what the tool does: every call of a stage's life, held against the document that
//! `bootstrap` makes (A35). The local cloud enforces no policies, so nobody else would notice.

use std::collections::BTreeSet;

use chat_aws::routes::Function;
use chatctl::aws::faults::{Call, Faults};
use chatctl::deploy::{self, DownOptions, RollbackOptions, UpOptions};
use serde_json::{Value, json};

use crate::drift;
use crate::sky::{Sky, in_paused_time};
use crate::terms::{allowed, document, statements};
use crate::traps::{standing, up};

/// The one policy of a function's role.
const INLINE: &str = "calls";

/// What a REST call of Lambda's is called in a policy: the end of its path, after the date.
const LAMBDA: [(&str, &str, &str); 26] = [
    ("GET", "/functions", "ListFunctions"),
    ("POST", "/functions", "CreateFunction"),
    ("GET", "/functions/{}", "GetFunction"),
    ("DELETE", "/functions/{}", "DeleteFunction"),
    ("GET", "/functions/{}/configuration", "GetFunctionConfiguration"),
    ("PUT", "/functions/{}/configuration", "UpdateFunctionConfiguration"),
    ("PUT", "/functions/{}/code", "UpdateFunctionCode"),
    ("GET", "/functions/{}/versions", "ListVersionsByFunction"),
    ("POST", "/functions/{}/versions", "PublishVersion"),
    ("POST", "/functions/{}/aliases", "CreateAlias"),
    ("PUT", "/functions/{}/aliases/{}", "UpdateAlias"),
    ("GET", "/functions/{}/policy", "GetPolicy"),
    ("POST", "/functions/{}/policy", "AddPermission"),
    ("DELETE", "/functions/{}/policy/{}", "RemovePermission"),
    ("GET", "/functions/{}/concurrency", "GetFunctionConcurrency"),
    ("DELETE", "/functions/{}/concurrency", "DeleteFunctionConcurrency"),
    ("GET", "/functions/{}/recursion-config", "GetFunctionRecursionConfig"),
    ("PUT", "/functions/{}/recursion-config", "PutFunctionRecursionConfig"),
    ("GET", "/event-source-mappings", "ListEventSourceMappings"),
    ("POST", "/event-source-mappings", "CreateEventSourceMapping"),
    ("GET", "/event-source-mappings/{}", "GetEventSourceMapping"),
    ("PUT", "/event-source-mappings/{}", "UpdateEventSourceMapping"),
    ("DELETE", "/event-source-mappings/{}", "DeleteEventSourceMapping"),
    ("GET", "/account-settings", "GetAccountSettings"),
    ("GET", "/tags/{}", "ListTags"),
    ("POST", "/tags/{}", "TagResource"),
];

/// The actions that a call needs.
fn actions(call: &Call) -> Vec<String> {
    let Call { service, operation } = call;
    match (service.as_str(), operation.as_str()) {
        // Nobody can be denied that.
        ("sts", "GetCallerIdentity") => Vec::new(),
        // Asked first and gone without: it reads all of the account.
        ("iam", "GetAccountAuthorizationDetails") => Vec::new(),
        ("dynamodb", "TransactWriteItems") => vec!["dynamodb:PutItem".into(), "dynamodb:UpdateItem".into()],
        ("apigateway", rest) => vec![format!("apigateway:{}", rest.split(' ').next().unwrap())],
        ("lambda", rest) => vec![format!("lambda:{}", of_lambda(rest))],
        ("monitoring", operation) => vec![format!("cloudwatch:{operation}")],
        (service, operation) => vec![format!("{service}:{operation}")],
    }
}

fn of_lambda(rest: &str) -> &'static str {
    let (method, path) = rest.split_once(' ').unwrap();
    let path = path.trim_end_matches('/').splitn(3, '/').nth(2).map(|path| format!("/{path}")).unwrap();
    let found = LAMBDA.iter().find(|(of, at, _)| (*of, *at) == (method, path.as_str()));
    found.unwrap_or_else(|| panic!("what is {rest} called in a policy?")).2
}

/// The calls of a stage's life: made, unchanged, changed in many ways, gone back, taken down.
async fn calls_of_a_life(sky: &mut Sky) -> BTreeSet<String> {
    let faults = Faults::none();
    let up = async |sky: &Sky| {
        let options = UpOptions { prove: false, confirm: &|_| Ok(()), asks: false };
        Box::pin(deploy::up(&sky.deploying(&faults, "up"), options)).await.unwrap();
    };
    up(sky).await;
    up(sky).await;
    drift::by_hand(sky).await;
    (sky.code, sky.stage.memory) = ("two", Some(512));
    up(sky).await;
    let options = RollbackOptions { to: Some(1), prove: false, confirm: &|_| Ok(()), asks: false };
    Box::pin(deploy::rollback(&sky.deploying(&faults, "rollback 1"), options)).await.unwrap();
    let options = DownOptions { delete_data: true, confirm: &|_| Ok(()), asks: false };
    Box::pin(deploy::down(&sky.deploying(&faults, "down"), options)).await.unwrap();
    faults.calls().iter().flat_map(actions).collect()
}

#[test]
fn a35_a_deployer_may_do_all_that_is_done_in_a_stages_life() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        let made = deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
        let statements = document(&sky, &made.policy).await;
        let may: BTreeSet<&str> = statements.iter().flat_map(allowed).collect();
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        sky.wire.answers(move |text| {
            text.contains("Action=GetAccountAuthorizationDetails").then(|| (403, denied.to_owned()))
        });
        let done = calls_of_a_life(&mut sky).await;
        let missing: Vec<&String> = done.iter().filter(|action| !may.contains(action.as_str())).collect();
        assert!(missing.is_empty(), "not in templates/deployer.yaml: {missing:?}");
        assert!(done.len() > 60, "{done:?}");
        let lists = |statement: &&Value| allowed(statement).contains(&"ssm:GetParametersByPath");
        let on = statements.iter().find(lists).unwrap()["Resource"].to_string();
        assert!(on.contains(":parameter/chat/dev\""), "a list by path is asked of the path itself: {on}");
    });
}

/// The calls and what they are made on, of a function's role.
async fn rights(sky: &Sky, function: Function) -> Vec<(String, String)> {
    let role = sky.others.iam.get_role_policy().role_name(sky.stage.names().role(function.name())).policy_name(INLINE);
    let statements = statements(&role.send().await.unwrap().policy_document);
    let of = |one: &Value| {
        let on = one["Resource"].as_str().unwrap().to_owned();
        allowed(one).iter().map(|call| ((*call).to_owned(), on.clone())).collect::<Vec<_>>()
    };
    statements.iter().flat_map(of).collect()
}

/// Whether a pattern with at most one star at its end covers a resource.
fn covers(pattern: &str, on: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == on, |begin| on.starts_with(begin))
}

#[test]
fn a35_the_boundary_holds_what_the_functions_of_a_stage_do_and_nothing_of_one_whose_name_begins_alike() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        let made = deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
        let boundary = document(&sky, &made.boundary).await;
        let within = |(call, on): &(String, String)| {
            boundary.iter().filter(|one| allowed(one).contains(&call.as_str())).any(|one| match &one["Resource"] {
                Value::Array(all) => all.iter().any(|pattern| covers(pattern.as_str().unwrap(), on)),
                pattern => covers(pattern.as_str().unwrap(), on),
            })
        };
        up(&sky).await;
        for function in Function::ALL {
            let rights = rights(&sky, function).await;
            let denied: Vec<_> = rights.iter().filter(|right| !within(right)).collect();
            assert!(!rights.is_empty() && denied.is_empty(), "{function:?}: {denied:?}");
        }
        sky.stage.name = "dev-eu".into();
        up(&sky).await;
        for function in Function::ALL {
            let rights = rights(&sky, function).await;
            let reached: Vec<_> = rights.iter().filter(|right| within(right)).collect();
            assert!(!rights.is_empty() && reached.is_empty(), "{function:?}: {reached:?}");
        }
    });
}

#[test]
fn a35_a_deployer_may_write_the_dashboard_that_the_operations_stack_makes() {
    in_paused_time(async {
        let sky = Sky::empty();
        let made = deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
        up(&sky).await;
        let name = sky.stage.names().stack("operations");
        let stack = sky.others.cloudformation.describe_stacks().stack_name(name).send().await.unwrap();
        let dashboard = stack.stacks()[0].outputs()[0].output_value().unwrap().to_owned();
        assert_eq!(dashboard, "chat-dev-us-east-1", "dashboards are global in an account");
        let on = json!(format!("arn:aws:cloudwatch::000000000000:dashboard/{dashboard}"));
        let statements = document(&sky, &made.policy).await;
        for call in ["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"] {
            let may = statements.iter().filter(|one| allowed(one).contains(&call));
            assert!(may.flat_map(|one| one["Resource"].as_array().unwrap()).any(|one| *one == on), "{call}");
        }
    });
}

/// IAM's bound on a managed policy, in characters that are no white space.
const LONGEST_POLICY: usize = 6_144;

#[test]
fn a35_the_policies_fit_for_the_longest_names_in_every_partition() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        (sky.stage.project, sky.stage.name) = ("p".repeat(20), "s".repeat(20));
        let made = deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await.unwrap();
        for arn in [&made.policy, &made.boundary] {
            let statements = document(&sky, arn).await;
            let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            // Those with the longest regions, and with the longest names of their own.
            for (partition, region) in
                [("aws", "ap-southeast-1"), ("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-west-1")]
            {
                let text = text.replace("arn:aws:", &format!("arn:{partition}:")).replace(localcloud::REGION, region);
                let length = text.chars().filter(|c| !c.is_whitespace()).count();
                assert!(length <= LONGEST_POLICY, "{arn} in {region}: {length} characters");
            }
        }
    });
}

#[test]
fn a35_a_role_that_cannot_go_says_what_holds_it_and_what_to_type() {
    let conflict = "<ErrorResponse><Error><Type>Sender</Type><Code>DeleteConflict</Code>\
                    <Message>Cannot delete entity, must detach all policies first.</Message></Error></ErrorResponse>";
    let arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/job-function/Billing"];
    let role = "chat-dev-store-message-us-east-1";
    for attached in [&arns[..], &[]] {
        in_paused_time(async {
            let sky = standing().await;
            let listed: String = attached
                .iter()
                .map(|arn| format!("<member><PolicyName>n</PolicyName><PolicyArn>{arn}</PolicyArn></member>"))
                .collect();
            let listed = format!(
                "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><IsTruncated>false</IsTruncated>\
                 <AttachedPolicies>{listed}</AttachedPolicies></ListAttachedRolePoliciesResult>\
                 </ListAttachedRolePoliciesResponse>"
            );
            sky.wire.answers(move |request| match request.contains(role) {
                true if request.contains("Action=DeleteRole&") => Some((409, conflict.to_owned())),
                true if request.contains("Action=ListAttachedRolePolicies") => Some((200, listed.clone())),
                _ => None,
            });
            let failed = sky.down(&Faults::none()).await.unwrap().unwrap_err();
            let next = failed.next.join("\n");
            if attached.is_empty() {
                assert!(next.starts_with(&format!("aws iam list-attached-role-policies --role-name {role}")), "{next}");
            }
            for arn in attached {
                let detach = format!("aws iam detach-role-policy --role-name {role} --policy-arn {arn}, then ");
                assert!(next.contains(&detach) && failed.why.as_ref().unwrap().contains(arn), "{failed:?}");
            }
            assert!(next.ends_with("then the same command again"), "{next}");
            // Whoever has detached them types it, and is done.
            sky.wire.answers(|_| None);
            Box::pin(sky.down(&Faults::none())).await.unwrap().unwrap();
        });
    }
}
