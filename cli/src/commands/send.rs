//! `chatctl send`: posts a message as a member would.

use std::io::Read as _;

use chat::message::{Draft, IdempotencyKey, TEXT_BYTES};
use clap::Args;

use crate::context::Context;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::member::MemberError;
use crate::stage::LOBBY;

/// Arguments of `chatctl send`.
#[derive(Debug, Args)]
#[command(
    override_usage = "chatctl send [OPTIONS] [ROOM] TEXT",
    after_help = "Examples:\n  chatctl send \"hello\"\n  \
    echo \"deployed\" | chatctl send ops -\n  chatctl send --id build-17 \"build 17 is green\""
)]
pub struct SendArgs {
    /// The room (lobby, if only a text is given) and the text; `-` reads the text from standard input
    #[arg(required = true, num_args = 1..=2, value_name = "TEXT")]
    pub words: Vec<String>,
    /// The name to post under
    #[arg(long, value_name = "NAME", env = "CHATCTL_NAME", hide_env = true)]
    pub name: Option<String>,
    /// Makes it repeatable: with the same id the message is posted once, however often this runs
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// Posts.
pub async fn run(args: SendArgs, cx: &Context) -> Result<Exit, Failure> {
    let (room, text) = room_and_text(args.words)?;
    let name = args.name.or_else(|| std::env::var("USER").ok()).filter(|name| !name.trim().is_empty());
    let draft = Draft::new(&name.unwrap_or_else(|| "chatctl".into()), &text);
    let draft = draft.map_err(|bad| Failure::usage("this message can't be posted").why(bad.to_string()))?;
    let key = match args.id {
        Some(id) => IdempotencyKey::parse(&id)
            .map_err(|bad| Failure::usage(format!("--id {id:?} can't be used")).why(bad.to_string()))?,
        None => IdempotencyKey::random(),
    };
    let live = super::live::live(cx).await?;
    let member = live.member(&room).await?;
    let posted = member.post(draft.name(), draft.text(), &key).await.map_err(|error| refused(error, &key))?;
    let (message, repeated) = (posted.message, posted.repeated);
    cx.tell(Event::Sent {
        room,
        id: message.id.to_string(),
        name: message.name,
        text: message.text,
        time: chat::rfc3339::format(message.at_ms),
        repeated,
    });
    Ok(Exit::Done)
}

/// A refusal that this command can say better: its id was used for another message.
fn refused(error: MemberError, key: &IdempotencyKey) -> Failure {
    match &error {
        MemberError::Refused { source, .. } if source.code == "idempotency_mismatch" => {
            let failure = Failure::usage(format!("the id {:?} was used for another message", key.as_str()));
            failure.why(source.to_string()).next("the same command with an id of its own")
        }
        _ => error.into(),
    }
}

/// One word is a text for the lobby, two are a room and a text; `-` is standard input.
fn room_and_text(mut words: Vec<String>) -> Result<(String, String), Failure> {
    let text = words.pop().unwrap_or_else(|| unreachable!("clap asks for at least one word"));
    let room = words.pop().unwrap_or_else(|| LOBBY.into());
    if text != "-" {
        return Ok((room, text));
    }
    let mut read = Vec::new();
    let bound = u64::try_from(TEXT_BYTES).unwrap_or(u64::MAX) * 4; // enough to know that it is too long
    let failed = |why: String| Failure::usage("standard input can't be posted").why(why);
    std::io::stdin().lock().take(bound).read_to_end(&mut read).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(read).map_err(|_| failed("it is not UTF-8 text, or too long".into()))?;
    Ok((room, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_for_the_lobby() {
        assert_eq!(room_and_text(vec!["hello".into()]).unwrap(), ("lobby".into(), "hello".into()));
        assert_eq!(room_and_text(vec!["ops".into(), "hello".into()]).unwrap(), ("ops".into(), "hello".into()));
    }
}
