//! Roles: made, read, listed, changed, tagged, deleted.

use std::collections::BTreeMap;

use super::{Iam, KIND, Role, check_document, encoded};
use crate::wire::query::{Form, Xml};
use crate::{Cloud, Refusal};

const PAGE: usize = 100;

pub(super) fn shown(xml: &mut Xml, role: &Role, whole: bool) {
    xml.text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", &role.arn)
        .text("CreateDate", &crate::clock::iso(role.created_at))
        .text("AssumeRolePolicyDocument", &encoded(&role.trust))
        .text("MaxSessionDuration", &role.session_seconds.to_string());
    if let Some(description) = &role.description {
        xml.text("Description", description);
    }
    if !whole {
        return; // a list leaves out tags and boundaries, as AWS's does
    }
    if let Some(boundary) = &role.boundary {
        xml.within("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy").text("PermissionsBoundaryArn", boundary);
        });
    }
    if !role.tags.is_empty() {
        tag_list(xml, &role.tags);
    }
}

pub(super) fn tag_list(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    let tags: Vec<(&String, &String)> = tags.iter().collect();
    xml.list("Tags", &tags, |xml, (key, value)| {
        xml.text("Key", key).text("Value", value);
    });
}

/// A name as IAM's are.
pub(super) fn check_name(what: &str, name: &str, longest: usize) -> Result<(), Refusal> {
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if fits && !name.is_empty() && name.len() <= longest {
        return Ok(());
    }
    let message = format!(
        "The specified value for {what} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
    );
    Err(Refusal::new(400, "ValidationError", message))
}

/// A boundary must be a policy that is there.
fn boundary(iam: &Iam, arn: &str) -> Result<String, Refusal> {
    if iam.has_policy(arn)? {
        return Ok(arn.to_owned());
    }
    let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
    Err(Refusal::new(404, "NoSuchEntity", message))
}

/// `PutRolePermissionsBoundary`.
pub(super) fn put_boundary(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    role.boundary = Some(boundary(iam, form.need("PermissionsBoundary")?)?);
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `DeleteRolePermissionsBoundary`.
pub(super) fn delete_boundary(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    role.boundary = None;
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `CreateRole`.
pub(super) fn create(iam: &Iam, cloud: &Cloud, form: &Form) -> Result<Xml, Refusal> {
    let name = form.need("RoleName")?;
    check_name("roleName", name, 64)?;
    if iam.state.get::<Role>(KIND, name)?.is_some() {
        return Err(Refusal::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    let trust = form.need("AssumeRolePolicyDocument")?;
    check_document(trust)?;
    let path = form.get("Path").unwrap_or("/");
    let role = Role {
        name: name.to_owned(),
        id: format!("AROA{}", crate::random::capitals(17)),
        path: path.to_owned(),
        arn: format!("arn:aws:iam::{}:role{path}{name}", cloud.place.account),
        trust: trust.to_owned(),
        description: form.get("Description").map(str::to_owned),
        session_seconds: session(form)?.unwrap_or(3600),
        boundary: form.get("PermissionsBoundary").map(|arn| boundary(iam, arn)).transpose()?,
        created_at: iam.state.now_ms(),
        tags: form.tags("Tags").into_iter().collect(),
        policies: BTreeMap::new(),
    };
    iam.keep(&role)?;
    let mut xml = Xml::default();
    xml.within("Role", |xml| shown(xml, &role, true));
    Ok(xml)
}

fn session(form: &Form) -> Result<Option<u32>, Refusal> {
    form.get("MaxSessionDuration")
        .map(|seconds| {
            let seconds = seconds.parse().ok().filter(|seconds| (3600..=43_200).contains(seconds));
            seconds.ok_or_else(|| {
                Refusal::new(400, "ValidationError", "MaxSessionDuration must be between 3600 and 43200")
            })
        })
        .transpose()
}

/// `GetRole`.
pub(super) fn get(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let role = iam.role(form)?;
    let mut xml = Xml::default();
    xml.within("Role", |xml| shown(xml, &role, true));
    Ok(xml)
}

/// `ListRoles`.
pub(super) fn list(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let prefix = form.get("PathPrefix").unwrap_or("/");
    let after = form.get("Marker").unwrap_or_default();
    let limit = form.get("MaxItems").and_then(|most| most.parse().ok()).unwrap_or(PAGE).clamp(1, 1000);
    let mut roles: Vec<Role> = iam.state.list::<Role>(KIND)?.into_iter().map(|(_, role)| role).collect();
    roles.retain(|role| role.path.starts_with(prefix) && role.name.as_str() > after);
    let more = roles.len() > limit;
    roles.truncate(limit);
    let mut xml = Xml::default();
    xml.text("IsTruncated", if more { "true" } else { "false" });
    xml.list("Roles", &roles, |xml, role| shown(xml, role, false));
    if let Some(last) = roles.last().filter(|_| more) {
        xml.text("Marker", &last.name);
    }
    Ok(xml)
}

/// `DeleteRole`: not while it has policies.
pub(super) fn delete(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let role = iam.role(form)?;
    if !role.policies.is_empty() {
        return Err(Refusal::new(409, "DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    iam.state.remove(KIND, &role.name)?;
    Ok(Xml::default())
}

/// `UpdateRole`.
pub(super) fn update(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    if let Some(description) = form.get("Description") {
        role.description = Some(description.to_owned());
    }
    role.session_seconds = session(form)?.unwrap_or(role.session_seconds);
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `UpdateAssumeRolePolicy`.
pub(super) fn update_trust(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    let trust = form.need("PolicyDocument")?;
    check_document(trust)?;
    role.trust = trust.to_owned();
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `TagRole`.
pub(super) fn tag(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    role.tags.extend(form.tags("Tags"));
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `UntagRole`.
pub(super) fn untag(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    for key in form.members("TagKeys") {
        role.tags.remove(key);
    }
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `ListRoleTags`.
pub(super) fn tags(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let role = iam.role(form)?;
    let mut xml = Xml::default();
    tag_list(&mut xml, &role.tags);
    xml.text("IsTruncated", "false");
    Ok(xml)
}
