//! A place that has no room, or that cannot be written: what, where, why and what to type, and no half-written record.

use std::time::Duration;

use chatctl::aws::faults::Faults;
use chatctl::failure::Exit;
use serde_json::json;
use tokio::time::Instant;

use crate::likeness;
use crate::sky::{Sky, in_paused_time};
use crate::world::{World, events};

/// The SDK tries for longer than that what it takes for a service's own failure.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_full_disk_of_the_local_cloud_is_told_at_once_with_what_shows_it_and_what_was_there_stays() {
    in_paused_time(async {
        let mut sky = Sky::empty();
        sky.up(&Faults::none()).await.unwrap().unwrap();
        let before = likeness::of(&sky.cloud).await;
        sky.cloud.fill_up().unwrap();
        sky.stage.name = "second".into();
        let began = Instant::now();
        let failure = sky.up(&Faults::none()).await.unwrap().unwrap_err();
        assert!(began.elapsed() < AT_ONCE, "no try is made again: {:?}", began.elapsed());
        let why = failure.why.clone().unwrap_or_default();
        assert!(why.contains("answered DiskFull: the disk is full"), "{failure:?}");
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.next.contains(&"df -h".to_owned()), "{failure:?}");
        sky.stage.name = "dev".into();
        let after = likeness::of(&sky.cloud).await;
        let lost: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
        assert!(lost.is_empty(), "{lost:#?}");
    });
}

#[test]
fn a_state_folder_that_cannot_be_made_or_written_is_named_with_what_to_type() {
    let world = World::empty();
    let file = world.state().join("a-file");
    std::fs::write(&file, "").unwrap();
    // A file in its place, and a file system that takes no folders, from root neither.
    for place in [file.as_path(), &file.join("below"), "/sys/chatctl".as_ref()] {
        let out = world.chatctl().arg("--json").arg("up").env("CHATCTL_STATE_DIR", place).output().unwrap();
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        let failed = events(&out).into_iter().rfind(|event| event["event"] == "failed").expect("a failure is told");
        let error = failed["error"].as_str().unwrap();
        assert_eq!(error, format!("cannot use the state folder {}", place.display()));
        assert!(failed["why"].as_str().is_some_and(|why| why.contains("os error")), "{failed}");
        assert_eq!(failed["next"], json!(["export CHATCTL_STATE_DIR=/a/folder/of/yours"]));
    }
}
