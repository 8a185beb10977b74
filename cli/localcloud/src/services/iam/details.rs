//! `GetAccountAuthorizationDetails`: all roles with their inline policies, and all managed policies of the account, page by page.

use super::managed::{self, Policy};
use super::{Iam, KIND, Role, encoded, roles};
use crate::Refusal;
use crate::wire::query::{Form, Xml};

const PAGE: usize = 100;

/// One of those that are listed: roles first, then policies.
enum Entity {
    Role(Role),
    Policy(Policy),
}

impl Entity {
    /// Where it stands in the list, and what the next page begins after.
    fn place(&self) -> String {
        match self {
            Self::Role(role) => format!("1/{}", role.name),
            Self::Policy(policy) => format!("2/{}", policy.arn),
        }
    }
}

/// The call.
pub(super) fn all(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let filter = form.members("Filter");
    let wanted = |kind: &str| filter.is_empty() || filter.contains(&kind);
    let after = form.get("Marker").unwrap_or_default();
    let limit = form.get("MaxItems").and_then(|most| most.parse().ok()).unwrap_or(PAGE).clamp(1, 1000);
    let mut entities = Vec::new();
    if wanted("Role") {
        entities.extend(iam.state.list::<Role>(KIND)?.into_iter().map(|(_, role)| Entity::Role(role)));
    }
    if wanted("LocalManagedPolicy") {
        entities.extend(managed::all(iam)?.into_iter().map(Entity::Policy));
    }
    entities.retain(|entity| entity.place().as_str() > after);
    entities.sort_by_key(Entity::place);
    let more = entities.len() > limit;
    entities.truncate(limit);
    let marker = entities.last().filter(|_| more).map(Entity::place);

    let mut xml = Xml::default();
    xml.text("IsTruncated", if more { "true" } else { "false" });
    let (mut roles, mut policies) = (Vec::new(), Vec::new());
    for entity in entities {
        match entity {
            Entity::Role(role) => roles.push(role),
            Entity::Policy(policy) => policies.push(policy),
        }
    }
    xml.list("UserDetailList", &[] as &[()], |_, ()| {}).list("GroupDetailList", &[] as &[()], |_, ()| {});
    xml.list("RoleDetailList", &roles, role);
    let mut shown = Ok(());
    xml.list("Policies", &policies, |xml, policy| {
        if let Err(refusal) = managed::detailed(iam, xml, policy) {
            shown = Err(refusal);
        }
    });
    shown?;
    if let Some(marker) = marker {
        xml.text("Marker", &marker);
    }
    Ok(xml)
}

fn role(xml: &mut Xml, role: &Role) {
    roles::shown(xml, role, true);
    let policies: Vec<(&String, &String)> = role.policies.iter().collect();
    xml.list("RolePolicyList", &policies, |xml, (name, document)| {
        xml.text("PolicyName", name).text("PolicyDocument", &encoded(document));
    });
    xml.list("AttachedManagedPolicies", &[] as &[()], |_, ()| {});
    xml.list("InstanceProfileList", &[] as &[()], |_, ()| {});
}
