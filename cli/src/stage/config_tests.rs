//! What `chatctl.toml`, the environment and the flags may say, and what is said about the rest.

use super::*;
use crate::failure::{Exit, Failure};

fn variables(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/ann".to_string())
}

fn refused(text: &str) -> Failure {
    loaded(text).expect_err("it should be refused").into()
}

fn written(text: &str) -> Written {
    Written { path: FILE.into(), text: text.into() }
}

/// The stage `dev`, or the first one, of a file of this text.
fn loaded(text: &str) -> Result<Stage, BadSettings> {
    let written = written(text);
    let file = parse(&written)?;
    let settings = file.stage.values().next().cloned().unwrap_or_default();
    assemble("chat".into(), "dev".into(), settings, Sources::new(&Overrides::default(), &variables, Some(&written)))
}

#[test]
fn without_a_file_there_is_one_local_stage() {
    let stage = Stage::load(&Overrides::default(), &variables, Path::new("/")).unwrap();
    assert_eq!((stage.project.as_str(), stage.name.as_str(), stage.target), ("chat", "dev", Target::Local));
    assert_eq!(stage.state, Path::new("/home/ann/.local/state/chatctl"));
    assert_eq!(stage.command("up"), "chatctl up");
}

#[test]
fn a_misspelt_key_is_pointed_at_with_what_was_meant() {
    let failure = refused("project = \"chat\"\n\n[stage.prod]\ntarget = \"aws\"\nregoin = \"eu-west-1\"\n");
    assert_eq!(failure.error, "chatctl.toml line 5 column 1: unknown key \"regoin\"");
    assert_eq!(failure.why.as_deref(), Some("5 | regoin = \"eu-west-1\"\n  | ^^^^^^"));
    assert_eq!(failure.next, ["write region"]);
    assert_eq!(failure.exit, Exit::Usage);
}

#[test]
fn a_key_that_resembles_none_is_answered_with_all() {
    let failure = refused("colour = 1\n");
    assert_eq!(failure.next, ["write one of: project, stage"]);
}

#[test]
fn a_value_of_the_wrong_kind_is_pointed_at() {
    let failure = refused("[stage.dev]\nretention_days = \"long\"\n");
    assert!(failure.error.starts_with("chatctl.toml line 2 column 18: "), "{}", failure.error);
    let failure = refused("[stage.dev\n");
    assert!(failure.error.starts_with("chatctl.toml line 1 column "), "{}", failure.error);
}

#[test]
fn the_environment_outranks_the_file() {
    let region = |name: &str| match name {
        "CHATCTL_REGION" => Some("eu-west-1".into()),
        other => variables(other),
    };
    let stage =
        assemble("chat".into(), "dev".into(), Settings::default(), Sources::new(&Overrides::default(), &region, None))
            .unwrap();
    assert_eq!(stage.region, "eu-west-1");
}

#[test]
fn flags_outrank_the_environment_and_are_said_again_in_commands_to_type() {
    let set = |name: &str| match name {
        "CHATCTL_TARGET" => Some("local".into()),
        "CHATCTL_ARCHITECTURE" => Some("x86_64".into()),
        other => variables(other),
    };
    let flags = Overrides {
        stage: Some("prod".into()),
        target: Some("aws".into()),
        region: Some("eu-west-1".into()),
        architecture: Some("arm64".into()),
        ..Overrides::default()
    };
    let stage = Stage::load(&flags, &set, Path::new("/")).unwrap();
    assert_eq!((stage.target, stage.architecture), (Target::Aws, Architecture::Arm64));
    assert_eq!(stage.command("up"), "chatctl up --stage prod --target aws --region eu-west-1 --architecture arm64");
}

#[test]
fn an_architecture_that_lambda_does_not_have_is_refused_wherever_it_stands() {
    let failure = refused("[stage.prod]\narchitecture = \"riscv\"\n");
    assert!(failure.error.starts_with("chatctl.toml line 2 column "), "{}", failure.error);
    let flags = Overrides { architecture: Some("arm".into()), ..Overrides::default() };
    let failure = Failure::from(Stage::load(&flags, &variables, Path::new("/")).unwrap_err());
    assert_eq!(failure.error, "--architecture = \"arm\" is not allowed");
    assert_eq!(failure.why.as_deref(), Some("an architecture is x86_64 or arm64"));
}

