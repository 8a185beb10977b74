//! The handler on the ports in memory.

use std::collections::BTreeSet;

use chat::contract::{author, client, post, room};
use chat::delivery::{PushAnswer, TRIES, Verdict};
use chat::fanout::{HOPS, Hops};
use chat::memory::{Memory, Port};
use chat::notice::Notice;
use serde_json::json;

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;

type World = Ports<Memory, Memory, Memory, Memory, Memory>;

fn world(room: &RoomRecord) -> World {
    let world = Ports {
        rooms: Memory::new(),
        clients: Memory::new(),
        queue: Memory::new(),
        gate: Memory::new(),
        secrets: Memory::new(),
    };
    world.rooms.put_room(room.clone());
    world
}

async fn join(world: &World, room: &RoomRecord, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..count {
        let one = client(room, &author(), &format!("install-{n}"), NOW_MS);
        world.clients.register(room, &one).await.unwrap();
        clients.push(one);
    }
    clients
}

fn turn(left: Duration) -> Turn {
    let began = Instant::now();
    Turn { moment: Moment::at_ms(NOW_MS), began, deadline: began + left }
}

const LONG: Duration = Duration::from_secs(30);

fn announcement(room: &RoomRecord, text: &str) -> Announcement {
    let message = post(room, &author(), "k", text, NOW_MS).message;
    Announcement { room: room.hash.clone(), room_name: None, message, hops: Hops::default(), hop: 0 }
}

fn batch(work: &[Work]) -> Event {
    let records: Vec<_> = work
        .iter()
        .enumerate()
        .map(|(n, work)| json!({ "messageId": format!("m{n}"), "body": work.to_body() }))
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn notify(world: &World, work: &[Work], left: Duration) -> Failures {
    match answer(batch(work), world, turn(left)).await.unwrap() {
        Outcome::Batch(failures) => failures,
        Outcome::Tested(tested) => panic!("{tested:?}"),
    }
}

fn endpoints(notices: &[Notice]) -> BTreeSet<String> {
    notices.iter().map(|notice| notice.endpoint.as_str().to_owned()).collect()
}

fn status(status: u16) -> Result<PushAnswer, PortError> {
    Ok(PushAnswer { status, retry_after: None })
}

#[tokio::test(start_paused = true)]
async fn everybody_in_the_room_is_told_at_once_and_nothing_is_left_on_the_queue() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 25).await;
    let failures = notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
    assert_eq!(failures, Failures::default());
    let sent = world.gate.take_sent();
    assert_eq!(sent.len(), 25);
    assert_eq!(endpoints(&sent), clients.iter().map(|client| client.endpoint.as_str().to_owned()).collect());
    assert!(sent.iter().all(|notice| notice.ttl_s == 86_400 && notice.topic == Some(room.hash.clone())));
    assert_eq!(world.queue.take_queued(), []);
}

#[tokio::test(start_paused = true)]
async fn a_large_rooms_other_shards_become_jobs() {
    let room = RoomRecord { shards: 16, ..room(NOW_MS) };
    let world = world(&room);
    join(&world, &room, 64).await;
    notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
    let mut sent = world.gate.take_sent();
    let jobs: Vec<Work> = world.queue.take_queued().into_iter().map(|queued| queued.work).collect();
    assert_eq!(jobs.len(), 16 - SHARDS_AT_ONCE);
    notify(&world, &jobs, LONG).await;
    sent.extend(world.gate.take_sent());
    assert_eq!((sent.len(), endpoints(&sent).len()), (64, 64), "each exactly once");
}

#[tokio::test(start_paused = true)]
async fn a_job_has_a_bounded_number_of_clients_and_the_rest_goes_back() {
    let room = RoomRecord { shards: 1, ..room(NOW_MS) };
    let world = world(&room);
    join(&world, &room, CLIENTS_A_JOB + 5).await;
    notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
    let mut sent = world.gate.take_sent();
    assert_eq!(sent.len(), CLIENTS_A_JOB);
    let rest: Vec<Work> = world.queue.take_queued().into_iter().map(|queued| queued.work).collect();
    assert!(matches!(&rest[..], [Work::Share(share)] if share.announcement.hop == 1));
    notify(&world, &rest, LONG).await;
    sent.extend(world.gate.take_sent());
    assert_eq!(endpoints(&sent).len(), CLIENTS_A_JOB + 5);
}

