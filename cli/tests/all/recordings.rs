//! What a person saw in a terminal, for docs/recordings.md: run anew by this test, so that the page stays true. Results
//! and progress come in the order in which the terminal got them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};

use aws_sdk_sqs::types::QueueAttributeName;

use crate::by_hand::Hands;
use crate::screens::{built, shown, typed};
use crate::world::{World, kill};
use crate::written;

const INTRODUCTION: &str = "# Recordings

What stands here was printed, by a test that runs it anew each time and compares (`cli/tests/all/recordings.rs`). What
differs from run to run is made the same: times, ports, tokens, and the order of steps that are done in parallel. What each
line means: [deploy.md](deploy.md).
";

/// So many steps are done when the process is killed.
const STEPS: usize = 12;

/// The page in the making.
struct Page(String);

impl Page {
    fn says(&mut self, title: &str, words: &str) {
        self.0.push_str(&format!("\n## {title}\n{words}\n"));
    }

    fn adds(&mut self, words: &str) {
        self.0.push_str(&format!("\n{words}\n"));
    }

    /// Types this; it must end with that exit code.
    fn shows(&mut self, world: &World, words: &[&str], code: i32) {
        let (mut child, mut screen) = Screen::of(typed(world).args(words));
        let said = screen.rest();
        let ended = child.wait().unwrap().code();
        assert_eq!(ended, Some(code), "{said}");
        self.keeps(&format!("chatctl {}", words.join(" ")), &shown(world, said.as_bytes()), code);
    }

    fn keeps(&mut self, typed: &str, said: &str, code: i32) {
        self.0.push_str(&format!("\n```console\n$ {typed}\n{said}$ echo $?\n{code}\n```\n"));
    }
}

/// A terminal: both streams of a process in one, as they come.
struct Screen(BufReader<std::io::PipeReader>);

impl Screen {
    fn of(command: &mut Command) -> (Child, Self) {
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        // The command holds the writing end: without it the screen ends with the process.
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        (child, Self(BufReader::new(reader)))
    }

    fn rest(&mut self) -> String {
        let mut said = String::new();
        self.0.read_to_string(&mut said).unwrap();
        said
    }

    /// The lines until so many of them told a created resource.
    fn until_created(&mut self, count: usize) -> String {
        let mut said = String::new();
        while said.matches("\ncreated ").count() < count {
            assert_ne!(self.0.read_line(&mut said).unwrap(), 0, "{said}");
        }
        said
    }
}

const FIRST: &str = "created table stage 1 ms\n";
const SOME: &str = "… and some of the other 34\n";
const LEFT: &str = "… the N that are left\n";

/// How far a run came before it was killed is the machine's mood: all but the first step's line as one, and numbers as N.
fn in_short(text: &str, steps: &str) -> String {
    let mut short = String::new();
    for line in text.lines().map(|line| format!("{line}\n")) {
        let is_step = ["created ", "updated "].iter().any(|verb| line.starts_with(verb));
        let counts = |from: &str| line.starts_with(from) && steps == LEFT;
        let line = match line {
            line if line == FIRST => continue,
            // Whether this run began it.
            line if line.starts_with("alarms and dashboard: ") => continue,
            _ if is_step => steps.to_owned(),
            _ if counts("plan: ") => "plan: N to create\n".to_owned(),
            _ if counts("dev is up (local): ") => "dev is up (local): N resources changed, 1 ms\n".to_owned(),
            line => line,
        };
        if line != steps || !short.ends_with(steps) {
            short.push_str(&line);
        }
    }
    if text.contains(FIRST) { short.replace(steps, &format!("{FIRST}{steps}")) } else { short }
}

#[test]
fn recordings_md_shows_what_a_terminal_shows() {
    built();
    let mut page = Page(INTRODUCTION.to_owned());
    let world = World::empty();
    page.says(
        "A first `up`",
        "Nothing is there, not even the local cloud. It starts it, makes everything, and proves it by a message of its own.",
    );
    page.shows(&world, &["up"], 0);
    page.says("Nothing changed", "The same command again looks at everything and changes nothing.");
    page.shows(&world, &["up"], 0);
    drift(&mut page, &world);
    stranger(&mut page);
    killed(&mut page);
    written::file("docs/recordings.md", &page.0);
}

fn drift(page: &mut Page, world: &World) {
    page.says(
        "Somebody changed a setting by hand",
        "In the console, somebody sets the queue's visibility timeout to 30 s. `plan` sees it, and that it was not us.",
    );
    let hands = Hands::on(world);
    let url = hands.now(hands.sqs().get_queue_url().queue_name("chat-dev-new-messages").send()).unwrap();
    let change = hands.sqs().set_queue_attributes().queue_url(url.queue_url.unwrap());
    hands.now(change.attributes(QueueAttributeName::VisibilityTimeout, "30").send()).unwrap();
    page.shows(world, &["plan", "--detailed-exitcode"], 3);
    page.adds("`up` mends it, and nothing else:");
    page.shows(world, &["up"], 0);
}

fn stranger(page: &mut Page) {
    page.says(
        "Something of our name that is not ours",
        "A queue of that name is there, without the stage's tags. It is refused by name before anything is made, and left \
         as it is.",
    );
    let world = World::empty();
    world.succeeds(["plan"]);
    let hands = Hands::on(&world);
    hands.now(hands.sqs().create_queue().queue_name("chat-dev-dead-letters").send()).unwrap();
    page.shows(&world, &["up"], 1);
}

/// The next one looks, as any other does.
fn killed(page: &mut Page) {
    page.says(
        "Killed in the middle of a first `up`",
        "`kill -9`, when a dozen steps are done. How far it came differs each time: `N`, and `…` for the steps.",
    );
    let world = World::empty();
    let (mut child, mut screen) = Screen::of(typed(&world).arg("up"));
    let mut said = screen.until_created(STEPS);
    kill(child.id(), "KILL");
    said.push_str(&screen.rest());
    assert_eq!(child.wait().unwrap().code(), None, "{said}");
    page.keeps("chatctl up", &format!("{}Killed\n", in_short(&shown(&world, said.as_bytes()), SOME)), 137);
    page.adds(
        "Its lease is still there. Its process is not, which this computer can see: the lease is taken over at once, and \
         what is there already is kept.",
    );
    let (mut child, mut screen) = Screen::of(typed(&world).arg("up"));
    let said = screen.rest();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    let made = said.lines().filter(|line| line.starts_with("created ")).count();
    assert!((1..=35 - STEPS).contains(&made), "{said}");
    page.keeps("chatctl up", &in_short(&shown(&world, said.as_bytes()), LEFT), 0);
    page.adds("And then there is nothing left to do:");
    page.shows(&world, &["up"], 0);
}
