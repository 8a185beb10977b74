//! `cargo xtask pictures`: the page and the terminal as people see them, drawn by a real browser from a real stage.

use std::fs;
use std::process::{Command, Stdio};

use crate::{Failure, cargo, root, setup, target};

/// Makes docs/page.png and docs/terminal.png anew; the other states of the page go to target/pictures.
pub(crate) fn run() -> Result<(), Failure> {
    let tools = setup::tools()?;
    let (Some(node), Some(chromium)) = (tools.node, tools.chromium) else {
        return Err(format!("pictures need Node and Chromium:\n  {}", tools.missing.join("\n  ")).into());
    };
    crate::run(cargo().args(["build", "--quiet"]))?;
    let chatctl = target().join("debug/chatctl");
    let state = std::env::temp_dir().join(format!("chatctl-pictures-{}", std::process::id()));
    fs::create_dir_all(&state)?;
    fs::create_dir_all(target().join("pictures"))?;
    let here = |program: &std::path::Path| {
        let mut command = Command::new(program);
        command.current_dir(root()).env("CHATCTL_STATE_DIR", &state).stdin(Stdio::null());
        command
    };
    let up =
        here(&chatctl).arg("up").env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR").env("COLUMNS", "96").output()?;
    let status = here(&chatctl).args(["--json", "status"]).output()?;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
    let drawn = crate::run(
        here(&node)
            .arg(root().join("web/tests/browser/pictures.js"))
            .env("CHAT_PAGE", status["page"].as_str().unwrap_or_default())
            .env("CHATCTL", &chatctl)
            .env("CHROMIUM", chromium)
            .env("TERMINAL", String::from_utf8_lossy(&[up.stderr, up.stdout].concat()).as_ref())
            .env("PICTURES", target().join("pictures"))
            .env("DOCS", root().join("docs")),
    );
    crate::run(
        here(&chatctl).args(["down", "--yes", "--delete-data=dev"]).stdout(Stdio::null()).stderr(Stdio::null()),
    )?;
    fs::remove_dir_all(state)?;
    drawn
}