#[tokio::test(start_paused = true)]
async fn only_who_could_not_be_told_is_tried_again_after_its_own_pause() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 10).await;
    let asked = PushAnswer { status: 429, retry_after: Some(Duration::from_secs(100)) };
    world.gate.answer_with(&clients[0].endpoint, Ok(asked));
    world.gate.answer_with(&clients[1].endpoint, status(503));
    world.gate.answer_with(&clients[2].endpoint, Err(PortError::new("reset", true)));
    notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
    assert_eq!(world.gate.take_sent().len(), 10);
    let queued = world.queue.take_queued();
    let mut again = BTreeSet::new();
    for Queued { work, delay } in &queued {
        let Work::Retry(retry) = work else { panic!("{work:?}") };
        for tried in &retry.clients {
            assert_eq!(tried.tries, 1);
            assert!(tried.id != clients[0].id || *delay >= Duration::from_secs(100), "it asked to be left alone");
            again.insert(tried.id.clone());
        }
    }
    assert_eq!(again, clients[..3].iter().map(|client| client.id.clone()).collect());
    for client in &clients[..3] {
        world.gate.answer_with(&client.endpoint, status(201));
    }
    let work: Vec<Work> = queued.into_iter().map(|queued| queued.work).collect();
    notify(&world, &work, LONG).await;
    assert_eq!((world.gate.take_sent().len(), world.queue.take_queued().len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn after_so_many_tries_a_client_is_given_up_for_this_message_and_kept() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 1).await;
    world.gate.answer_with(&clients[0].endpoint, status(503));
    let mut work = vec![Work::Announce(announcement(&room, "hello"))];
    let mut rounds = 0;
    while !work.is_empty() {
        rounds += 1;
        notify(&world, &work, LONG).await;
        work = world.queue.take_queued().into_iter().map(|queued| queued.work).collect();
    }
    assert_eq!(rounds, usize::from(TRIES));
    assert_eq!(world.clients.clients(&room.hash).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_forgotten_and_who_refuses_is_not() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 5).await;
    for (client, code) in clients.iter().zip([410, 404, 401, 400, 301]) {
        world.gate.answer_with(&client.endpoint, status(code));
    }
    let failures = notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
    assert_eq!((failures.count(), world.queue.take_queued().len()), (0, 0));
    let left: BTreeSet<_> = world.clients.clients(&room.hash).into_iter().map(|client| client.id).collect();
    assert_eq!(left, clients[2..].iter().map(|client| client.id.clone()).collect());
}

