//! Whose fault it is, as a log tells it: in which of its lines, and on which of its pages.

use std::sync::{Arc, Mutex};

use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use chat::room::OperatorKey;
use serde_json::json;

use super::*;
use crate::aws::{Aws, LocalEndpoint, Surroundings};
use crate::stage::{Overrides, Stage};

/// A log in pages: each is answered to the token that the one before it gave.
#[derive(Clone, Debug)]
struct Log {
    pages: Arc<Vec<Vec<String>>>,
    /// The number of each page that was asked for.
    asked: Arc<Mutex<Vec<usize>>>,
}

impl HttpConnector for Log {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let input: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let page = input["nextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
        self.asked.lock().unwrap().push(page);
        let events: Vec<Value> = self.pages[page].iter().map(|line| json!({ "message": line })).collect();
        let mut body = json!({ "events": events });
        if page + 1 < self.pages.len() {
            body["nextToken"] = (page + 1).to_string().into();
        }
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body.to_string()))))
    }
}

impl Log {
    fn of(pages: Vec<Vec<String>>) -> Self {
        Self { pages: Arc::new(pages), asked: Arc::default() }
    }

    /// Ends with this line, after so many pages without any.
    fn after(empty: usize, line: &str) -> Self {
        Self::of((0..empty).map(|_| Vec::new()).chain([vec![line.to_owned()]]).collect())
    }

    /// A deploy that reads this log, whichever it asks for.
    fn deploying(&self) -> Deploying {
        let variables = |name: &str| (name == "CHATCTL_STATE_DIR").then(|| "/nowhere".to_owned());
        let stage = Stage::load(&Overrides::default(), &variables, std::path::Path::new("/")).unwrap();
        let text = |text: &str| text.to_owned();
        let local = LocalEndpoint {
            endpoint: text("http://127.0.0.1:9"),
            account: text("000000000000"),
            access_key: text("a"),
            secret_key: text("b"),
        };
        let connector = SharedHttpConnector::new(self.clone());
        let surroundings = Surroundings {
            http: SharedHttpClient::new(http_client_fn(move |_, _| connector.clone())),
            time: SharedTimeSource::new(StaticTimeSource::new(std::time::UNIX_EPOCH)),
            as_on_aws: false,
        };
        let aws = Aws::over(&stage, &local, &surroundings);
        let (_, stop) = tokio::sync::watch::channel(false);
        Deploying::new(aws, stage, String::new(), crate::event::nobody(), Arc::new(|| 0), stop)
    }

    async fn dead(&self) -> Option<Blame> {
        let cx = self.deploying();
        let mut suspects = Suspects::of(&cx, STORES);
        tokio::time::advance(LOOK_EVERY).await;
        suspects.dead().await
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

const DIED: &str = "RequestId: 1 Error: Runtime exited with error: exit status 1";

#[tokio::test(start_paused = true)]
async fn a34_a_death_is_found_behind_pages_that_are_empty_and_no_further_page_is_asked_for() {
    let log = Log::after(3, DIED);
    assert_eq!(log.dead().await, Some(Blame { function: "store-message", said: DIED.to_owned() }));
    assert_eq!(log.asked(), [0, 1, 2, 3]);
    let log = Log::of(vec![vec![DIED.to_owned()], vec!["another".to_owned()]]);
    assert_eq!((log.dead().await.unwrap().said.as_str(), log.asked()), (DIED, vec![0]));
    let log = Log::after(0, DIED);
    assert!(log.dead().await.is_some() && log.asked() == [0]);
}

#[tokio::test(start_paused = true)]
async fn a34_a_log_whose_pages_do_not_end_is_given_up() {
    let log = Log::after(1_000, DIED);
    assert_eq!((log.dead().await, log.asked().len()), (None, PAGES));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_up_is_found_on_a_later_page() {
    let room = OperatorKey::generate().room("proof").hash();
    let line = |rest: Value| json!({ "what": "job", "room": room.as_str(), "says": rest }).to_string();
    let told = json!({ "what": "job", "room": room.as_str(), "error": "no key" }).to_string();
    let log = Log::of(vec![vec![line(json!("taken"))], Vec::new(), vec![line(json!("again")), told]]);
    let cx = log.deploying();
    let gave_up = Suspects::of(&cx, DELIVERS).gave_up(&room).await;
    assert_eq!(gave_up, Some(Blame { function: "notify-clients", said: "no key".to_owned() }));
}

#[test]
fn a_line_of_ours_is_blamed_only_for_the_error_that_it_tells() {
    assert_eq!(error_of(r#"{"what":"job","room":"r","error":"no key"}"#).as_deref(), Some("no key"));
    assert_eq!(error_of(r#"{"what":"job","room":"r","told":1}"#), None);
    assert_eq!(error_of("START RequestId: r"), None);
}

#[test]
fn a_long_line_is_quoted_from_its_beginning() {
    assert_eq!(quoted(&format!("  {}\n", "x".repeat(500))).len(), QUOTED);
}
