//! What `chatctl.toml`, the environment and the flags may say, and what is said about the rest.

use super::*;
use crate::failure::Failure;

fn variables(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/ann".to_string())
}

fn refused(text: &str) -> Failure {
    parse(Path::new("chatctl.toml"), text).map(|_| ()).expect_err("it should be refused").into()
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
    assert_eq!(failure.error, "chatctl.toml line 5: unknown key \"regoin\"");
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
    assert!(failure.error.starts_with("chatctl.toml line 2: "), "{}", failure.error);
    let failure = refused("[stage.dev\n");
    assert!(failure.error.starts_with("chatctl.toml line 1: "), "{}", failure.error);
}

#[test]
fn the_environment_outranks_the_file() {
    let region = |name: &str| match name {
        "CHATCTL_REGION" => Some("eu-west-1".into()),
        other => variables(other),
    };
    let stage = assemble("chat".into(), "dev".into(), Settings::default(), &Overrides::default(), &region).unwrap();
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
    assert!(failure.error.starts_with("chatctl.toml line 2: "), "{}", failure.error);
    let flags = Overrides { architecture: Some("arm".into()), ..Overrides::default() };
    let failure = Failure::from(Stage::load(&flags, &variables, Path::new("/")).unwrap_err());
    assert_eq!(failure.error, "architecture = \"arm\" is not allowed");
    assert_eq!(failure.why.as_deref(), Some("an architecture is x86_64 or arm64"));
}

#[test]
fn on_aws_no_region_is_guessed() {
    let settings = Settings { target: Some(Target::Aws), ..Settings::default() };
    let error = assemble("chat".into(), "prod".into(), settings, &Overrides::default(), &variables).unwrap_err();
    assert_eq!(error.to_string(), "stage \"prod\" has no region, and none is guessed");
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
        assert!(checked_name("stage", name.into()).is_err(), "{name}");
    }
    assert!(checked_name("stage", "pull-123".into()).is_ok());
}

#[test]
fn the_template_is_a_file_that_holds_as_it_is_and_with_its_comments_taken_away() {
    let template = include_str!("../../../templates/chatctl.toml");
    assert_eq!(parse(Path::new(FILE), template).unwrap().stage.keys().collect::<Vec<_>>(), ["dev"]);
    let settings: Vec<&str> = template
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| line.contains(['=', '['])).unwrap_or(line))
        .collect();
    let file = parse(Path::new(FILE), &settings.join("\n")).unwrap();
    assert!(
        assemble("chat".into(), "prod".into(), file.stage["prod"].clone(), &Overrides::default(), &variables).is_ok()
    );
}

#[test]
fn data_can_be_brought_back_on_aws_unless_it_is_said_otherwise() {
    let stage = |target, backups| {
        let settings = Settings { target, backups, region: Some("eu-west-1".into()), ..Settings::default() };
        assemble("chat".into(), "dev".into(), settings, &variables).unwrap().backups
    };
    assert!(stage(Some(Target::Aws), None) && !stage(Some(Target::Aws), Some(false)));
    assert!(!stage(None, None) && stage(None, Some(true)));
}
