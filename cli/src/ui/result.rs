//! What a command was asked for, as text for standard output; the same for every face for people.

use jiff::{Timestamp, tz::TimeZone};

use crate::event::{Event, LogLine, RoomShown, Told};

use super::style::{Style, count, harmless, span, width};
use super::{certificate, past, status, tree};

/// The result's text; `None` for what is only progress.
pub(super) fn result(event: &Event, style: &Style) -> Option<String> {
    Some(match event {
        Event::Deployed { .. } => deployed(event, style)?,
        Event::Certificate { stage, kinds, also } => certificate::certificate(stage, kinds, also, style),
        Event::Forecast { place, steps } => tree::forecast(place, steps, style),
        Event::Sent { room, id, name, repeated, .. } => {
            let verb = if *repeated { "had been sent before" } else { "sent" };
            format!("{} {verb} to {} as {}  {}", style.good("✓"), style.bold(room), harmless(name), style.dim(id))
        }
        Event::Message { name, author, text, time, .. } => message(name, author, text, time, style),
        Event::MessageDeleted { id, .. } => style.dim(&format!("a message was deleted ({id})")),
        Event::ClientTold(told) => client(told, style),
        Event::LogLine(line) => log(line, style),
        Event::RoomShown(room) => shown(room, style),
        Event::Status(status) => status::status(status, style),
        Event::History { stage, deploys } => past::past(stage, deploys, style),
        Event::Page { page, opened: true } => format!("{} opened {}", style.good("✓"), style.link(page)),
        Event::Page { page, opened: false } => style.link(page),
        Event::Bootstrapped { stage, policy, boundary, changed } => {
            let done = if *changed { "is bootstrapped" } else { "was bootstrapped already: nothing to change" };
            let attach = format!("aws iam attach-user-policy --user-name NAME --policy-arn {policy}");
            format!(
                "{} {} {done}\n  {} {policy}\n  {} {boundary}\n  {} {}\n  {}",
                style.good("✓"),
                style.bold(stage),
                style.dim("the deployer's policy:"),
                style.dim("the roles' boundary:  "),
                style.dim("give it to who deploys:"),
                style.command(&attach),
                style.dim("roles that are there get the boundary with the next up")
            )
        }
        Event::Down { stage, removed: 0, kept, .. } => {
            let kept = if *kept > 0 { format!("; kept {}", count(*kept, "resource")) } else { String::new() };
            format!("{} {} is not up: nothing to remove{kept}", style.good("✓"), style.bold(stage))
        }
        Event::Down { stage, removed, kept, ms } => {
            let moved = style.dim(match kept {
                0 => "\nits rooms, their links and all messages are gone",
                _ => "\nthe page's address changes with the next up; rooms and tokens stay as long as their data does",
            });
            let kept = if *kept > 0 { format!(", kept {}", count(*kept, "resource")) } else { String::new() };
            let took = style.dim(&span(*ms as f64));
            format!(
                "{} {} is down: removed {}{kept}  {took}{moved}",
                style.good("✓"),
                style.bold(stage),
                count(*removed, "resource")
            )
        }
        _ => return None,
    })
}

fn deployed(event: &Event, style: &Style) -> Option<String> {
    let Event::Deployed { stage, target, flags, page, changed, warnings, ms, .. } = event else { return None };
    let what = match changed {
        0 => "nothing to change".to_string(),
        n => format!("{} changed", count(*n, "resource")),
    };
    let head =
        format!("{} is up {}", style.bold(stage), style.dim(&format!("({target}): {what}, {}", span(*ms as f64))));
    let next = [
        ("open", "open it in a browser"),
        ("tail", "see messages as they arrive"),
        ("send \"hello\"", "say something"),
        ("status", "see how it is, and the AWS command line's settings"),
    ];
    let commands: Vec<(String, &str)> =
        next.iter().map(|(rest, does)| (style.command(&of_stage(rest, flags)), *does)).collect();
    let long = commands.iter().map(|(command, _)| width(command)).max().unwrap_or_default();
    let lines: Vec<String> = commands
        .iter()
        .map(|(command, does)| {
            format!("  {}{}  {}", style.accent(command), " ".repeat(long - width(command)), style.dim(does))
        })
        .collect();
    let warned = warnings.iter().map(|what| format!("\n{} {}", style.careful("!"), harmless(what)));
    Some(format!("{}\n{}{}", framed(&head, page, style), lines.join("\n"), warned.collect::<String>()))
}

