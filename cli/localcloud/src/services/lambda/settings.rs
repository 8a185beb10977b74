//! A function's settings: what a call may set, within AWS's bounds, and what the local cloud refuses by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::input::Input;
use super::refusals;
use crate::wire::Refusal;

/// The members of a configuration that are understood.
pub(super) const MEMBERS: &[&str] = &[
    "Runtime",
    "Handler",
    "Role",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "EphemeralStorage",
    "TracingConfig",
    "LoggingConfig",
    "SnapStart",
    "RevisionId",
    "FunctionName",
];

/// The names of variables that the cloud itself sets.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
];

/// All variables together may have so many bytes.
const VARIABLES_BYTES: usize = 4096;

/// What a function is run with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) role: String,
    pub(crate) description: String,
    pub(crate) timeout: u32,
    pub(crate) memory: u32,
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) architectures: Vec<String>,
    pub(crate) ephemeral: u32,
    pub(crate) tracing: String,
    pub(crate) log_format: String,
    pub(crate) log_group: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runtime: String::new(),
            handler: String::new(),
            role: String::new(),
            description: String::new(),
            timeout: 3,
            memory: 128,
            environment: None,
            architectures: vec!["x86_64".to_owned()],
            ephemeral: 512,
            tracing: "PassThrough".to_owned(),
            log_format: "Text".to_owned(),
            log_group: None,
        }
    }
}

impl Settings {
    /// Where its output goes.
    pub(crate) fn log_group(&self, function: &str) -> String {
        self.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{function}"))
    }

    /// Takes over what a call sets; what it does not name stays.
    pub(super) fn update(&mut self, input: &Input) -> Result<(), Refusal> {
        if let Some(runtime) = input.text("Runtime")? {
            if !matches!(runtime, "provided.al2023" | "provided.al2") {
                return Err(refusals::unsupported(&format!("the runtime {runtime}, only provided.al2023")));
            }
            self.runtime = runtime.to_owned();
        }
        for (name, field) in
            [("Handler", &mut self.handler), ("Role", &mut self.role), ("Description", &mut self.description)]
        {
            if let Some(text) = input.text(name)? {
                *field = text.to_owned();
            }
        }
        set(&mut self.timeout, input.number("Timeout", 1, 900)?);
        set(&mut self.memory, input.number("MemorySize", 128, 10_240)?);
        if let Some(size) = input.within("EphemeralStorage", "Size") {
            let size = size.as_u64().and_then(|size| u32::try_from(size).ok()).filter(|s| (512..=10_240).contains(s));
            self.ephemeral =
                size.ok_or_else(|| refusals::invalid("EphemeralStorage.Size must be between 512 and 10240"))?;
        }
        if let Some(environment) = input.get("Environment") {
            let variables = environment.get("Variables").cloned().unwrap_or_default();
            self.environment = Some(checked(variables)?);
        }
        if let Some(mode) = input.within("TracingConfig", "Mode") {
            self.tracing = mode.as_str().unwrap_or("PassThrough").to_owned();
        }
        if input.within("SnapStart", "ApplyOn").is_some_and(|apply| apply != "None") {
            return Err(refusals::unsupported("SnapStart"));
        }
        self.update_logging(input)
    }

    fn update_logging(&mut self, input: &Input) -> Result<(), Refusal> {
        if input.within("LoggingConfig", "LogFormat").is_some_and(|format| format != "Text") {
            return Err(refusals::unsupported("LoggingConfig.LogFormat other than Text"));
        }
        if let Some(group) = input.within("LoggingConfig", "LogGroup").and_then(|group| group.as_str()) {
            self.log_group = Some(group.to_owned());
        }
        for level in ["ApplicationLogLevel", "SystemLogLevel"] {
            if input.within("LoggingConfig", level).is_some() {
                return Err(refusals::unsupported(&format!("LoggingConfig.{level}")));
            }
        }
        Ok(())
    }
}

fn set(field: &mut u32, value: Option<i64>) {
    if let Some(value) = value.and_then(|value| u32::try_from(value).ok()) {
        *field = value;
    }
}

/// Variables that a process can be given.
fn checked(variables: serde_json::Value) -> Result<BTreeMap<String, String>, Refusal> {
    if variables.is_null() {
        return Ok(BTreeMap::new());
    }
    let variables: BTreeMap<String, String> = serde_json::from_value(variables)
        .map_err(|_| refusals::bad_content("Environment.Variables is not a map of strings"))?;
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (name, value) in &variables {
        if RESERVED.contains(&name.as_str()) {
            return Err(refusals::invalid(format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification. Reserved keys used \
                 in this request: {name}"
            )));
        }
        let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        if !first || !name.chars().all(valid) || value.contains('\0') {
            return Err(refusals::invalid(format!("{name} is not the name of an environment variable with a value")));
        }
    }
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > VARIABLES_BYTES {
        return Err(refusals::invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit.",
        ));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(json: &str) -> Result<Settings, Refusal> {
        let mut settings = Settings::default();
        settings.update(&Input::parse(json.as_bytes())?)?;
        Ok(settings)
    }

    #[test]
    fn settings_that_are_not_named_stay() {
        let settings = update(r#"{"Timeout":10,"Environment":{"Variables":{"A":"b"}}}"#).unwrap();
        assert_eq!((settings.timeout, settings.memory), (10, 128));
        assert_eq!(settings.environment.unwrap()["A"], "b");
    }

    #[test]
    fn what_the_local_cloud_cannot_run_is_refused_by_name() {
        for (json, named) in [
            (r#"{"Runtime":"nodejs22.x"}"#, "nodejs22.x"),
            (r#"{"Timeout":901}"#, "Timeout"),
            (r#"{"Environment":{"Variables":{"AWS_REGION":"x"}}}"#, "AWS_REGION"),
            (r#"{"SnapStart":{"ApplyOn":"PublishedVersions"}}"#, "SnapStart"),
        ] {
            let refusal = update(json).unwrap_err();
            assert!(refusal.status == 400 && refusal.message.contains(named), "{json}: {}", refusal.message);
        }
    }
}
