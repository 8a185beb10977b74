//! Steps 3–6: a page of a room's history, and nothing when nothing changed.
//! It must not know how messages are kept, nor the environment.

use chat::history::PageQuery;
use chat::ports::{Messages, Rooms};
use chat::problem::Problem;
use chat::room::{self, RoomKey};
use chat_aws::http::{Answer, Call};
use chat_aws::moment::Moment;

/// What the handler works with.
pub(crate) struct Ports<R, M> {
    pub(crate) rooms: R,
    pub(crate) messages: M,
    pub(crate) key: RoomKey,
}

/// Answers one request. Asked again with the tag of an unchanged page, it answers 304; the room is in a header, so
/// no cache may give one room's page to another.
pub(crate) async fn answer<R: Rooms, M: Messages>(
    call: Call,
    ports: &Ports<R, M>,
    moment: Moment,
) -> Result<Answer, Problem> {
    let room = room::enter(call.authorization(), &ports.key, &ports.rooms, moment.ms()).await?;
    let query = PageQuery::parse(call.query("after"), call.query("before"), call.query("limit"))?;
    let page = ports.messages.page(&room, &query, moment.ms()).await?;
    Ok(Answer::json(200, &page)
        .with("cache-control", "private, no-cache")
        .with("vary", "Authorization")
        .with_etag(&page.etag(), &call)
        .about(&room.hash))
}

#[cfg(test)]
mod tests {
    use chat::contract::{author, post};
    use chat::memory::{Memory, Port};
    use chat::problem::Code;
    use chat::room::{Epoch, OperatorKey, RoomRecord};
    use serde_json::Value;

    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    struct World {
        ports: Ports<Memory, Memory>,
        operator: OperatorKey,
        record: RoomRecord,
    }

    impl World {
        fn new() -> Self {
            let operator = OperatorKey::generate();
            let record = RoomRecord::new(operator.room("lobby").hash(), "lobby".parse().unwrap(), 0);
            let ports = Ports { rooms: Memory::new(), messages: Memory::new(), key: operator.room_key() };
            ports.rooms.put_room(record.clone());
            Self { ports, operator, record }
        }

        async fn say(&self, texts: &[&str]) {
            let ann = author();
            for (n, text) in texts.iter().enumerate() {
                let at = NOW_MS - 60_000 + i64::try_from(n).unwrap();
                self.ports.messages.post(&post(&self.record, &ann, &format!("{n}"), text, at)).await.unwrap();
            }
        }

        fn call(&self, path: &str) -> Call {
            let token = self.operator.token(self.operator.room("lobby"), Epoch(0));
            Call::get(path).with("authorization", &format!("Bearer {token}"))
        }

        async fn ask(&self, call: Call) -> Result<Answer, Problem> {
            answer(call, &self.ports, Moment::at_ms(NOW_MS)).await
        }

        async fn page(&self, path: &str) -> Value {
            serde_json::from_slice(&self.ask(self.call(path)).await.unwrap().body).unwrap()
        }
    }

    fn texts(page: &Value) -> Vec<&str> {
        page["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_newest_page_names_the_room_and_where_earlier_ones_begin() {
        let world = World::new();
        world.say(&["a", "b", "c"]).await;
        let page = world.page("/api/messages?limit=2").await;
        assert_eq!(texts(&page), ["b", "c"]);
        assert_eq!((&page["room"]["name"], &page["more"]), (&"lobby".into(), &true.into()));
        let before = page["before"].as_str().unwrap();
        let earlier = world.page(&format!("/api/messages?before={before}")).await;
        assert_eq!((texts(&earlier), &earlier["before"]), (vec!["a"], &Value::Null));
    }

    #[tokio::test]
    async fn a_catch_up_goes_on_from_its_cursor() {
        let world = World::new();
        world.say(&["a", "b", "c"]).await;
        let after = chat::history::Cursor::start().to_string();
        let first = world.page(&format!("/api/messages?after={after}&limit=2")).await;
        let rest = world.page(&format!("/api/messages?after={}", first["after"].as_str().unwrap())).await;
        assert_eq!((texts(&first), texts(&rest)), (vec!["a", "b"], vec!["c"]));
    }

    #[tokio::test]
    async fn a_room_without_messages_still_says_where_to_catch_up_from() {
        let page = World::new().page("/api/messages").await;
        assert_eq!(
            (&page["items"], &page["before"], &page["more"]),
            (&Value::Array(vec![]), &Value::Null, &false.into())
        );
        assert!(page["after"].is_string());
    }

    #[tokio::test]
    async fn an_unchanged_page_is_not_sent_again_and_no_cache_mixes_rooms() {
        let world = World::new();
        world.say(&["a"]).await;
        let answer = world.ask(world.call("/api/messages")).await.unwrap();
        assert_eq!(
            (answer.header("vary"), answer.header("cache-control")),
            (Some("Authorization"), Some("private, no-cache"))
        );
        let tag = answer.header("etag").unwrap().to_owned();
        let again = world.ask(world.call("/api/messages").with("if-none-match", &tag)).await.unwrap();
        assert_eq!((again.status, again.body.len(), again.header("vary")), (304, 0, Some("Authorization")));
        world.say(&["a", "b"]).await;
        assert_eq!(world.ask(world.call("/api/messages").with("if-none-match", &tag)).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn what_does_not_parse_is_refused() {
        let world = World::new();
        for (query, code) in [
            ("after=nonsense", Code::BadCursor),
            ("before=AAAA", Code::BadCursor),
            ("after=%00", Code::BadCursor),
            ("limit=0", Code::BadBody),
            ("limit=101", Code::BadBody),
            ("limit=ten", Code::BadBody),
        ] {
            let refused = world.ask(world.call(&format!("/api/messages?{query}"))).await.unwrap_err();
            assert_eq!(refused.kind(), code, "{query}");
        }
    }

    #[tokio::test]
    async fn without_a_good_token_there_is_no_room() {
        let world = World::new();
        world.say(&["a"]).await;
        let foreign = OperatorKey::generate();
        let foreign = foreign.token(foreign.room("lobby"), Epoch(0)).to_string();
        for header in [format!("Bearer {foreign}"), "Bearer x".into(), "Basic x".into(), String::new()] {
            let refused = world.ask(world.call("/api/messages").with("authorization", &header)).await.unwrap_err();
            assert_eq!(refused.kind(), Code::UnknownRoom, "{header}");
        }
        assert_eq!(world.ask(Call::get("/api/messages")).await.unwrap_err().status(), 404);
    }

    #[tokio::test]
    async fn a_table_that_does_not_answer_is_a_moments_matter() {
        let world = World::new();
        world.ports.messages.break_port(Port::Messages);
        let answer = Answer::from(&world.ask(world.call("/api/messages")).await.unwrap_err());
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    }
}