/// A command that means the stage with these flags.
pub(super) fn of_stage(rest: &str, flags: &str) -> String {
    format!("chatctl {rest} {flags}").trim_end().to_owned()
}

/// The link in a box; where the terminal is too narrow for one, between two rules, so that it can still be copied whole.
fn framed(head: &str, page: &str, style: &Style) -> String {
    if !style.boxes {
        return format!("{head}\n{page}");
    }
    let columns = usize::from(console::Term::stdout().size().1).max(20);
    let inner = width(page).max(width(head)) + 4;
    if inner + 2 > columns {
        let rule = style.good(&"━".repeat(columns.min(72)));
        return format!("\n{rule}\n  {head}\n\n{}\n{rule}", style.link(page));
    }
    let side = style.good("│");
    let row = |text: &str, shown: String| format!("{side}  {shown}{}{side}", " ".repeat(inner - 2 - width(text)));
    let (top, bottom) = (format!("╭{}╮", "─".repeat(inner)), format!("╰{}╯", "─".repeat(inner)));
    let empty = row("", String::new());
    let lines = [style.good(&top), row(head, head.into()), empty, row(page, style.link(page)), style.good(&bottom)];
    format!("\n{}\n", lines.join("\n"))
}

/// A time as a person here reads it: today's without the day.
pub(super) fn clock(time: &str, with: &str) -> String {
    let Ok(at) = time.parse::<Timestamp>() else { return time.into() };
    let zone = TimeZone::system();
    let (at, now) = (at.to_zoned_datetime(zone.clone()), super::clock::now().to_zoned_datetime(zone));
    let today = at.date() == now.date();
    at.strftime(if today { with } else { "%b %d %H:%M" }).to_string()
}

fn message(name: &str, author: &str, text: &str, time: &str, style: &Style) -> String {
    let name = harmless(name);
    let indent = " ".repeat(4);
    let text = harmless(text).replace('\n', &format!("\n{indent}"));
    format!("{}  {}  {text}", style.dim(&clock(time, "%H:%M:%S")), style.source(author, &name))
}

fn client(told: &Told, style: &Style) -> String {
    let sign = match told.verdict.as_str() {
        "delivered" => style.good("✓"),
        "later" => style.careful("…"),
        _ => style.bad("✗"),
    };
    let status = told.status.map_or_else(|| "—".to_string(), |status| status.to_string());
    let short: String = told.client.chars().take(12).collect();
    let mut text = format!(
        "{sign} {}  {status}  {}  {}",
        style.bold(&told.service),
        told.verdict,
        style.dim(&format!("{} ms  client {short}", told.took_ms))
    );
    text.push_str(&format!("\n    {}", harmless(&told.meaning)));
    if let Some(next) = &told.next {
        text.push_str(&format!("\n    {} {}", style.dim("→"), style.command(next)));
    }
    text
}

fn log(line: &LogLine, style: &Style) -> String {
    let mut text = String::new();
    if let Some(time) = &line.time {
        text.push_str(&style.dim(&clock(time, "%H:%M:%S%.3f")));
        text.push(' ');
    }
    let pad = " ".repeat(17usize.saturating_sub(width(&line.source)));
    text.push_str(&format!("{}{pad} ", style.source(&line.source, &line.source)));
    match line.level.as_deref().map(str::to_lowercase).as_deref() {
        Some("error") => text.push_str(&format!("{} ", style.bad("ERROR"))),
        Some("warn" | "warning") => text.push_str(&format!("{} ", style.careful("WARN"))),
        _ => {}
    }
    text.push_str(harmless(&line.text).trim_end());
    for (key, value) in &line.fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        text.push_str(&format!(" {}{}", style.dim(&format!("{key}=")), harmless(&value)));
    }
    text
}

fn shown(room: &RoomShown, style: &Style) -> String {
    let made = if room.created { "made now".into() } else { format!("made {}", clock(&room.created_at, "%H:%M")) };
    let kept = count(room.retention_days as usize, "day");
    format!(
        "{}  {}\n  {}",
        style.bold(&room.room),
        style.dim(&format!("{made}, keeps messages {kept}")),
        style.link(&room.page)
    )
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
