//! The life of a stage: up, talk, down, up again, gone. Each through the binary, as a person types it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::forecast::ahead;
use crate::world::{World, http, one};

/// The names of whatever is there, as each service lists it on the wire; the cloud is started for it by `plan`.
fn left(world: &World) -> BTreeSet<String> {
    world.succeeds(["plan"]);
    let identity = std::fs::read(world.state().join("cloud.json")).unwrap();
    let identity: Value = serde_json::from_slice(&identity).unwrap();
    let ask = |service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let scope = format!("{}/20260101/us-east-1/{service}/aws4_request", identity["access_key"].as_str().unwrap());
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let headers = [headers, &[("authorization", signed.as_str())]].concat();
        let answer = http(identity["endpoint"].as_str().unwrap(), method, path, &headers, body);
        assert_eq!(answer.0, 200, "{service}: {}", answer.1);
        answer.1
    };
    let json = |service: &str, version: &str, target: &str| {
        let kind = format!("application/x-amz-json-{version}");
        ask(service, "POST", "/", &[("content-type", kind.as_str()), ("x-amz-target", target)], "{}")
    };
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answers = [
        (json("dynamodb", "1.0", "DynamoDB_20120810.ListTables"), "TableNames", ""),
        (json("sqs", "1.0", "AmazonSQS.ListQueues"), "QueueUrls", ""),
        (json("logs", "1.1", "Logs_20140328.DescribeLogGroups"), "logGroups", "logGroupName"),
        (json("ssm", "1.1", "AmazonSSM.DescribeParameters"), "Parameters", "Name"),
        (ask("lambda", "GET", "/2015-03-31/functions", &[], ""), "Functions", "FunctionName"),
        (ask("lambda", "GET", "/2015-03-31/event-source-mappings", &[], ""), "EventSourceMappings", "UUID"),
        (ask("apigateway", "GET", "/v2/apis", &[], ""), "items", "apiId"),
    ];
    let mut names = BTreeSet::new();
    for (answer, list, name) in answers {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        for item in answer[list].as_array().into_iter().flatten() {
            names.insert(if name.is_empty() { item } else { &item[name] }.as_str().unwrap().to_owned());
        }
    }
    let roles = ask("iam", "POST", "/", &form, "Action=ListRoles&Version=2010-05-08");
    names.extend(roles.split("<RoleName>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
    names
}

#[test]
fn a_chat_goes_up_talks_goes_down_and_comes_back_with_its_room_and_history() {
    let world = World::empty();
    let plan = world.succeeds(["plan"]);
    let first = world.succeeds(["up"]);
    assert_eq!(ahead(&plan, "forecast"), ahead(&first, "planned"), "what plan said, and what up was going to do");
    let deployed = one(&first, "deployed");
    assert_eq!(deployed["proved"], true, "{deployed}");
    let page = deployed["page"].as_str().unwrap().to_owned();
    let hops = one(&first, "proved")["hops"].as_array().unwrap().len();
    assert!(hops >= 4, "the proof names the time of each hop: {hops}");

    let again = world.succeeds(["up"]);
    assert_eq!(one(&again, "deployed")["changed"], 0, "{again:#?}");
    assert_eq!(one(&again, "deployed")["page"], page.as_str());
    one(&again, "nothing.to.change");
    assert_eq!(world.run(["plan", "--detailed-exitcode"]).status.code(), Some(0));

    let seen = world.status();
    assert_eq!(seen["up"], true, "{seen}");
    let resources = seen["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 3 + 1 + 2 + 2 + 6 * 3 + 4 + 2 + 2 + 1, "all of the stack: {seen}");
    let well = |one: &Value| one["healthy"] == true && one["differs"].is_null();
    assert!(resources.iter().all(well), "what is just made is as wanted: {seen}");

    let sent = world.succeeds(["send", "--name", "Ann", "the first word"]);
    assert_eq!(one(&sent, "sent")["repeated"], false);
    let id = one(&world.succeeds(["send", "--id", "k1", "--name", "Ann", "once only"]), "sent")["id"].clone();
    let repeated = world.succeeds(["send", "--id", "k1", "--name", "Ann", "once only"]);
    assert_eq!((one(&repeated, "sent")["repeated"].clone(), one(&repeated, "sent")["id"].clone()), (true.into(), id));
    assert_eq!(world.history(), ["the first word", "once only"]);

    assert_eq!(
        left(&world).len(),
        3 + 2 + 6 + 2 + 6 + 2 + 1 + 6,
        "tables, queues, log groups, secrets, functions, mappings, API, roles"
    );
    world.succeeds(["down", "--yes"]);
    let kept = ["/chat/dev/room-key", "/chat/dev/vapid-key", "chat-dev-clients", "chat-dev-messages", "chat-dev-stage"];
    assert_eq!(left(&world), kept.map(str::to_owned).into(), "three tables and two secrets");

    let third = world.succeeds(["up"]);
    let token = |link: &str| link.split_once('#').unwrap().1.to_owned();
    assert_eq!(
        token(one(&third, "deployed")["page"].as_str().unwrap()),
        token(&page),
        "the room's capability is the same"
    );
    assert_eq!(world.history(), ["the first word", "once only"]);

    world.succeeds(["down", "--delete-data=dev", "--yes"]);
    assert_eq!(left(&world), BTreeSet::new());
}

#[test]
fn status_shows_what_somebody_changed_behind_its_back_by_the_fields_name_and_what_is_gone_as_absent() {
    let world = World::up();
    let ask = |method: &str, path: &str, body: &str| {
        let cloud = world.status()["endpoint_url"].as_str().unwrap().to_owned();
        let scope = "Credential=x/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        let signed = format!("AWS4-HMAC-SHA256 {scope}");
        let answer = http(&cloud, method, path, &[("authorization", &signed)], body);
        assert!(answer.0 < 300, "{} {}", answer.0, answer.1);
        answer.1
    };
    let mappings: Value = serde_json::from_str(&ask("GET", "/2015-03-31/event-source-mappings", "")).unwrap();
    let of_queue = |one: &&Value| one["EventSourceArn"].as_str().unwrap().contains(":sqs:");
    let queue = mappings["EventSourceMappings"].as_array().unwrap().iter().find(of_queue).unwrap();
    let path = format!("/2015-03-31/event-source-mappings/{}", queue["UUID"].as_str().unwrap());
    ask("PUT", &path, r#"{"BatchSize": 3}"#);
    ask("DELETE", "/2015-03-31/functions/chat-dev-serve-page", "");

    let seen = world.status();
    let find = |id: &str| seen["resources"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(find("mapping/queue")["differs"][0]["before"], "3", "{}", find("mapping/queue"));
    assert_eq!(
        (find("mapping/queue")["healthy"].clone(), find("table/stage")["differs"].clone()),
        (true.into(), Value::Null)
    );
    assert_eq!((find("function/serve-page")["state"].clone(), seen["up"].clone()), ("absent".into(), false.into()));

    let shown = world.chatctl().arg("status").output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let said = ["function  ", "serve-page", "differs", "queue (batch", "next: "];
    assert!(said.iter().all(|word| shown.contains(word)), "{shown}");
    let list = shown.lines().skip_while(|line| !line.starts_with("KIND")).take_while(|line| !line.is_empty());
    assert!(list.clone().count() > 10 && list.clone().all(|line| line.chars().count() <= 80), "{shown}");

    let steps = |events: &[Value], name: &str| one(events, name)["steps"].clone();
    let plan = world.succeeds(["plan"]);
    assert_eq!(steps(&plan, "forecast"), steps(&world.succeeds(["up"]), "planned"), "reasons, and what differed, too");
}

#[test]
fn a_room_of_its_own_has_a_link_of_its_own_and_another_history() {
    let world = World::up();
    let made = world.succeeds(["room", "create", "ops"]);
    let made = one(&made, "room");
    assert_eq!(made["created"], true);
    let again = world.succeeds(["room", "create", "ops"]);
    assert_eq!((&one(&again, "room")["created"], &one(&again, "room")["page"]), (&false.into(), &made["page"]));
    world.succeeds(["send", "ops", "only here"]);
    assert_eq!(crate::world::history_of(made["page"].as_str().unwrap()), ["only here"]);
    assert_eq!(world.history(), Vec::<String>::new());
    let listed: BTreeSet<_> =
        world.succeeds(["room", "list"]).iter().map(|room| room["room"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, BTreeSet::from(["lobby".to_owned(), "ops".to_owned()]));
    world.fails(2, ["room", "create", "No Such Name!"]);
}

#[test]
fn the_functions_logs_can_be_read_and_hold_no_secret() {
    let world = World::up();
    world.succeeds(["send", "a word that no log may hold"]);
    let lines = world.succeeds(["logs", "--since", "10m"]);
    let sources: BTreeSet<_> = lines.iter().filter_map(|line| line["source"].as_str()).collect();
    assert!(sources.contains("store-message"), "{sources:?}");
    let page = world.status()["page"].as_str().unwrap().to_owned();
    let token = page.split_once('#').unwrap().1.to_owned();
    let all = serde_json::to_string(&lines).unwrap();
    assert!(!all.contains(&token) && !all.contains("a word that no log may hold"));
    assert!(!world.succeeds(["logs", "--cloud"]).is_empty());
}
