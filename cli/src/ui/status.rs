//! The status screen: the link first, then how everything is, then the lines for the AWS command line.

use crate::event::Status;

use super::resources;
use super::result::of_stage;
use super::style::{Style, count, size};
use super::table::table;

/// The whole screen.
pub(super) fn status(status: &Status, style: &Style) -> String {
    let mut parts = vec![head(status, style)];
    if status.up || !status.resources.is_empty() {
        parts.push(functions(status, style));
        parts.push(resources::resources(&status.resources, style));
        parts.push(numbers(status, style));
    }
    if let Some(lines) = command_line(status, style) {
        parts.push(lines);
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn head(status: &Status, style: &Style) -> String {
    let state = if status.up { style.good("● up") } else { style.bad("○ not up") };
    let mut place = format!("{} in {}", status.target, status.region);
    if let Some(account) = &status.account {
        place.push_str(&format!(", account {account}"));
    }
    let mut text =
        format!("{} {state}  {}", style.bold(&format!("{}/{}", status.project, status.stage)), style.dim(&place));
    if let Some(at) = &status.deployed_at {
        text.push_str(&style.dim(&format!(", deployed {at}")));
    }
    if let Some(page) = &status.page {
        text.push_str(&format!("\n{}", style.link(page)));
    }
    if !status.up {
        text.push_str(&format!(
            "\n {} {}",
            style.dim("next:"),
            style.accent(&style.command(&of_stage("up", &status.flags)))
        ));
    }
    text
}

fn functions(status: &Status, style: &Style) -> String {
    let rows: Vec<[String; 5]> = status
        .functions
        .iter()
        .map(|function| {
            let state = if function.state == "Active" {
                style.good("active")
            } else {
                style.bad(&function.state.to_lowercase())
            };
            let version = function.version.clone().unwrap_or_else(|| "—".into());
            let limits = format!("{} MB, {} s", function.memory_mb, function.timeout_s);
            [function.name.clone(), state, version, size(function.code_bytes.unsigned_abs()), limits]
        })
        .collect();
    if rows.is_empty() {
        String::new()
    } else {
        table(["FUNCTION", "STATE", "VERSION", "CODE", "LIMITS"], &rows, style)
    }
}

fn numbers(status: &Status, style: &Style) -> String {
    let queues = &status.queues;
    let dead = match queues.dead_letters {
        0 => style.dim("no dead letters"),
        n => style.bad(&count(n as usize, "dead letter")),
    };
    let rooms = match status.rooms.is_empty() {
        true => "no rooms".to_string(),
        false => format!("{}: {}", count(status.rooms.len(), "room"), status.rooms.join(", ")),
    };
    let waiting = format!("{} waiting, {} in flight, {dead}", queues.new_messages, queues.in_flight);
    format!(
        "{}   {rooms}\n{}   {waiting}\n{} {}",
        style.dim("rooms"),
        style.dim("queue"),
        style.dim("clients"),
        status.clients
    )
}

/// What makes the AWS command line, and a test browser, talk to the local cloud.
fn command_line(status: &Status, style: &Style) -> Option<String> {
    let (endpoint, credentials) = (status.endpoint_url.as_ref()?, status.credentials.as_ref()?);
    let mut lines = vec![style.dim("for the AWS command line:")];
    for (name, value) in [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", &status.region),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
    ] {
        lines.push(format!("  export {name}={value}"));
    }
    lines.push(format!("  {}", style.accent("aws dynamodb list-tables")));
    if let Some(push) = &status.push_service {
        lines.push(format!("{} {push}", style.dim("push service (dom.push.serverURL of a test Firefox):")));
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Credentials, ResourceShown};

    #[test]
    fn a_local_stage_shows_its_link_its_ills_and_the_command_lines_settings() {
        let seen = Status {
            project: "chat".into(),
            stage: "dev".into(),
            target: "local".into(),
            region: "us-east-1".into(),
            up: false,
            page: Some("http://127.0.0.1:4580/#AQ".into()),
            endpoint_url: Some("http://127.0.0.1:4566".into()),
            credentials: Some(Credentials { access_key_id: "AKIA".into(), secret_access_key: "secret".into() }),
            resources: vec![ResourceShown {
                id: "queue/new-messages".into(),
                healthy: false,
                state: "absent".into(),
                ..ResourceShown::default()
            }],
            rooms: vec!["lobby".into()],
            ..Status::default()
        };
        let should = "chat/dev ○ not up  local in us-east-1\nhttp://127.0.0.1:4580/#AQ\n next: chatctl up\n\n\
                      KIND   STATE   NAMES\nqueue  absent  new-messages\n\
                      ! of 1 resource: 1 absent or not working\n next: chatctl plan\n\n\
                      rooms   1 room: lobby\nqueue   0 waiting, 0 in flight, no dead letters\nclients 0\n\n\
                      for the AWS command line:\n  export AWS_ENDPOINT_URL=http://127.0.0.1:4566\n  export AWS_REGION=us-east-1\n  \
                      export AWS_ACCESS_KEY_ID=AKIA\n  export AWS_SECRET_ACCESS_KEY=secret\n  aws dynamodb list-tables";
        assert_eq!(status(&seen, &Style { called: "chatctl".into(), ..Style::default() }), should);
    }
}
