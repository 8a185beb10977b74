//! CloudFormation: stacks with their events, outputs and change sets. What a stack's resources are is done by the
//! services that they belong to (`kinds`); a stack that was in the middle of something goes on after a restart.

mod change_sets;
mod evaluate;
mod kinds;
mod record;
mod shown;
mod stacks;
mod template;
mod work;
mod yaml;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::wire::query::{Form, Xml};
use crate::wire::tree;
use crate::{Cloud, Refusal, State};
use record::{Resource, Stack};

pub(crate) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const STACKS: &str = "cloudformation-stack";
const CHANGE_SETS: &str = "cloudformation-change-set";
/// So many deleted stacks of one name are remembered.
const DELETED_KEPT: usize = 5;

const CALLS: &[&str] = &[
    "ContinueUpdateRollback",
    "CreateChangeSet",
    "CreateStack",
    "DeleteChangeSet",
    "DeleteStack",
    "DescribeChangeSet",
    "DescribeStackEvents",
    "DescribeStackResources",
    "DescribeStacks",
    "ExecuteChangeSet",
    "GetTemplate",
    "GetTemplateSummary",
    "ListChangeSets",
    "ListStackResources",
    "ListStacks",
    "UpdateStack",
    "ValidateTemplate",
];

/// CloudFormation's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    CALLS
}

/// The stacks of the account.
pub(crate) struct CloudFormation {
    state: State,
    /// One change at a time.
    changing: Mutex<()>,
    /// Until when a look at a stack shows how it was before its last change, and how that was (A21).
    late: Mutex<BTreeMap<String, (i64, Stack)>>,
}

impl CloudFormation {
    /// Opens the stacks.
    pub(crate) fn open(state: &State) -> Self {
        Self { state: state.clone(), changing: Mutex::default(), late: Mutex::default() }
    }

    /// Goes on with what the last life was in the middle of.
    pub(crate) fn start(cloud: &Arc<Cloud>) {
        for (_, stack) in cloud.state.list::<Stack>(STACKS).unwrap_or_default() {
            if stack.pending.is_some() {
                cloud.cloudformation.carry_out_later(cloud, stack.id, Duration::ZERO);
            }
        }
    }

    /// Does a call.
    pub(crate) fn call(&self, cloud: &Arc<Cloud>, action: &str, form: &Form) -> Result<Xml, Refusal> {
        let _alone = self.alone();
        let input = tree::input(form);
        let output = match action {
            "CreateStack" => stacks::create(self, cloud, &input),
            "UpdateStack" => stacks::update(self, cloud, &input),
            "DeleteStack" => stacks::delete(self, cloud, &input),
            "ContinueUpdateRollback" => stacks::continue_rollback(self, cloud, &input),
            "CreateChangeSet" => change_sets::create(self, cloud, &input),
            "DescribeChangeSet" => change_sets::describe(self, &input),
            "ExecuteChangeSet" => change_sets::execute(self, cloud, &input),
            "DeleteChangeSet" => change_sets::delete(self, &input),
            "ListChangeSets" => change_sets::list(self, &input),
            "DescribeStacks" => shown::describe(self, cloud, &input),
            "ListStacks" => shown::list(self, &input),
            "DescribeStackEvents" => shown::events(self, &input),
            "DescribeStackResources" => shown::resources(self, &input, "StackResources"),
            "ListStackResources" => shown::resources(self, &input, "StackResourceSummaries"),
            "GetTemplate" => shown::template(self, &input),
            "GetTemplateSummary" => shown::summary(self, &input),
            "ValidateTemplate" => shown::validate(&input),
            _ => Err(Refusal::unknown_call("CloudFormation", action)),
        }?;
        Ok(tree::output(&output))
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins what is pending of a stack: it is kept first, so that it is done even if this process ends here.
    fn begin(&self, cloud: &Arc<Cloud>, stack: &mut Stack) -> Result<(), Refusal> {
        self.show_late(cloud, &stack.name, &stack.id)?;
        self.keep(stack)?;
        let takes = cloud.weather.of_a_stack();
        if takes.is_zero() {
            return work::carry_out(self, cloud, stack);
        }
        self.carry_out_later(cloud, stack.id.clone(), takes);
        Ok(())
    }

    fn carry_out_later(&self, cloud: &Arc<Cloud>, id: String, takes: Duration) {
        let cloud = Arc::clone(cloud);
        tokio::spawn(async move {
            tokio::time::sleep(takes).await;
            let own = &cloud.cloudformation;
            let _alone = own.alone();
            if let Ok(Some(mut stack)) = own.state.get::<Stack>(STACKS, &id) {
                // A store that fails now leaves it pending: the next life goes on with it.
                let _ = work::carry_out(own, &cloud, &mut stack);
            }
        });
    }

    /// From now on, for as long as the weather says, a look at it by its name shows how it is now.
    fn show_late(&self, cloud: &Cloud, name: &str, id: &str) -> Result<(), Refusal> {
        let lag = i64::try_from(cloud.weather.of_a_look_at_a_stack().as_millis()).unwrap_or(i64::MAX);
        if lag > 0
            && let Some(before) = self.state.get::<Stack>(STACKS, id)?
        {
            self.late().insert(name.to_owned(), (cloud.now_ms().saturating_add(lag), before));
        }
        Ok(())
    }

    /// How a stack was, where a look still shows that.
    fn before(&self, cloud: &Cloud, name: &str) -> Option<Stack> {
        self.late().get(name).filter(|(until, _)| cloud.now_ms() < *until).map(|(_, before)| before.clone())
    }

    fn late(&self) -> MutexGuard<'_, BTreeMap<String, (i64, Stack)>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, stack: &Stack) -> Result<(), Refusal> {
        Ok(self.state.put(STACKS, &stack.id, stack)?)
    }

