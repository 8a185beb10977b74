//! The graph of a stage in docs/deploy.md, drawn from the resources and edges of the stack itself: one node for what is
//! made once a function, so that six times the same is drawn once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use chat_aws::routes::Function;
use chatctl::stack::{self, Packages};
use reconcile::{Id, Stack};

use crate::sky::{Sky, in_paused_time};
use crate::{root, written};

const BEGINS: &str = "<!-- made from the stack: CHATCTL_BLESS=1 cargo xtask test graph -->\n";
const ENDS: &str = "<!-- end of what is made -->\n";
/// The node that stands for all that is not finishing.
const REST: &str = "rest";

#[test]
fn deploy_md_draws_the_graph_of_the_stack() {
    let graph = in_paused_time(async {
        let sky = Sky::empty();
        mermaid(&stack::chat(&sky.others, &sky.stage, &Packages::new(), 0))
    });
    let text = fs::read_to_string(root().join("docs/deploy.md")).unwrap();
    let (before, rest) = text.split_once(BEGINS).expect("docs/deploy.md says where the graph begins");
    let (_, after) = rest.split_once(ENDS).expect("docs/deploy.md says where the graph ends");
    written::file("docs/deploy.md", &format!("{before}{BEGINS}{graph}{ENDS}{after}"));
}

/// What one node stands for: a resource, or a kind that each function has one of.
fn node(id: &Id) -> String {
    match Function::ALL.iter().any(|function| function.name() == id.name()) {
        true => id.kind().to_owned(),
        false => id.to_string(),
    }
}

/// Its name where mermaid takes no slash.
fn word(node: &str) -> String {
    node.replace(['/', '-'], "_")
}

fn mermaid(stack: &Stack) -> String {
    let mut nodes: BTreeMap<String, BTreeSet<&Id>> = BTreeMap::new();
    for id in stack.ids() {
        nodes.entry(node(id)).or_default().insert(id);
    }
    let mut text = "```mermaid\nflowchart LR\n".to_owned();
    for (node, ids) in &nodes {
        let times = if node.contains('/') { String::new() } else { format!(" × {}", ids.len()) };
        writeln!(text, "    {}[\"{node}{times}\"]", word(node)).unwrap();
    }
    writeln!(text, "    {REST}([\"all the rest, and the proof\"])").unwrap();
    // By the nodes at both ends, the resources that they stand for.
    let mut edges: BTreeMap<(String, String), (BTreeSet<Id>, BTreeSet<Id>)> = BTreeMap::new();
    for edge in stack.edges() {
        let (on, from) = edges.entry((node(&edge.on), node(&edge.from))).or_default();
        on.insert(edge.on);
        from.insert(edge.from);
    }
    for ((on, from), (first, then)) in &edges {
        // Where not all of a node are meant: which.
        let some = [(on, first), (from, then)].into_iter().find(|(node, ids)| ids.len() < nodes[*node].len());
        let names = some.map(|(_, ids)| ids.iter().map(Id::name).collect::<Vec<_>>().join("<br>"));
        let label = names.map(|names| format!("|\"{names}\"|")).unwrap_or_default();
        writeln!(text, "    {} -->{label} {}", word(on), word(from)).unwrap();
    }
    let finishing: BTreeSet<String> = stack.ids().filter(|id| stack.finishes(id)).map(node).collect();
    for node in finishing {
        writeln!(text, "    {REST} -.-> {}", word(&node)).unwrap();
    }
    text + "```\n"
}
