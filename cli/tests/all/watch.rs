//! `up --watch`: what is saved is live a moment after its build, and a build that fails ends nothing.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::checkout::Checkout;
use crate::world::{World, http, kill, one};

/// From the end of a build until the new code is called; 0.5 s on a machine that does nothing else.
const LIVE_MS: u64 = 3_000;

/// A watch at work; it ends with this.
struct Watch {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn of(checkout: &Checkout<'_>) -> Self {
        let mut process =
            checkout.chatctl().args(["up", "--watch"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next event of one of these names.
    fn next(&mut self, names: &[&str]) -> Value {
        let mut passed = Vec::new();
        for line in self.lines.by_ref().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap();
            if names.contains(&event["event"].as_str().unwrap()) {
                return event;
            }
            passed.push(line);
        }
        panic!("none of {names:?} came:\n{}", passed.join("\n"));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_is_saved_goes_live_a_failed_build_is_told_and_ctrl_c_ends_it_well() {
    let world = World::up();
    let checkout = Checkout::of(&world);
    let mut watch = Watch::of(&checkout);
    watch.next(&["watching"]);

    checkout.save("web/index.html", "<p>saved");
    assert_eq!(watch.next(&["saved"])["files"], json!(["web/index.html"]));
    let live = watch.next(&["live", "not.live", "nothing.new"]);
    assert_eq!(live["functions"], json!(["serve-page"]), "{live}");
    assert!(live["live_ms"].as_u64().unwrap() < LIVE_MS, "{live}");
    let page = world.status()["page"].as_str().unwrap().to_owned();
    assert_eq!(http(page.split_once("/#").unwrap().0, "GET", "/", &[], "").0, 200);

    checkout.save("functions/notify-clients/broken", "");
    let not = watch.next(&["live", "not.live", "nothing.new"]);
    assert_eq!(not["event"], "not.live", "{not}");
    assert!(not["why"].as_str().unwrap().contains("in functions/notify-clients"), "the compiler's words: {not}");
    checkout.remove("functions/notify-clients/broken");
    watch.next(&["nothing.new"]);

    // Nobody is kept out while nothing is saved.
    assert_eq!(one(&checkout.ends(0, &["up"]), "deployed")["changed"], 0);
    let deploys = world.succeeds(["history"]);
    let last = &one(&deploys, "history")["deploys"][0];
    assert_eq!((&last["changes"], &last["went"]), (&json!(["update function/serve-page"]), &json!("unasked")));

    kill(watch.process.id(), "INT");
    assert_eq!(watch.process.wait().unwrap().code(), Some(0));
}