    fn all(&self) -> Result<Vec<Stack>, Refusal> {
        Ok(self.state.list::<Stack>(STACKS)?.into_iter().map(|(_, stack)| stack).collect())
    }

    /// A stack by its name, while it is there, or by its id, for ever.
    fn find(&self, asked: &str) -> Result<Option<Stack>, Refusal> {
        if asked.starts_with("arn:") {
            return Ok(self.state.get(STACKS, asked)?);
        }
        Ok(self.all()?.into_iter().find(|stack| stack.name == asked && !stack.is_deleted()))
    }

    fn need(&self, input: &Value) -> Result<Stack, Refusal> {
        let asked = text(input, "StackName")?;
        self.find(asked)?.ok_or_else(|| invalid(format!("Stack with id {asked} does not exist")))
    }

    /// Forgets the oldest deleted stacks of a name.
    fn prune(&self, name: &str) -> Result<(), Refusal> {
        let mut deleted: Vec<Stack> =
            self.all()?.into_iter().filter(|one| one.name == name && one.is_deleted()).collect();
        deleted.sort_by_key(|stack| std::cmp::Reverse(stack.deleted_at));
        for stack in deleted.iter().skip(DELETED_KEPT) {
            self.state.remove(STACKS, &stack.id)?;
        }
        Ok(())
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    input[name].as_str().ok_or_else(|| invalid(format!("{name} is missing")))
}

/// Refuses, by its name, a parameter that the call does not have here.
fn only(input: &Value, call: &str, known: &[&str]) -> Result<(), Refusal> {
    let given = input.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    match given.filter(|name| !matches!(*name, "Action" | "Version")).find(|name| !known.contains(name)) {
        Some(other) => Err(Refusal::unsupported(format!("{other} of CloudFormation {call}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weather;

    const TAKES: Duration = Duration::from_secs(20);
    const TEMPLATE: &str = r#"{"Resources":{"B":{"Type":"AWS::CloudWatch::Dashboard","Properties":{"DashboardName":"b","DashboardBody":"{\"widgets\":[]}"}}}}"#;

    fn open(state: &std::path::Path) -> Arc<Cloud> {
        let config = crate::Config { state: state.to_owned(), port: None, version: "test".to_owned() };
        Cloud::open(config, 1).unwrap()
    }

    fn call(cloud: &Arc<Cloud>, action: &str, more: &[(&str, &str)]) -> Result<Value, Refusal> {
        let pairs = [("StackName", "s")].iter().chain(more).map(|(name, value)| format!("{name}={value}"));
        let body = pairs.collect::<Vec<_>>().join("&");
        cloud.cloudformation.call(cloud, action, &Form::parse(body.as_bytes())).map(|xml| xml.written().into())
    }

    fn status(cloud: &Arc<Cloud>) -> String {
        cloud.cloudformation.all().unwrap()[0].status.clone()
    }

    fn encoded() -> String {
        percent_encoding::utf8_percent_encode(TEMPLATE, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_takes_the_time_it_is_told_and_meanwhile_nothing_else_can_be_done() {
        let folder = std::env::temp_dir().join(format!("localcloud-stacks-{}", crate::random::uuid()));
        let cloud = open(&folder);
        cloud.weather.turn(Weather { stacks: TAKES..=TAKES, ..Weather::fair() });
        call(&cloud, "CreateStack", &[("TemplateBody", &encoded())]).unwrap();
        assert_eq!(status(&cloud), "CREATE_IN_PROGRESS");
        let refused = call(&cloud, "DeleteStack", &[]).unwrap_err();
        assert!(refused.message.contains("CREATE_IN_PROGRESS"), "{}", refused.message); // A16
        let refused = call(&cloud, "UpdateStack", &[("TemplateBody", &encoded())]).unwrap_err();
        assert!(refused.message.contains("can not be updated"), "{}", refused.message);
        tokio::time::sleep(Duration::from_secs(21)).await;
        assert_eq!(status(&cloud), "CREATE_COMPLETE");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_last_life_was_in_the_middle_of_is_ended_by_the_next() {
        let folder = std::env::temp_dir().join(format!("localcloud-stacks-{}", crate::random::uuid()));
        let cloud = open(&folder);
        cloud.weather.turn(Weather { stacks: TAKES..=TAKES, ..Weather::fair() });
        call(&cloud, "CreateStack", &[("TemplateBody", &encoded())]).unwrap();
        // It had begun to make the dashboard, which is there already.
        let mut stack = cloud.cloudformation.all().unwrap().remove(0);
        cloud
            .cloudwatch
            .call(
                &cloud,
                "PutDashboard",
                &serde_json::json!({ "DashboardName": "b", "DashboardBody": "{\"widgets\":[]}" }),
            )
            .unwrap();
        stack.resources.push(Resource {
            logical: "B".into(),
            kind: kinds::ALL[1].into(),
            physical: "b".into(),
            properties: Value::Null,
            status: "CREATE_IN_PROGRESS".into(),
            reason: None,
            at: 0,
        });
        cloud.cloudformation.keep(&stack).unwrap();
        drop(cloud);
        let next = open(&folder);
        CloudFormation::start(&next);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(status(&next), "CREATE_COMPLETE");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