#[tokio::test(start_paused = true)]
async fn what_was_too_large_is_sent_once_more_and_short() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 1).await;
    world.gate.answer_with(&clients[0].endpoint, status(413));
    notify(&world, &[Work::Announce(announcement(&room, &"long ".repeat(900)))], LONG).await;
    let sent = world.gate.take_sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].body.len() <= 4_096 && sent[1].body.len() < 1_000, "{} {}", sent[0].body.len(), sent[1].body.len());
    assert_eq!(world.queue.take_queued(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_when_time_runs_out_goes_back_and_nothing_is_sent_twice() {
    let room = room(NOW_MS);
    let world = world(&room);
    join(&world, &room, 9).await;
    notify(&world, &[Work::Announce(announcement(&room, "hello"))], MARGIN / 2).await;
    assert_eq!(world.gate.take_sent(), []);
    let work: Vec<Work> = world.queue.take_queued().into_iter().map(|queued| queued.work).collect();
    notify(&world, &work, LONG).await;
    let sent = world.gate.take_sent();
    assert_eq!((sent.len(), endpoints(&sent).len()), (9, 9));
}

#[tokio::test(start_paused = true)]
async fn a25_work_that_came_back_too_often_is_ended() {
    let room = RoomRecord { shards: 1, ..room(NOW_MS) };
    let world = world(&room);
    let clients = join(&world, &room, CLIENTS_A_JOB + 5).await;
    for client in &clients {
        world.gate.answer_with(&client.endpoint, status(503));
    }
    // What is left of a shard would go back, and so would everybody who could not be told.
    for (hop, goes_back) in [(HOPS - 1, true), (HOPS, false)] {
        let announcement = Announcement { hop, ..announcement(&room, "hello") };
        let share = announcement.shares(1).remove(0);
        for work in [Work::Announce(announcement), Work::Share(share)] {
            let failures = notify(&world, &[work], LONG).await;
            let queued = world.queue.take_queued();
            // Nor does it come again as a failure: that would be a loop too.
            assert_eq!((failures.count(), queued.is_empty()), (0, !goes_back), "{hop}");
            for Queued { work, .. } in queued {
                assert!(work.to_body().contains(&format!("\"hop\":{HOPS}")), "{}", work.to_body());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a20_one_bad_record_fails_alone() {
    let room = room(NOW_MS);
    let world = world(&room);
    join(&world, &room, 1).await;
    let event = json!({ "Records": [
        { "messageId": "bad", "body": "{" },
        { "messageId": "old", "body": "{\"v\":0}" },
        { "messageId": "good", "body": Work::Announce(announcement(&room, "hello")).to_body() },
    ] });
    let outcome = answer(serde_json::from_value(event).unwrap(), &world, turn(LONG)).await.unwrap();
    assert_eq!(
        serde_json::to_value(outcome).unwrap(),
        json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }, { "itemIdentifier": "old" }] })
    );
    assert_eq!(world.gate.take_sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a20_what_can_not_be_done_now_comes_again() {
    for port in [Port::Rooms, Port::Clients, Port::Secrets] {
        let room = room(NOW_MS);
        let world = world(&room);
        join(&world, &room, 1).await;
        world.rooms.break_port(port);
        world.clients.break_port(port);
        world.secrets.break_port(port);
        let failures = notify(&world, &[Work::Announce(announcement(&room, "hello"))], LONG).await;
        assert!(failures.has("m0"), "{port:?}");
        assert_eq!(world.gate.take_sent(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_yesterday_or_of_a_room_that_is_gone_is_told_to_nobody() {
    let room = room(NOW_MS);
    let world = world(&room);
    join(&world, &room, 1).await;
    let mut stale = announcement(&room, "hello");
    stale.message.at_ms -= 90_000_000;
    let gone = announcement(&chat::contract::room(NOW_MS), "hello");
    let failures = notify(&world, &[Work::Announce(stale), Work::Announce(gone)], LONG).await;
    assert_eq!((failures.count(), world.gate.take_sent().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_test_tells_what_each_push_service_answered() {
    let room = room(NOW_MS);
    let world = world(&room);
    let clients = join(&world, &room, 3).await;
    world.gate.answer_with(&clients[1].endpoint, status(410));
    let stranger = client(&room, &author(), "stranger", NOW_MS).id;
    let ids = vec![clients[0].id.clone(), clients[1].id.clone(), stranger.clone()];
    let event = json!({ "test": { "kind": "test", "room": room.hash, "clients": ids, "nonce": "n-1" } });
    let Outcome::Tested(tested) = answer(serde_json::from_value(event).unwrap(), &world, turn(LONG)).await.unwrap()
    else {
        panic!("a batch")
    };
    let verdicts: BTreeSet<_> =
        tested.told.iter().map(|told| (told.id.clone(), told.status, told.verdict == Verdict::Delivered)).collect();
    assert_eq!(
        verdicts,
        BTreeSet::from([(clients[0].id.clone(), Some(201), true), (clients[1].id.clone(), Some(410), false)])
    );
    assert_eq!(tested.unknown, [stranger]);
    assert_eq!(tested.told[0].host, "updates.push.services.mozilla.com");
    assert_eq!(world.clients.clients(&room.hash).len(), 2, "who is gone is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_test_without_names_goes_to_all() {
    let room = room(NOW_MS);
    let world = world(&room);
    join(&world, &room, 7).await;
    let event = json!({ "test": { "room": room.hash, "nonce": "n-1" } });
    let Outcome::Tested(tested) = answer(serde_json::from_value(event).unwrap(), &world, turn(LONG)).await.unwrap()
    else {
        panic!("a batch")
    };
    assert_eq!((tested.told.len(), world.gate.take_sent().len()), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_test_in_a_room_that_is_not_there_says_so() {
    let world = world(&room(NOW_MS));
    let event = json!({ "test": { "room": room(NOW_MS).hash, "nonce": "n-1" } });
    assert_eq!(
        answer(serde_json::from_value(event).unwrap(), &world, turn(LONG)).await.unwrap_err(),
        "there is no such room"
    );
}
