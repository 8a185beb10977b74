//! The inline policies of a role.

use super::{Iam, check_document, encoded};
use crate::Refusal;
use crate::wire::query::{Form, Xml};

/// `PutRolePolicy`.
pub(super) fn put(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    let document = form.need("PolicyDocument")?;
    check_document(document)?;
    role.policies.insert(form.need("PolicyName")?.to_owned(), document.to_owned());
    iam.keep(&role)?;
    Ok(Xml::default())
}

fn missing(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The role policy with name {name} cannot be found."))
}

/// `GetRolePolicy`.
pub(super) fn get(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let role = iam.role(form)?;
    let name = form.need("PolicyName")?;
    let document = role.policies.get(name).ok_or_else(|| missing(name))?;
    let mut xml = Xml::default();
    xml.text("RoleName", &role.name).text("PolicyName", name).text("PolicyDocument", &encoded(document));
    Ok(xml)
}

/// `DeleteRolePolicy`.
pub(super) fn delete(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut role = iam.role(form)?;
    let name = form.need("PolicyName")?;
    if role.policies.remove(name).is_none() {
        return Err(missing(name));
    }
    iam.keep(&role)?;
    Ok(Xml::default())
}

/// `ListRolePolicies`.
pub(super) fn list(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let role = iam.role(form)?;
    let mut xml = Xml::default();
    xml.within("PolicyNames", |xml| {
        for name in role.policies.keys() {
            xml.text("member", name);
        }
    });
    xml.text("IsTruncated", "false");
    Ok(xml)
}

/// `ListAttachedRolePolicies`: none can be attached, so none is.
pub(super) fn attached(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    iam.role(form)?;
    let mut xml = Xml::default();
    xml.within("AttachedPolicies", |_| {}).text("IsTruncated", "false");
    Ok(xml)
}
