//! How many invocations the account may have at once (A17): new accounts have ten, and a chat wants more than its
//! first ten readers. It advises, and never stops a deploy. Must not know how anything is deployed.

use reconcile::{Plan, Step, Verb};

use super::Deploying;
use super::code::FUNCTION;
use crate::aws::{CallError, call};
use crate::event::Event;

/// What a few rooms need: four API functions and two consumers, each with some calls under way.
const ENOUGH: i32 = 100;

/// Warns of a quota that is small, or that could not be read, where this plan makes functions: with the plan, so that it
/// is known to whoever is asked about it.
pub(super) async fn advise(cx: &Deploying, plan: &Plan) {
    let makes = |step: &Step| step.id.kind() == FUNCTION && step.change.verb() == Verb::Create;
    if plan.changes().any(makes)
        && let Some((what, next)) = advice(concurrency(cx).await, &cx.aws.region)
        && cx.warnings.keep(&what)
    {
        (cx.tell)(Event::Warning { what, next });
    }
}

async fn concurrency(cx: &Deploying) -> Result<Option<i32>, CallError> {
    let asked = cx.aws.lambda.get_account_settings().send().await;
    let settings = asked.map_err(call("Lambda", "GetAccountSettings", "this account"))?;
    Ok(settings.account_limit.map(|limit| limit.concurrent_executions))
}

type Advice = (String, Option<String>);

fn advice(concurrency: Result<Option<i32>, CallError>, region: &str) -> Option<Advice> {
    match concurrency {
        Ok(Some(limit)) if limit < ENOUGH => Some((
            format!("this account may run {limit} functions at once in {region}; beyond that, calls are turned away"),
            Some(format!(
                "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 \
                 --desired-value 1000 --region {region}"
            )),
        )),
        Ok(_) => None,
        Err(error) => {
            let why = match error.is_not_offered() {
                true => format!("{} {} is not offered here", error.service, error.call),
                false => error.to_string(),
            };
            Some((format!("whether the account may run enough functions at once is not known: {why}"), None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Kind;

    #[test]
    fn a17_a_new_accounts_quota_of_ten_is_warned_of_with_what_raises_it() {
        let (what, next) = advice(Ok(Some(10)), "eu-west-1").unwrap();
        assert!(what.starts_with("this account may run 10 functions at once in eu-west-1"), "{what}");
        assert!(next.unwrap().contains("--quota-code L-B99A9384 --desired-value 1000 --region eu-west-1"));
        assert_eq!(advice(Ok(Some(1000)), "eu-west-1"), None);
    }

    #[test]
    fn a17_a_cloud_that_does_not_tell_its_quota_is_a_warning_by_name_and_stops_nothing() {
        let error = |kind| CallError {
            service: "Lambda",
            call: "GetAccountSettings",
            resource: "this account".into(),
            code: Some("AccessDeniedException".into()),
            message: String::new(),
            request_id: None,
            kind,
        };
        let (what, next) = advice(Err(error(Kind::NotOffered)), "eu-west-1").unwrap();
        assert!(what.ends_with("not known: Lambda GetAccountSettings is not offered here"), "{what}");
        let (denied, _) = advice(Err(error(Kind::Denied)), "eu-west-1").unwrap();
        assert!(denied.ends_with("Lambda GetAccountSettings answered AccessDeniedException"), "{denied}");
        assert_eq!(next, None);
    }
}
