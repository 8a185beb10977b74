//! The states that a stack can stand in, in a time that is paused: each with its way out, whichever command meets it.
//! Named by their rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, Tag};
use bytes::Bytes;
use chatctl::aws::faults::Faults;
use chatctl::deploy::{self, BootstrapOutcome};
use chatctl::event::Event;
use localcloud::Weather;
use tokio::time::Instant;

use crate::answers::{first, stack, stack_error};
use crate::drift;
use crate::sky::{Ended, Sky, in_paused_time};
use crate::traps::{count, down, refill, standing, up};

/// A stack of one policy, which a role can hold so that it cannot be deleted.
const HELD: &str = "Resources: {Limit: {Type: 'AWS::IAM::ManagedPolicy', Properties: {ManagedPolicyName: limit, \
                    PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:Get', Resource: '*'}]}}}}";

async fn bootstrap(sky: &Sky) -> Ended<BootstrapOutcome> {
    deploy::bootstrap(&sky.deploying(&Faults::none(), "bootstrap"), &|_| Ok(())).await
}

fn operations(sky: &Sky) -> String {
    sky.stage.names().stack("operations")
}

/// The state that a stack is in, if it is there.
async fn state(sky: &Sky, name: &str) -> Option<String> {
    let found = sky.others.cloudformation.describe_stacks().stack_name(name).send().await.ok()?;
    Some(found.stacks.unwrap_or_default().first()?.stack_status.clone()?.as_str().to_owned())
}

