//! Managed policies with their versions and tags. None can be attached to a role here; a role may have one as its
//! permissions boundary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Iam, KIND, Role, check_document, encoded, roles};
use crate::wire::query::{Form, Xml};
use crate::{Cloud, Refusal};

const POLICIES: &str = "iam-policy";
/// So many versions a policy may have.
const VERSIONS_MOST: usize = 5;
/// What a managed policy may have, white space apart.
const LARGEST: usize = 6144;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    name: String,
    id: String,
    path: String,
    pub(super) arn: String,
    description: Option<String>,
    versions: Vec<Version>,
    default: u32,
    /// The number of the next version: none is ever used twice.
    next: u32,
    created_at: i64,
    updated_at: i64,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    number: u32,
    document: String,
    created_at: i64,
}

impl Iam {
    /// Whether there is a policy of that ARN.
    pub(crate) fn has_policy(&self, arn: &str) -> Result<bool, Refusal> {
        Ok(self.state.get::<Policy>(POLICIES, arn)?.is_some())
    }

    /// Makes a document the only version of a policy.
    pub(crate) fn replace_policy(&self, arn: &str, document: &str) -> Result<(), Refusal> {
        let _alone = self.alone();
        let mut policy = find(self, arn)?;
        check(document)?;
        let number = policy.next;
        policy.versions = vec![Version { number, document: document.to_owned(), created_at: self.state.now_ms() }];
        (policy.default, policy.next, policy.updated_at) = (number, number + 1, self.state.now_ms());
        keep(self, &policy)
    }

    /// Removes a policy with all its versions, unless a role has it as its boundary.
    pub(crate) fn remove_policy(&self, arn: &str) -> Result<(), Refusal> {
        let _alone = self.alone();
        unused(self, arn)?;
        self.state.remove(POLICIES, arn)?;
        Ok(())
    }
}

fn find(iam: &Iam, arn: &str) -> Result<Policy, Refusal> {
    let missing = || Refusal::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."));
    iam.state.get(POLICIES, arn)?.ok_or_else(missing)
}

fn keep(iam: &Iam, policy: &Policy) -> Result<(), Refusal> {
    Ok(iam.state.put(POLICIES, &policy.arn, policy)?)
}

fn check(document: &str) -> Result<(), Refusal> {
    check_document(document)?;
    if document.chars().filter(|c| !c.is_whitespace()).count() > LARGEST {
        return Err(Refusal::new(409, "LimitExceeded", format!("Cannot exceed quota for PolicySize: {LARGEST}")));
    }
    Ok(())
}

fn boundary_of(iam: &Iam, arn: &str) -> Result<usize, Refusal> {
    let roles = iam.state.list::<Role>(KIND)?;
    Ok(roles.iter().filter(|(_, role)| role.boundary.as_deref() == Some(arn)).count())
}

fn unused(iam: &Iam, arn: &str) -> Result<(), Refusal> {
    match boundary_of(iam, arn)? {
        0 => Ok(()),
        _ => Err(Refusal::new(409, "DeleteConflict", "Cannot delete a policy attached to entities.")),
    }
}

fn shown(iam: &Iam, xml: &mut Xml, policy: &Policy, whole: bool) -> Result<(), Refusal> {
    let boundaries = boundary_of(iam, &policy.arn)?;
    xml.text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", &format!("v{}", policy.default))
        .text("AttachmentCount", "0")
        .text("PermissionsBoundaryUsageCount", &boundaries.to_string())
        .text("IsAttachable", "true")
        .text("CreateDate", &crate::clock::iso(policy.created_at))
        .text("UpdateDate", &crate::clock::iso(policy.updated_at));
    if whole {
        if let Some(description) = &policy.description {
            xml.text("Description", description);
        }
        roles::tag_list(xml, &policy.tags);
    }
    Ok(())
}

/// All of the account.
pub(super) fn all(iam: &Iam) -> Result<Vec<Policy>, Refusal> {
    Ok(iam.state.list::<Policy>(POLICIES)?.into_iter().map(|(_, policy)| policy).collect())
}

/// One with its versions' documents.
pub(super) fn detailed(iam: &Iam, xml: &mut Xml, policy: &Policy) -> Result<(), Refusal> {
    shown(iam, xml, policy, false)?;
    let versions: Vec<&Version> = policy.versions.iter().collect();
    xml.list("PolicyVersionList", &versions, |xml, version| version_shown(xml, policy, version, true));
    Ok(())
}

fn inside(iam: &Iam, policy: &Policy) -> Result<Xml, Refusal> {
    let (mut xml, mut inner) = (Xml::default(), Ok(()));
    xml.within("Policy", |xml| inner = shown(iam, xml, policy, true));
    inner.map(|()| xml)
}

/// `CreatePolicy`.
pub(super) fn create(iam: &Iam, cloud: &Cloud, form: &Form) -> Result<Xml, Refusal> {
    let (name, document, path) =
        (form.need("PolicyName")?, form.need("PolicyDocument")?, form.get("Path").unwrap_or("/"));
    roles::check_name("policyName", name, 128)?;
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(Refusal::new(400, "ValidationError", "The specified value for path is invalid."));
    }
    check(document)?;
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", cloud.place.account);
    if iam.has_policy(&arn)? {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        ));
    }
    let now = iam.state.now_ms();
    let policy = Policy {
        name: name.to_owned(),
        id: format!("ANPA{}", crate::random::capitals(17)),
        path: path.to_owned(),
        arn,
        description: form.get("Description").filter(|words| !words.is_empty()).map(str::to_owned),
        versions: vec![Version { number: 1, document: document.to_owned(), created_at: now }],
        default: 1,
        next: 2,
        created_at: now,
        updated_at: now,
        tags: form.tags("Tags").into_iter().collect(),
    };
    keep(iam, &policy)?;
    inside(iam, &policy)
}