#[test]
fn on_aws_no_region_is_guessed() {
    let error = loaded("[stage.dev]\ntarget = \"aws\"\n").unwrap_err();
    assert_eq!(error.to_string(), "stage \"dev\" has no region, and none is guessed");
    let failure = Failure::from(error);
    assert!(failure.next[0].starts_with("add --region "), "{failure:?}");
}

#[test]
fn a_stage_that_the_file_does_not_have_is_an_error_with_the_one_meant() {
    let folder = std::env::temp_dir().join(format!("chatctl-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(FILE), "[stage.prod]\ntarget = \"local\"\n").unwrap();
    let flags = Overrides { stage: Some("prdo".into()), ..Overrides::default() };
    let failure: Failure = Stage::load(&flags, &variables, &folder).unwrap_err().into();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(failure.next, ["--stage prod"]);
}

#[test]
fn names_that_would_not_fit_are_refused() {
    for name in ["", "Dev", "1st", "dev-", "a_b", "a234567890123456789012"] {
        assert!(!is_name(name), "{name}");
    }
    assert!(is_name("pull-123"));
}

#[test]
fn a_value_that_cannot_be_is_pointed_at_by_line_and_column_with_its_rule() {
    for (text, error, rule) in [
        ("[stage.dev]\nmemory = 64\n", "line 2 column 10: memory = 64 is not allowed", "from 128 to 10240 MB"),
        ("[stage.dev]\nregion = \"moon\"\n", "line 2 column 10: region = \"moon\" is not allowed", "us-east-1"),
        ("[stage.dev]\npush_hosts = []\n", "line 2 column 14: push_hosts = [] is not allowed", "nobody"),
        ("[stage.dev]\nretention_days = 0\n", "line 2 column 18: retention_days = 0 is not allowed", "3650 days"),
    ] {
        let failure = refused(text);
        assert_eq!(failure.error, format!("chatctl.toml {error}"));
        let why = failure.why.unwrap();
        assert!(why.contains("^") && why.contains(rule), "{why}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_pointed_at_unless_a_variable_changed_one() {
    let text = "[stage.dev]\ntarget = \"local\"\naccount = \"123456789012\"\n";
    let failure = refused(text);
    assert_eq!(failure.error, "chatctl.toml line 3 column 11: account = \"123456789012\" is not allowed");
    assert!(failure.why.unwrap().contains("the stage's target is local"));
    let written = written(&text.replace("local", "aws"));
    let local = |name: &str| if name == "CHATCTL_TARGET" { Some("local".into()) } else { variables(name) };
    let settings = parse(&written).unwrap().stage["dev"].clone();
    assert!(
        assemble("chat".into(), "dev".into(), settings, Sources::new(&Overrides::default(), &local, Some(&written)))
            .is_ok()
    );
}

#[test]
fn push_hosts_that_leave_out_the_push_service_are_pointed_at_on_aws_with_what_to_write() {
    let text = "[stage.prod]\ntarget = \"aws\"\nregion = \"eu-west-1\"\npush_hosts = [\"fcm.googleapis.com\"]\n";
    let failure = refused(text);
    let error = "chatctl.toml line 4 column 14: push_hosts = [\"fcm.googleapis.com\"] is not allowed";
    assert_eq!(failure.error, error);
    let why = failure.why.unwrap();
    assert!(why.contains("^^^^") && why.contains("it leaves out updates.push.services.mozilla.com"), "{why}");
    let meant = "write push_hosts = [\"fcm.googleapis.com\", \"updates.push.services.mozilla.com\"]";
    assert_eq!(failure.next, [meant]);
    // In the local cloud it listens at the cloud's own, and where another one's endpoints are nobody knows yet.
    assert!(loaded("[stage.dev]\npush_hosts = [\"fcm.googleapis.com\"]\n").is_ok());
    assert!(loaded(&format!("{text}push_service = \"wss://push.example.org/\"\n")).is_ok());
    let failure = refused("[stage.dev]\npush_hosts = [\"https://fcm.googleapis.com\"]\n");
    assert_eq!(failure.next, ["write push_hosts = [\"fcm.googleapis.com\"]"]);
}

#[test]
fn a_target_that_is_nearly_one_is_answered_with_it() {
    let failure = refused("[stage.dev]\ntarget = \"lcoal\"\n");
    assert_eq!(failure.error, "chatctl.toml line 2 column 10: unknown value \"lcoal\"");
    assert_eq!(failure.next, ["write local"]);
}

#[test]
fn each_setting_knows_where_it_was_said() {
    let stage = loaded("[stage.dev]\nmemory = 256\n").unwrap();
    assert_eq!(stage.memory, Some(256));
    assert_eq!(stage.origins.because("memory", "256"), "memory in chatctl.toml line 2 is 256");
    let memory = |name: &str| if name == "CHATCTL_MEMORY" { Some("512".into()) } else { variables(name) };
    let stage =
        assemble("chat".into(), "dev".into(), Settings::default(), Sources::new(&Overrides::default(), &memory, None))
            .unwrap();
    assert_eq!((stage.memory, stage.origins.because("memory", "512").as_str()), (Some(512), "CHATCTL_MEMORY is 512"));
}

#[test]
fn a_project_whose_secrets_ssm_would_refuse_is_refused_at_the_door() {
    let folder = std::env::temp_dir().join(format!("chatctl-project-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let load = |project: &str| {
        std::fs::write(folder.join(FILE), format!("project = {project:?}\n")).unwrap();
        Stage::load(&Overrides::default(), &variables, &folder)
    };
    for reserved in ["aws", "awsome", "aws-chat", "ssm", "ssm2"] {
        let failure = Failure::from(load(reserved).unwrap_err());
        assert!(
            failure.error.ends_with(&format!("line 1 column 11: project = {reserved:?} is not allowed")),
            "{failure:?}"
        );
        let why = failure.why.unwrap();
        assert!(why.contains("^^^^") && why.contains("cannot begin with aws or ssm"), "{why}");
    }
    for allowed in ["claws", "my-aws", "chat"] {
        assert_eq!(load(allowed).unwrap().project, allowed);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let said = |name: &str| if name == "CHATCTL_PROJECT" { Some("aws-chat".into()) } else { variables(name) };
    let failure = Failure::from(Stage::load(&Overrides::default(), &said, Path::new("/")).unwrap_err());
    assert_eq!(failure.error, "CHATCTL_PROJECT = \"aws-chat\" is not allowed");
    assert!(["AWS", "Ssm-x"].into_iter().all(is_reserved));
}

#[test]
fn the_template_is_a_file_that_holds_as_it_is_and_with_its_comments_taken_away() {
    let template = include_str!("../../../templates/chatctl.toml");
    assert_eq!(parse(&written(template)).unwrap().stage.keys().collect::<Vec<_>>(), ["dev"]);
    let settings: Vec<&str> = template
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| line.contains(['=', '['])).unwrap_or(line))
        .collect();
    let all = written(&settings.join("\n"));
    let settings = parse(&all).unwrap().stage["prod"].clone();
    assert!(
        assemble("chat".into(), "prod".into(), settings, Sources::new(&Overrides::default(), &variables, Some(&all)))
            .is_ok()
    );
}

#[test]
fn data_can_be_brought_back_on_aws_unless_it_is_said_otherwise() {
    let backups = |text: &str| loaded(&format!("[stage.dev]\nregion = \"eu-west-1\"\n{text}")).unwrap().backups;
    assert!(backups("target = \"aws\"\n") && !backups("target = \"aws\"\nbackups = false\n"));
    assert!(!backups("") && backups("backups = true\n"));
}
