//! Parameters: put, read by name and by path, deleted.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{KIND, Parameter, Ssm, arn, missing, page, plain, text, texts};
use crate::{Cloud, Refusal};

/// `PutParameter`: tags only with the first version (A28).
pub(super) fn put(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "Name")?;
    check_name(name)?;
    let value = text(input, "Value")?;
    let known = ssm.find(name)?;
    let overwrite = input["Overwrite"].as_bool().unwrap_or(false);
    let tags = super::tags::read(input);
    if overwrite && !tags.is_empty() {
        let message = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    if known.is_some() && !overwrite {
        let message =
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(Refusal::new(400, "ParameterAlreadyExists", message));
    }
    let tier = input["Tier"].as_str().unwrap_or("Standard");
    if tier != "Standard" {
        return Err(Refusal::unsupported(format!("SSM parameters of the tier {tier}")));
    }
    if value.is_empty() || value.len() > 4096 {
        let message =
            "Standard tier parameters support a maximum parameter value of 4096 characters, and at least one.";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let kind = input["Type"].as_str().or(known.as_ref().map(|known| known.kind.as_str()));
    let kind = match kind {
        Some(kind @ ("String" | "StringList" | "SecureString")) => kind.to_owned(),
        Some(kind) => return Err(Refusal::new(400, "UnsupportedParameterType", format!("no such type: {kind}"))),
        None => {
            return Err(Refusal::new(
                400,
                "ValidationException",
                "A parameter type is required when you create a parameter.",
            ));
        }
    };
    if let Some(known) = &known
        && known.kind != kind
    {
        let message = format!("The parameter {name} has the type {}, which cannot be changed", known.kind);
        return Err(Refusal::new(400, "HierarchyTypeMismatchException", message));
    }
    let described = input["Description"].as_str().map(str::to_owned);
    let parameter = Parameter {
        name: name.to_owned(),
        value: value.to_owned(),
        description: described.or(known.as_ref().and_then(|known| known.description.clone())),
        key: (kind == "SecureString").then(|| input["KeyId"].as_str().unwrap_or("alias/aws/ssm").to_owned()),
        kind,
        version: known.as_ref().map_or(1, |known| known.version + 1),
        changed_at: ssm.state.now_ms(),
        tags: known.map_or_else(|| tags, |known| known.tags),
    };
    ssm.keep(&parameter)?;
    Ok(json!({ "Version": parameter.version, "Tier": "Standard" }))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
    let slashes = !name.contains('/') || name.starts_with('/');
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if name.is_empty() || name.len() > 1011 || !letters || !slashes || name.ends_with('/') || name.contains("//") {
        let message = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(Refusal::new(
            400,
            "ValidationException",
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    Ok(())
}

fn shown(cloud: &Cloud, parameter: &Parameter, decrypt: bool) -> Value {
    let value = match parameter.kind == "SecureString" && !decrypt {
        // Not what is kept, as on AWS: only who asks for decryption sees it.
        true => {
            let sealed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parameter.value.as_bytes());
            base64::engine::general_purpose::STANDARD.encode(sealed)
        }
        false => parameter.value.clone(),
    };
    json!({
        "Name": parameter.name, "Type": parameter.kind, "Value": value, "Version": parameter.version,
        "LastModifiedDate": crate::clock::seconds(parameter.changed_at), "ARN": arn(cloud, &parameter.name),
        "DataType": "text",
    })
}

fn decrypts(input: &Value) -> bool {
    input["WithDecryption"].as_bool().unwrap_or(false)
}

/// A parameter by its name, perhaps with `:version` behind it.
fn selected(ssm: &Ssm, asked: &str) -> Result<Parameter, Refusal> {
    let (name, version) = match plain(asked).split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (plain(asked), None),
    };
    let parameter = ssm.find(name)?.ok_or_else(|| missing(asked))?;
    if version.is_some_and(|version| version != parameter.version.to_string()) {
        let message = format!("The local cloud keeps only the latest version of {name}: {}", parameter.version);
        return Err(Refusal::new(400, "ParameterVersionNotFound", message));
    }
    Ok(parameter)
}

/// `GetParameter`.
pub(super) fn get(ssm: &Ssm, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let parameter = selected(ssm, text(input, "Name")?)?;
    Ok(json!({ "Parameter": shown(cloud, &parameter, decrypts(input)) }))
}

/// `GetParameters`: what is not there is named.
pub(super) fn get_many(ssm: &Ssm, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in texts(input, "Names") {
        match selected(ssm, name) {
            Ok(parameter) => found.push(shown(cloud, &parameter, decrypts(input))),
            Err(refusal) if refusal.status < 500 => unknown.push(name),
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": unknown }))
}

/// `GetParametersByPath`.
pub(super) fn by_path(ssm: &Ssm, cloud: &Cloud, input: &Value) -> Result<Value, Refusal> {
    let path = text(input, "Path")?;
    if !path.starts_with('/') {
        return Err(Refusal::new(400, "ValidationException", "The parameter path must start with a slash."));
    }
    if input["ParameterFilters"].as_array().is_some_and(|filters| !filters.is_empty()) {
        return Err(Refusal::unsupported("ParameterFilters of SSM GetParametersByPath"));
    }
    let deep = input["Recursive"].as_bool().unwrap_or(false);
    let found = ssm.all()?.into_iter().filter(|parameter| under(&parameter.name, path, deep)).collect();
    let (found, next) = page(found, input, 10)?;
    let shown: Vec<Value> = found.iter().map(|parameter| shown(cloud, parameter, decrypts(input))).collect();
    let mut output = json!({ "Parameters": shown });
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Ok(output)
}

/// Whether a name is below a path: directly, or `deep` anywhere.
pub(super) fn under(name: &str, path: &str, deep: bool) -> bool {
    let rest = name.strip_prefix(path.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| deep || !rest.contains('/'))
}

/// `DeleteParameter`.
pub(super) fn delete(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "Name")?;
    if ssm.state.remove(KIND, plain(name))? { Ok(json!({})) } else { Err(missing(name)) }
}

/// `DeleteParameters`.
pub(super) fn delete_many(ssm: &Ssm, input: &Value) -> Result<Value, Refusal> {
    let (mut deleted, mut unknown): (Vec<&str>, Vec<&str>) = Default::default();
    for name in texts(input, "Names") {
        if ssm.state.remove(KIND, plain(name))? { deleted.push(name) } else { unknown.push(name) }
    }
    Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": unknown }))
}
