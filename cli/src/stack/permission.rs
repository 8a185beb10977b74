//! The API's permission to call a function, on its alias (A31). Its statement id derives from the API, so
//! that one of an API that is gone is seen and removed (A7). It must not know which routes there are.

use std::{sync::Arc, time::Duration};

use reconcile::{Change, Field, Id, Resource, Visit};
use serde_json::Value;

use super::{
    api,
    function::{self, LIVE},
    ground::{Ground, Result, too_early},
};
use crate::aws::{CallError, call, if_there};

const SERVICE: &str = "Lambda";
/// What our statement ids begin with.
const OURS: &str = "chatctl-api-";
const PRINCIPAL: &str = "apigateway.amazonaws.com";
/// How long a new function or its alias may not be found, and another write be in the way (A21).
const FOUND: Duration = Duration::from_secs(60);

/// The id of the API's permission for a function.
pub(super) fn id(function: &str) -> Id {
    Id::new("permission", function)
}

pub(super) struct Permission {
    pub(super) ground: Arc<Ground>,
    pub(super) function: &'static str,
}

/// One of our statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    sid: String,
    principal: String,
    source: String,
}

impl Resource for Permission {
    /// Our statements: more than one where an older API left some.
    type Seen = Vec<Statement>;

    fn id(&self) -> Id {
        id(self.function)
    }

    fn needs(&self) -> Vec<Id> {
        vec![api::id(), function::id(self.function)]
    }

    fn wants(&self, visit: &Visit) -> Vec<(String, String)> {
        let api = visit.known(&api::id(), api::API_ID);
        api.map(|api| ("source".to_owned(), self.want(&api).source)).into_iter().collect()
    }

    async fn observe(&self, visit: &Visit) -> Result<Option<Vec<Statement>>> {
        if visit.planning() && !self.ground.functions().await?.contains(&self.name()) {
            return Ok(None);
        }
        let statements = self.statements().await?;
        Ok((!statements.is_empty()).then_some(statements))
    }

    fn diff(&self, seen: Option<&Vec<Statement>>, visit: &Visit) -> Change {
        let Some(seen) = seen else { return Change::Create };
        let want = visit.known(&api::id(), api::API_ID).map(|api| self.want(&api));
        if want.as_ref().is_some_and(|want| *seen == [want.clone()]) {
            return Change::Keep;
        }
        let before = seen.iter().map(|statement| statement.source.as_str()).collect::<Vec<_>>().join(", ");
        Change::Update(vec![Field::new("source", before, want.map(|want| want.source))])
    }

    async fn apply(&self, _: &Change, seen: Option<Vec<Statement>>, visit: &Visit) -> Result<()> {
        let want = self.want(&visit.fact(&api::id(), api::API_ID)?);
        let mut seen = seen.unwrap_or_default();
        if !seen.contains(&want) {
            let put = || self.put(&want);
            if let Some(there) = visit.settle("the function to take the permission", FOUND, put).await? {
                seen = there;
            }
        }
        // The one of the wanted id says by now what it should.
        for stale in seen.iter().filter(|statement| statement.sid != want.sid) {
            self.remove(&stale.sid).await?;
        }
        Ok(())
    }

    async fn delete(&self, seen: Vec<Statement>, _: &Visit) -> Result<()> {
        for statement in seen {
            self.remove(&statement.sid).await?;
        }
        Ok(())
    }
}

impl Permission {
    fn name(&self) -> String {
        self.ground.names.function(self.function)
    }

    fn want(&self, api: &str) -> Statement {
        let source = self.ground.aws.arn("execute-api", &format!("{api}/*/*"));
        Statement { sid: format!("{OURS}{api}"), principal: PRINCIPAL.to_owned(), source }
    }

