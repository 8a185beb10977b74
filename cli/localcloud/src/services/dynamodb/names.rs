//! ARNs put right both ways: the engine has a region of its own, callers know the cloud's.

use serde_json::Value;

use crate::Refusal;

const ENGINE: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
const ENGINE_KEY: &str = "arn:aws:kms:dynoxide:000000000000:";

/// Where the names of an answer stand; what users store is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// None: the answer holds items.
    None,
    /// Anywhere: the answer describes tables or streams.
    Anywhere,
    /// In each stream record's `awsRegion`.
    Records,
}

/// The cloud's own region and account.
pub(super) struct Names {
    pub(super) region: &'static str,
    pub(super) account: &'static str,
}

impl Names {
    fn prefix(&self) -> String {
        format!("arn:aws:dynamodb:{}:{}:", self.region, self.account)
    }

    /// Rewrites a request: ARNs to the engine's, a table named by its ARN to its name.
    pub(super) fn inward(&self, input: &mut Value) -> Result<(), Refusal> {
        for member in ["ResourceArn", "StreamArn", "ExclusiveStartStreamArn"] {
            if let Some(Value::String(arn)) = input.get_mut(member) {
                *arn = self.arn_inward(arn)?;
            }
        }
        self.table(input)?;
        let transacted = input.get_mut("TransactItems").and_then(Value::as_array_mut);
        for item in transacted.into_iter().flatten() {
            for action in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
                self.table(action)?;
            }
        }
        let batched = input.get("RequestItems").and_then(Value::as_object);
        if batched.is_some_and(|tables| tables.keys().any(|name| name.starts_with("arn:"))) {
            return Err(Refusal::unsupported("ARNs as the table names of a batch"));
        }
        Ok(())
    }

    fn table(&self, input: &mut Value) -> Result<(), Refusal> {
        if let Some(Value::String(name)) = input.get_mut("TableName")
            && name.starts_with("arn:")
        {
            let arn = self.arn_inward(name)?;
            let resource = arn.strip_prefix(ENGINE).and_then(|resource| resource.strip_prefix("table/"));
            *name = resource.and_then(|path| path.split('/').next()).unwrap_or_default().to_owned();
        }
        Ok(())
    }

    fn arn_inward(&self, arn: &str) -> Result<String, Refusal> {
        match arn.strip_prefix(&self.prefix()) {
            Some(resource) => Ok(format!("{ENGINE}{resource}")),
            None => {
                let message = format!("Invalid ARN: {arn} is not of {} in account {}", self.region, self.account);
                Err(Refusal::new(400, "ValidationException", message))
            }
        }
    }

    /// Rewrites an answer: the engine's ARNs to the cloud's.
    pub(super) fn outward(&self, naming: Naming, output: &mut Value) {
        match naming {
            Naming::None => {}
            Naming::Anywhere => self.all_outward(output),
            Naming::Records => {
                let records = output.get_mut("Records").and_then(Value::as_array_mut);
                for record in records.into_iter().flatten() {
                    record["awsRegion"] = self.region.into();
                }
            }
        }
    }

    fn all_outward(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with(ENGINE) || text.starts_with(ENGINE_KEY) => {
                *text = self.text_outward(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.all_outward(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.all_outward(member)),
            _ => {}
        }
    }

    /// A text with the engine's ARNs in it.
    pub(super) fn text_outward(&self, text: &str) -> String {
        let keys = format!("arn:aws:kms:{}:{}:", self.region, self.account);
        text.replace(ENGINE, &self.prefix()).replace(ENGINE_KEY, &keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NAMES: Names = Names { region: "us-east-1", account: "000000000000" };

    #[test]
    fn arns_are_put_right_both_ways() {
        let ours = "arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/1.2";
        let mut input = json!({ "StreamArn": ours });
        NAMES.inward(&mut input).unwrap();
        assert_eq!(input["StreamArn"], "arn:aws:dynamodb:dynoxide:000000000000:table/things/stream/1.2");
        let mut output = json!({ "Table": { "LatestStreamArn": input["StreamArn"] } });
        NAMES.outward(Naming::Anywhere, &mut output);
        assert_eq!(output["Table"]["LatestStreamArn"], ours);
    }

    #[test]
    fn a_table_may_be_named_by_its_arn() {
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
        let mut input = json!({ "TableName": arn, "TransactItems": [{ "Put": { "TableName": arn } }] });
        NAMES.inward(&mut input).unwrap();
        assert_eq!(input["TableName"], "things");
        assert_eq!(input["TransactItems"][0]["Put"]["TableName"], "things");
    }

    #[test]
    fn another_regions_arn_is_refused() {
        let mut input = json!({ "ResourceArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/things" });
        assert_eq!(NAMES.inward(&mut input).unwrap_err().code, "ValidationException");
    }

    #[test]
    fn what_users_store_is_never_touched() {
        let stored = json!({ "Item": { "a": { "S": ENGINE } } });
        let mut output = stored.clone();
        NAMES.outward(Naming::None, &mut output);
        assert_eq!(output, stored);
    }
}