/// `GetPolicy`.
pub(super) fn get(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    inside(iam, &find(iam, form.need("PolicyArn")?)?)
}

/// `ListPolicies`: the account's own, for there are no others here.
pub(super) fn list(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let prefix = form.get("PathPrefix").unwrap_or("/");
    let mut policies: Vec<Policy> = iam.state.list::<Policy>(POLICIES)?.into_iter().map(|(_, policy)| policy).collect();
    policies.retain(|policy| {
        policy.path.starts_with(prefix) && form.get("Scope") != Some("AWS") && form.get("OnlyAttached") != Some("true")
    });
    let (mut xml, mut inner) = (Xml::default(), Ok(()));
    xml.list("Policies", &policies, |xml, policy| {
        if let Err(refusal) = shown(iam, xml, policy, false) {
            inner = Err(refusal);
        }
    });
    xml.text("IsTruncated", "false");
    inner.map(|()| xml)
}

/// `DeletePolicy`: not while it has other versions than the default one, nor while a role has it.
pub(super) fn delete(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let policy = find(iam, form.need("PolicyArn")?)?;
    unused(iam, &policy.arn)?;
    if policy.versions.len() > 1 {
        let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
        return Err(Refusal::new(409, "DeleteConflict", message));
    }
    iam.state.remove(POLICIES, &policy.arn)?;
    Ok(Xml::default())
}

/// `CreatePolicyVersion`.
pub(super) fn create_version(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut policy = find(iam, form.need("PolicyArn")?)?;
    let document = form.need("PolicyDocument")?;
    check(document)?;
    if policy.versions.len() >= VERSIONS_MOST {
        let message = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.";
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let now = iam.state.now_ms();
    let version = Version { number: policy.next, document: document.to_owned(), created_at: now };
    (policy.next, policy.updated_at) = (policy.next + 1, now);
    if form.get("SetAsDefault") == Some("true") {
        policy.default = version.number;
    }
    policy.versions.push(version.clone());
    keep(iam, &policy)?;
    let mut xml = Xml::default();
    xml.within("PolicyVersion", |xml| version_shown(xml, &policy, &version, false));
    Ok(xml)
}

fn version_shown(xml: &mut Xml, policy: &Policy, version: &Version, whole: bool) {
    if whole {
        xml.text("Document", &encoded(&version.document));
    }
    xml.text("VersionId", &format!("v{}", version.number))
        .text("IsDefaultVersion", if version.number == policy.default { "true" } else { "false" })
        .text("CreateDate", &crate::clock::iso(version.created_at));
}

fn version_of<'a>(policy: &'a Policy, form: &Form) -> Result<&'a Version, Refusal> {
    let asked = form.need("VersionId")?;
    let missing = || {
        Refusal::new(
            404,
            "NoSuchEntity",
            format!("Policy {} version {asked} does not exist or is not attachable.", policy.arn),
        )
    };
    policy.versions.iter().find(|version| format!("v{}", version.number) == asked).ok_or_else(missing)
}

/// `GetPolicyVersion`.
pub(super) fn get_version(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let policy = find(iam, form.need("PolicyArn")?)?;
    let version = version_of(&policy, form)?;
    let mut xml = Xml::default();
    xml.within("PolicyVersion", |xml| version_shown(xml, &policy, version, true));
    Ok(xml)
}

/// `ListPolicyVersions`.
pub(super) fn list_versions(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let policy = find(iam, form.need("PolicyArn")?)?;
    let mut xml = Xml::default();
    xml.list("Versions", &policy.versions, |xml, version| version_shown(xml, &policy, version, false));
    xml.text("IsTruncated", "false");
    Ok(xml)
}

/// `SetDefaultPolicyVersion`.
pub(super) fn set_default(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut policy = find(iam, form.need("PolicyArn")?)?;
    policy.default = version_of(&policy, form)?.number;
    keep(iam, &policy)?;
    Ok(Xml::default())
}

/// `DeletePolicyVersion`: not the default one.
pub(super) fn delete_version(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let mut policy = find(iam, form.need("PolicyArn")?)?;
    let number = version_of(&policy, form)?.number;
    if number == policy.default {
        return Err(Refusal::new(409, "DeleteConflict", "Cannot delete the default version of a policy."));
    }
    policy.versions.retain(|version| version.number != number);
    keep(iam, &policy)?;
    Ok(Xml::default())
}

/// `ListPolicyTags`.
pub(super) fn tags(iam: &Iam, form: &Form) -> Result<Xml, Refusal> {
    let policy = find(iam, form.need("PolicyArn")?)?;
    let mut xml = Xml::default();
    roles::tag_list(&mut xml, &policy.tags);
    xml.text("IsTruncated", "false");
    Ok(xml)
}
