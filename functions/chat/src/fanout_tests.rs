//! Tests of `fanout`.

use super::*;
use crate::contract;
use crate::delivery::Refused;

const NOW: i64 = 1_767_323_045_678;

fn announcement() -> Announcement {
    let room = contract::room(NOW);
    let message = contract::post(&room, &contract::author(), "k", "Grüße \"quoted\"\n", NOW).message;
    Announcement { room: room.hash, room_name: Some(room.name), message, hops: Hops::default(), hop: 0 }
}

fn id(n: usize) -> ClientId {
    ClientId::of(&format!("https://x/{n}"))
}

fn tried(n: usize) -> Tried {
    Tried { id: id(n), tries: 1 }
}

#[test]
fn an_announcement_becomes_one_job_a_shard() {
    let shares = announcement().shares(4);
    assert_eq!(shares.iter().map(|share| share.shard).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(shares.iter().all(|share| share.from.is_none()));
    assert_eq!(announcement().shares(0).len(), 1);
}

#[test]
fn a25_what_is_left_of_a_job_comes_back_a_bounded_number_of_times() {
    let mut share = announcement().shares(1).remove(0);
    let mut came_back = 0;
    while let Ok(rest) = share.rest(id(came_back.into())) {
        came_back += 1;
        assert_eq!((rest.announcement.hop, rest.shard), (came_back, 0));
        share = rest;
    }
    assert_eq!(came_back, HOPS);
    assert_eq!(share.rest(id(0)), Err(TooManyHops));
    assert_eq!(Retry::jobs(&share.announcement, vec![(tried(0), Duration::ZERO)]), Err(TooManyHops));
}

#[test]
fn a_hundred_thousand_clients_are_within_the_bound() {
    let shards = usize::from(crate::room::RoomRecord::SHARDS);
    assert!(CLIENTS_A_JOB * usize::from(HOPS) * shards > 100_000);
}

#[test]
fn failed_clients_become_jobs_by_their_pause_and_of_a_bounded_size() {
    let failed = (0..700).map(|n| (tried(n), Duration::from_millis(if n % 2 == 0 { 300 } else { 2_100 }))).collect();
    let jobs = Retry::jobs(&announcement(), failed).unwrap();
    let sizes: Vec<_> = jobs.iter().map(|(job, pause)| (job.clients.len(), pause.as_secs())).collect();
    assert_eq!(sizes, [(300, 1), (50, 1), (300, 4), (50, 4)]);
    assert!(jobs.iter().all(|(job, _)| job.announcement.hop == 1));
    assert_eq!(Retry::jobs(&announcement(), Vec::new()), Ok(Vec::new()));
}

#[test]
fn a_pause_is_rounded_up_and_never_longer_than_a_queue_can_wait() {
    for (asked, rounded) in
        [(0, 1), (1_000, 1), (1_001, 2), (60_000, 64), (513_000, 900), (900_000, 900), (5_000_000, 900)]
    {
        assert_eq!(super::rounded(Duration::from_millis(asked)).as_secs(), rounded, "{asked} ms");
    }
}

#[test]
fn a_message_is_worth_telling_for_a_day() {
    let announcement = announcement();
    assert_eq!(announcement.seconds_left(NOW - 5_000), TTL_S);
    assert_eq!(announcement.seconds_left(NOW + 10_500), TTL_S - 10);
    assert!(!announcement.stale(NOW + 86_399_000));
    assert!(announcement.stale(NOW + 86_400_000));
    assert!(announcement.stale(i64::MAX));
}

#[test]
fn all_work_is_drawn_with_version_and_kind_and_read_back() {
    let traced = Announcement {
        hops: Hops { stored: Some(1), forwarded: Some(2), notified: None },
        room_name: None,
        ..announcement()
    };
    let test = Test { room: traced.room.clone(), clients: Some(vec![id(1)]), nonce: "n".into() };
    for (work, kind) in [
        (Work::Announce(announcement()), "announce"),
        (Work::Announce(traced.clone()), "announce"),
        (Work::Share(announcement().shares(2).remove(1).rest(id(3)).unwrap()), "share"),
        (Work::Retry(Retry { announcement: traced, clients: vec![tried(1), tried(2)] }), "retry"),
        (Work::Test(test), "test"),
    ] {
        let body = work.to_body();
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&json["v"], &json["kind"]), (&1.into(), &kind.into()));
        assert_eq!(Work::parse(&body).unwrap(), work, "{body}");
    }
}

#[test]
fn work_of_another_version_or_form_is_refused() {
    let body = Work::Announce(announcement()).to_body();
    assert!(matches!(Work::parse(&body.replace("\"v\":1", "\"v\":2")), Err(BadWork::Version(2))));
    for body in ["", "{}", "{\"v\":1}", "{\"v\":1,\"kind\":\"dance\"}", &body[1..]] {
        assert!(matches!(Work::parse(body), Err(BadWork::Form(_))), "{body}");
    }
}

#[test]
fn the_largest_work_fits_into_a_queue() {
    let mut largest = announcement();
    largest.message.text = "\"".repeat(crate::message::TEXT_BYTES);
    largest.message.name = "\u{1F980}".repeat(64);
    let clients = (0..CLIENTS_A_JOB).map(tried).collect();
    assert!(Work::Retry(Retry { announcement: largest, clients }).to_body().len() < 256 * 1_024);
}

#[test]
fn what_came_of_a_test_is_drawn_flat() {
    let told = Told {
        id: id(1),
        host: "fcm.googleapis.com".into(),
        status: Some(403),
        verdict: Verdict::Refused(Refused::Signature),
        took_ms: 12,
    };
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(
        (&json["verdict"], &json["detail"], &json["status"]),
        (&"refused".into(), &"signature".into(), &403.into())
    );
    assert_eq!(serde_json::from_value::<Told>(json).unwrap(), told);
}