    async fn statements(&self) -> Result<Vec<Statement>> {
        let name = self.name();
        let answer = self.ground.aws.lambda.get_policy().function_name(&name).qualifier(LIVE).send().await;
        let answer = if_there(answer.map_err(call(SERVICE, "GetPolicy", &name)))?;
        Ok(answer.and_then(|answer| answer.policy).map(|policy| ours(&policy)).unwrap_or_default())
    }

    /// Adds it; where one of this id is there, that is read, and goes if it says something else. `Some(None)` where
    /// nothing had to be read.
    async fn put(&self, want: &Statement) -> Result<Option<Option<Vec<Statement>>>> {
        match self.add(want).await {
            Err(error) if error.is_taken() => {}
            added => return added.map(|()| Some(None)).map_err(too_early),
        }
        let there = self.statements().await?;
        if !there.contains(want) {
            self.remove(&want.sid).await?;
            self.add(want).await.map_err(too_early)?;
        }
        Ok(Some(Some(there)))
    }

    async fn add(&self, want: &Statement) -> std::result::Result<(), CallError> {
        let name = self.name();
        let request = self.ground.aws.lambda.add_permission().function_name(&name).qualifier(LIVE);
        let request = request.statement_id(&want.sid).action("lambda:InvokeFunction");
        let answer = request.principal(&want.principal).source_arn(&want.source).send().await;
        answer.map(drop).map_err(call(SERVICE, "AddPermission", &name))
    }

    async fn remove(&self, sid: &str) -> Result<()> {
        let name = self.name();
        let request = self.ground.aws.lambda.remove_permission().function_name(&name).qualifier(LIVE).statement_id(sid);
        if_there(request.send().await.map_err(call(SERVICE, "RemovePermission", &name)))?;
        Ok(())
    }
}

/// Our statements of a policy.
fn ours(policy: &str) -> Vec<Statement> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statement = |statement: &Value| {
        let sid = statement["Sid"].as_str()?;
        let condition = &statement["Condition"];
        let source = ["ArnLike", "ArnEquals", "StringEquals", "StringLike"].iter().find_map(|operator| {
            let values = condition[operator].as_object()?;
            values.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:sourcearn"))?.1.as_str()
        });
        Some(Statement {
            sid: sid.to_owned(),
            principal: statement["Principal"]["Service"].as_str().unwrap_or_default().to_owned(),
            source: source.unwrap_or_default().to_owned(),
        })
    };
    let all = policy["Statement"].as_array().into_iter().flatten().filter_map(statement);
    all.filter(|statement| statement.sid.starts_with(OURS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{ground::tests::ground, visiting_with};
    use reconcile::Facts;

    /// A7
    #[tokio::test]
    async fn a7_a_permission_of_an_api_that_is_gone_differs() {
        let permission = Permission { ground: Arc::new(ground().await), function: "store-message" };
        let facts = Facts::default();
        facts.learn(&api::id(), api::API_ID, "new1".into());
        let (right, old) = (permission.want("new1"), permission.want("old1"));
        assert_eq!(right.source, "arn:aws:execute-api:us-east-1:000000000000:new1/*/*");
        let both = format!("{}, {}", right.source, old.source);
        for (seen, change) in [
            (None, Change::Create),
            (Some(vec![right.clone()]), Change::Keep),
            (
                Some(vec![old.clone()]),
                Change::Update(vec![Field::new("source", old.source.clone(), right.source.clone())]),
            ),
            (Some(vec![right.clone(), old]), Change::Update(vec![Field::new("source", both, right.source)])),
        ] {
            assert_eq!(visiting_with(&permission, seen, facts.clone()), change);
        }
    }

    #[test]
    fn only_our_statements_are_read_from_a_policy() {
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"chatctl-api-a1","Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},
             "Condition":{"ArnLike":{"AWS:SourceArn":"arn:x"}}},
            {"Sid":"somebody","Principal":{"AWS":"1"}}]}"#;
        let statement = Statement { sid: "chatctl-api-a1".into(), principal: PRINCIPAL.into(), source: "arn:x".into() };
        assert_eq!(ours(policy), [statement]);
    }
}