/// A stack of ours that a role holds by its policy.
async fn held(sky: &Sky) {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags = sky.stage.names().tags().into_iter().map(tag).collect();
    let made = sky.others.cloudformation.create_stack().stack_name(operations(sky)).template_body(HELD);
    made.capabilities(Capability::CapabilityNamedIam).set_tags(Some(tags)).send().await.unwrap();
    let limit = sky.others.global_arn("iam", "policy/limit");
    let role = sky.others.iam.create_role().role_name("holder").assume_role_policy_document(r#"{"Statement":[]}"#);
    role.permissions_boundary(limit).send().await.unwrap();
}

#[test]
fn a30_an_operations_stack_in_delete_failed_names_what_is_left_and_is_deleted_again() {
    in_paused_time(async {
        let sky = Sky::empty();
        held(&sky).await;
        let began = Instant::now();
        let failed = sky.down(&Faults::none()).await.unwrap().unwrap_err();
        let why = failed.why.clone().unwrap_or_default();
        assert!(["DELETE_FAILED", "policy/limit", "attached"].iter().all(|word| why.contains(word)), "{failed:?}");
        assert!(failed.next.iter().any(|next| next.contains("mend what is named, then repeat")), "{failed:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "a failure is not waited out: {:?}", began.elapsed());
        // The chat does not need it: all else is deployed.
        sky.told.lock().unwrap().clear();
        up(&sky).await;
        let warned = |event: &Event| matches!(event, Event::Warning { what, .. } if what.contains("policy/limit"));
        assert_eq!(sky.told.lock().unwrap().iter().filter(|event| warned(event)).count(), 1);
        assert!(sky.others.sqs.get_queue_url().queue_name(sky.stage.names().queue()).send().await.is_ok());
        assert_eq!(state(&sky, &operations(&sky)).await.as_deref(), Some("DELETE_FAILED"));
        drift::remove_role(&sky.others, "holder").await;
        up(&sky).await;
        assert_eq!(state(&sky, &operations(&sky)).await.as_deref(), Some("CREATE_COMPLETE"));
    });
}

/// A call to CloudWatch, which the tool has no handle of.
async fn cloudwatch(sky: &Sky, form: &'static str) {
    let scope = format!("{}/20260101/us-east-1/monitoring/aws4_request", localcloud::ACCESS_KEY);
    let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let request = http::Request::post(sky.cloud.endpoint()).header("authorization", signed);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Bytes::from(form));
    assert_eq!(sky.cloud.answer(request.unwrap()).await.unwrap().status(), 200, "{form}");
}

#[test]
fn what_an_administrator_made_stays_when_a_stage_goes_and_the_certificate_names_it() {
    in_paused_time(async {
        let sky = Sky::empty();
        let also = async |sky: &Sky| {
            sky.told.lock().unwrap().clear();
            sky.down(&Faults::none()).await.unwrap().unwrap();
            let told = sky.told.lock().unwrap();
            let certificate = told.iter().find_map(|event| match event {
                Event::Certificate { also, .. } => Some(also.join("\n")),
                _ => None,
            });
            certificate.unwrap()
        };
        up(&sky).await;
        assert!(!also(&sky).await.contains("bootstrap"));
        bootstrap(&sky).await.unwrap();
        up(&sky).await;
        let said = also(&sky).await;
        assert!(said.contains("aws cloudformation delete-stack --stack-name chat-dev-bootstrap"), "{said}");
    });
}

/// The topic that the alarms tell, set by hand.
async fn tell(sky: &Sky, topic: &str) {
    let key = |key: &str| Parameter::builder().parameter_key(key);
    let kept = ["Prefix", "Queue", "DeadLetters"].map(|of| key(of).use_previous_value(true).build());
    let change = sky.others.cloudformation.update_stack().stack_name(operations(sky)).use_previous_template(true);
    let topic = key("AlarmTopic").parameter_value(topic).build();
    change.set_parameters(Some(kept.into_iter().chain([topic]).collect())).send().await.unwrap();
}

/// The topic that the alarms of the stack tell.
async fn told(sky: &Sky) -> Option<String> {
    let found = sky.others.cloudformation.describe_stacks().stack_name(operations(sky)).send().await.unwrap();
    let topic = found.stacks()[0].parameters().iter().find(|one| one.parameter_key() == Some("AlarmTopic"))?;
    topic.parameter_value().map(str::to_owned)
}

#[test]
fn a30_an_operations_stack_in_update_rollback_failed_is_made_again() {
    in_paused_time(async {
        let sky = standing().await;
        let topic = "arn:aws:sns:us-east-1:000000000000:me";
        tell(&sky, topic).await;
        up(&sky).await;
        cloudwatch(&sky, "Action=DeleteAlarms&AlarmNames.member.1=chat-dev-queue-age").await;
        refill(&sky).await;
        assert_eq!(state(&sky, &operations(&sky)).await.as_deref(), Some("UPDATE_ROLLBACK_FAILED"));
        let heard = up(&sky).await;
        let sent =
            ["UpdateStack", "DeleteStack", "CreateStack"].map(|call| count(&heard, &[&format!("Action={call}&")]));
        assert_eq!(sent, [0, 1, 1]);
        assert_eq!(state(&sky, &operations(&sky)).await.as_deref(), Some("CREATE_COMPLETE"));
        assert_eq!(told(&sky).await.as_deref(), Some(topic), "what is set by hand stays");
    });
}

#[test]
fn a30_a_stack_in_review_that_carries_no_tags_yet_is_nobodys_and_is_made() {
    in_paused_time(async {
        let sky = Sky::empty();
        for name in [operations(&sky), sky.stage.names().stack("bootstrap")] {
            let change = sky.others.cloudformation.create_change_set().stack_name(&name).change_set_name("c");
            let change = change.change_set_type(ChangeSetType::Create).template_body(HELD);
            change.capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
            assert_eq!(state(&sky, &name).await.as_deref(), Some("REVIEW_IN_PROGRESS"));
        }
        assert!(bootstrap(&sky).await.unwrap().changed);
        up(&sky).await;
        for name in [operations(&sky), sky.stage.names().stack("bootstrap")] {
            assert_eq!(state(&sky, &name).await.as_deref(), Some("CREATE_COMPLETE"));
        }
    });
}

/// From now on the bootstrap stack could not be put back; once that is continued it stands so, or is whole.
fn not_put_back(sky: &Sky, after: Option<&'static str>) {
    let (name, tags) = (sky.stage.names().stack("bootstrap"), sky.stage.names().tags());
    let continued = AtomicBool::new(false);
    sky.wire.answers(move |request| {
        if request.contains("Action=ContinueUpdateRollback") {
            continued.store(true, Ordering::Relaxed);
            return Some((200, "<ContinueUpdateRollbackResponse/>".to_owned()));
        }
        let status = if continued.load(Ordering::Relaxed) { after? } else { "UPDATE_ROLLBACK_FAILED" };
        let asked = request.contains("Action=DescribeStacks&") && request.contains(&name);
        asked.then(|| stack(&name, status, &tags))
    });
}

#[test]
fn a30_a_bootstrap_whose_rollback_failed_is_put_back_first_or_says_what_to_leave_out() {
    in_paused_time(async {
        let sky = Sky::empty();
        bootstrap(&sky).await.unwrap();
        sky.wire.heard();
        not_put_back(&sky, None);
        assert!(!bootstrap(&sky).await.unwrap().changed);
        let heard = sky.wire.heard();
        assert_eq!(count(&heard, &["Action=ContinueUpdateRollback"]), 1);
        assert_eq!(count(&heard, &["Action=DeleteStack"]), 0, "its policies are in use");
        not_put_back(&sky, Some("UPDATE_ROLLBACK_FAILED"));
        let failed = bootstrap(&sky).await.unwrap_err();
        assert!(failed.error.contains("UPDATE_ROLLBACK_FAILED"), "{failed:?}");
        let next = failed.next.join("; ");
        assert!(next.contains("continue-update-rollback --stack-name chat-dev-bootstrap"), "{next}");
        assert!(next.contains("--resources-to-skip"), "{next}");
    });
}

/// A16, A30
#[test]
fn a16_a_bootstrap_waits_for_what_is_done_to_its_stack_and_finds_nothing_to_change_after_it() {
    in_paused_time(async {
        let sky = Sky::empty();
        let long = Duration::from_secs(60);
        sky.cloud.turn(Weather { stacks: long..=long, ..Weather::fair() });
        let began = Instant::now();
        assert!(bootstrap(&sky).await.unwrap().changed);
        assert!(began.elapsed() >= long, "{:?}", began.elapsed());
        let heard = sky.wire.heard();
        assert_eq!(count(&heard, &["Action=CreateChangeSet", "CAPABILITY_NAMED_IAM"]), 1);

        let (name, tags) = (sky.stage.names().stack("bootstrap"), sky.stage.names().tags());
        let (began, looks) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let asked = looks.clone();
        sky.wire.answers(move |request| {
            let busy = began.elapsed() < long && request.contains("Action=DescribeStacks&");
            asked.fetch_or(busy, Ordering::Relaxed);
            busy.then(|| stack(&name, "UPDATE_IN_PROGRESS", &tags))
        });
        assert!(!bootstrap(&sky).await.unwrap().changed, "nothing to change is no error");
        assert!(looks.load(Ordering::Relaxed) && began.elapsed() >= long, "{:?}", began.elapsed());
        let heard = sky.wire.heard();
        let sent = heard.iter().find(|one| one.text.contains("Action=CreateChangeSet")).unwrap().at;
        assert!(sent - began >= long, "an operation of somebody else's is not raced: {:?}", sent - began);
    });
}

#[test]
fn a16_an_update_that_somebody_else_was_faster_with_is_left_to_them() {
    in_paused_time(async {
        let sky = standing().await;
        refill(&sky).await;
        let (name, mut tags) = (operations(&sky), sky.stage.names().tags());
        tags.insert("chatctl:template".into(), "another".into());
        let refused = AtomicBool::new(false);
        sky.wire.answers(move |request| {
            if request.contains("Action=UpdateStack&") {
                refused.store(true, Ordering::Relaxed);
                return Some(stack_error(&format!(
                    "Stack:{name} is in UPDATE_IN_PROGRESS state and can not be updated."
                )));
            }
            let asked = request.contains("Action=DescribeStacks&") && refused.load(Ordering::Relaxed);
            asked.then(|| stack(&name, "UPDATE_IN_PROGRESS", &tags))
        });
        let heard = up(&sky).await;
        assert_eq!(count(&heard, &["Action=UpdateStack&"]), 1);
    });
}

/// The weather in which a look at a stack shows for ten seconds how it was, and what is done to it takes so many.
fn shown_late(seconds: u64) -> Weather {
    let (late, long) = (Duration::from_secs(10), Duration::from_secs(seconds));
    Weather { reads: late..=late, stacks: long..=long, ..Weather::fair() }
}

/// The policy that the bootstrap stack makes, made by somebody else: it is in its way.
async fn in_the_way(sky: &Sky) -> String {
    let policy = sky.others.iam.create_policy().policy_name("chat-dev-deployer-us-east-1");
    let made = policy.policy_document(r#"{"Statement":[]}"#).send().await.unwrap().policy.unwrap();
    made.arn.unwrap()
}

/// Whether the operation is over before the looks show it, or long after: neither is a stale look its end.
#[test]
fn a21_a_bootstrap_believes_no_look_that_shows_how_its_stack_was_before_a_call() {
    for seconds in [2, 60] {
        in_paused_time(async {
            let sky = Sky::empty();
            let name = sky.stage.names().stack("bootstrap");
            sky.cloud.turn(shown_late(seconds));
            assert!(bootstrap(&sky).await.unwrap().changed, "it was shown in review");
            let made = bootstrap(&sky).await.unwrap();
            assert!(!made.changed, "{made:?}");
            // Another template, put right by an update that ends as the one before it did.
            for _ in 0..2 {
                sky.cloud.turn(Weather::fair());
                let other = sky.others.cloudformation.update_stack().stack_name(&name).template_body(HELD);
                other.capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
                assert_eq!(state(&sky, &name).await.as_deref(), Some("UPDATE_COMPLETE"));
                sky.cloud.turn(shown_late(seconds));
                let began = Instant::now();
                let again = bootstrap(&sky).await.unwrap();
                assert!(again.changed && again.policy == made.policy, "{again:?}");
                assert!(began.elapsed() >= Duration::from_secs(seconds), "{:?}", began.elapsed());
            }
        });
    }
}

#[test]
fn a21_a_bootstrap_that_is_put_back_or_left_over_is_seen_though_looks_come_late() {
    in_paused_time(async {
        let sky = Sky::empty();
        let name = sky.stage.names().stack("bootstrap");
        let policy = in_the_way(&sky).await;
        sky.cloud.turn(shown_late(2));
        let failed = bootstrap(&sky).await.unwrap_err();
        assert!(failed.error.ends_with("is ROLLBACK_COMPLETE"), "{failed:?}");
        // It can only be deleted, and is made again.
        sky.others.iam.delete_policy().policy_arn(&policy).send().await.unwrap();
        assert!(bootstrap(&sky).await.unwrap().changed);
        // An update that is put back is no success, though the stack was whole before.
        sky.cloud.turn(Weather::fair());
        let other = sky.others.cloudformation.update_stack().stack_name(&name).template_body(HELD);
        other.capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
        in_the_way(&sky).await;
        sky.cloud.turn(shown_late(2));
        let failed = bootstrap(&sky).await.unwrap_err();
        assert!(failed.error.ends_with("is UPDATE_ROLLBACK_COMPLETE"), "{failed:?}");
    });
}

#[test]
fn a21_a_change_set_that_shows_no_end_is_no_success() {
    in_paused_time(async {
        let sky = Sky::empty();
        bootstrap(&sky).await.unwrap();
        let name = sky.stage.names().stack("bootstrap");
        let other = sky.others.cloudformation.update_stack().stack_name(&name).template_body(HELD);
        other.capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
        let tags = sky.stage.names().tags();
        sky.wire.answers(move |request| {
            let asked = request.contains("Action=DescribeStacks&") && request.contains(&name);
            asked.then(|| stack(&name, "UPDATE_COMPLETE", &tags))
        });
        let began = Instant::now();
        let failed = bootstrap(&sky).await.unwrap_err();
        assert!(failed.error.ends_with("is still UPDATE_COMPLETE"), "{failed:?}");
        assert!(failed.next.iter().any(|next| next.contains("bootstrap")), "{failed:?}");
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    });
}

#[test]
fn a21_an_operations_stack_that_is_deleted_again_is_not_taken_for_the_one_whose_deletion_failed() {
    in_paused_time(async {
        let sky = Sky::empty();
        held(&sky).await;
        sky.down(&Faults::none()).await.unwrap().unwrap_err();
        assert_eq!(state(&sky, &operations(&sky)).await.as_deref(), Some("DELETE_FAILED"));
        sky.cloud.turn(shown_late(2));
        let failed = sky.down(&Faults::none()).await.unwrap().unwrap_err();
        assert!(failed.why.as_deref().unwrap_or_default().contains("policy/limit"), "still held: {failed:?}");
        drift::remove_role(&sky.others, "holder").await;
        sky.down(&Faults::none()).await.unwrap().unwrap();
        assert_eq!(state(&sky, &operations(&sky)).await, None);
    });
}

#[test]
fn a21_an_operations_stack_whose_update_is_shown_too_late_is_deleted_after_it() {
    in_paused_time(async {
        let sky = standing().await;
        let busy = "Stack [chat-dev-operations] cannot be deleted while in status UPDATE_IN_PROGRESS";
        sky.wire.answers(first(2, &["Action=DeleteStack&"], stack_error(busy)));
        let heard = down(&sky).await;
        assert_eq!(count(&heard, &["Action=DeleteStack&"]), 3);
        assert_eq!(state(&sky, &operations(&sky)).await, None);
    });
}
