//! Tests of `history`. The long one plays many worlds from seeds: writers that commit late, readers that catch up.

use std::collections::BTreeSet;

use super::*;
use crate::contract;
use crate::memory::Memory;
use crate::message::MessageId;
use crate::ports::Messages as _;
use crate::ready::ready;

const NOW: i64 = 1_767_323_045_678;

/// SplitMix64: the same numbers for the same seed, for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn ms(&mut self, below: i64) -> i64 {
        i64::try_from(self.roll(below.unsigned_abs())).unwrap()
    }

    fn random(&mut self) -> [u8; 10] {
        std::array::from_fn(|_| u8::try_from(self.roll(256)).unwrap())
    }
}

/// A history into which items fall later than their ids say.
struct World {
    memory: Memory,
    room: RoomRecord,
    author: crate::message::AuthorId,
    now: i64,
    /// When each is committed.
    pending: Vec<(i64, Item)>,
    minted: BTreeSet<MessageId>,
}

impl World {
    fn new() -> Self {
        let room = contract::room(NOW);
        Self {
            memory: Memory::new(),
            room,
            author: contract::author(),
            now: NOW,
            pending: Vec::new(),
            minted: BTreeSet::new(),
        }
    }

    fn mint(&mut self, dice: &mut Dice, late: i64) {
        let id = MessageId::new(self.now, dice.random());
        let mut message = contract::post(&self.room, &self.author, "k", "hi", self.now).message;
        message.id = id;
        self.minted.insert(id);
        self.pending.push((self.now + dice.ms(late), Item::Message(message)));
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(|(at, _)| *at <= self.now);
        self.pending = pending;
        for (_, item) in due {
            self.memory.put_item(&self.room.hash, item);
        }
    }

    fn page(&self, from: PageFrom, limit: usize) -> Page {
        let page = ready(self.memory.page(&self.room, &PageQuery::new(from, Some(limit)), self.now)).unwrap();
        assert!(page.items.len() <= limit);
        assert!(page.items.is_sorted_by(|a, b| a.id() < b.id()), "oldest first");
        page
    }
}

fn ids(page: &Page) -> Vec<MessageId> {
    page.items.iter().map(Item::id).collect()
}

/// Catches up page by page while the world goes on; within one catch-up no id may come twice.
fn catch_up(
    world: &mut World,
    dice: &mut Dice,
    mut cursor: Cursor,
    seen: &mut BTreeSet<MessageId>,
    late: i64,
) -> Cursor {
    let mut now_seen = BTreeSet::new();
    loop {
        // A cursor travels as text.
        let page = world.page(
            PageFrom::After(Cursor::parse(&cursor.to_string()).unwrap()),
            1 + usize::try_from(dice.roll(5)).unwrap(),
        );
        for id in ids(&page) {
            assert!(now_seen.insert(id), "{id} came twice in one catch-up");
        }
        cursor = page.after;
        if !page.more {
            break;
        }
        if dice.roll(3) == 0 {
            world.mint(dice, late);
        }
        let pause = dice.ms(4_000);
        world.pass(pause);
    }
    seen.extend(now_seen);
    cursor
}

/// How many messages a reader missed in the world of this seed.
fn missed(seed: u64, late: i64) -> usize {
    let (mut dice, mut world, mut seen) = (Dice(seed), World::new(), BTreeSet::new());
    for _ in 0..dice.roll(40) {
        world.mint(&mut dice, late);
        let pause = dice.ms(3_000);
        world.pass(pause);
    }
    // Some begin with the newest page and scroll up, the others begin at the start.
    let mut cursor = Cursor::start();
    if dice.roll(2) == 0 {
        let newest = world.page(PageFrom::Newest, 7);
        seen.extend(ids(&newest));
        cursor = newest.after;
        let mut before = newest.before;
        while let Some(place) = before {
            let page = world.page(PageFrom::Before(place), 5);
            assert!(ids(&page).iter().all(|id| seen.insert(*id)), "scrolling up shows each once");
            before = page.before;
        }
    }
    for _ in 0..30 {
        for _ in 0..dice.roll(4) {
            world.mint(&mut dice, late);
            let pause = dice.ms(1_500);
            world.pass(pause);
        }
        if dice.roll(2) == 0 {
            cursor = catch_up(&mut world, &mut dice, cursor, &mut seen, late);
        }
    }
    world.pass(late);
    catch_up(&mut world, &mut dice, cursor, &mut seen, 1);
    world.minted.difference(&seen).count()
}

#[test]
fn a_catch_up_never_skips_a_message_that_was_committed_late() {
    for seed in 0..400 {
        assert_eq!(missed(seed, 10_000), 0, "seed {seed}");
    }
}

#[test]
fn messages_later_than_the_watermark_would_be_missed_so_the_test_above_can_fail() {
    assert!((0..100).map(|seed| missed(seed, 4 * LATE_MS)).sum::<usize>() > 0);
}

fn filled(count: i64, apart_ms: i64) -> World {
    let (mut dice, mut world) = (Dice(1), World::new());
    for _ in 0..count {
        world.mint(&mut dice, 1);
        world.pass(apart_ms);
    }
    world
}

#[test]
fn an_empty_room_has_one_page_with_a_place_to_catch_up_from() {
    let world = filled(0, 1);
    let page = world.page(PageFrom::Newest, 10);
    assert_eq!((page.items.len(), page.before, page.more, page.after), (0, None, false, Cursor::start()));
}

#[test]
fn a_quiet_rooms_cursor_and_etag_stay_as_they_are() {
    let mut world = filled(3, 1);
    world.pass(LATE_MS + 1);
    let first = world.page(PageFrom::Newest, 10);
    let again = world.page(PageFrom::After(first.after), 10);
    world.pass(60_000);
    let later = world.page(PageFrom::After(first.after), 10);
    assert_eq!((again.after, later.after), (first.after, first.after));
    assert_eq!(again.etag(), later.etag());
    assert_eq!(again.items, []);
}

#[test]
fn an_etag_changes_with_the_text_and_not_with_time() {
    let mut world = filled(2, 1);
    let before = world.page(PageFrom::Newest, 10);
    world.pass(3);
    let after = world.page(PageFrom::Newest, 10);
    assert_ne!(before.after, after.after);
    assert_eq!(before.etag(), after.etag());
    let mut deleted = after.clone();
    if let Item::Message(message) = &mut deleted.items[0] {
        message.text.clear();
    }
    assert_ne!(deleted.etag(), after.etag());
}

#[test]
fn the_last_page_goes_back_to_the_watermark_and_no_further() {
    let world = filled(30, 1_000);
    let page = world.page(PageFrom::Newest, 50);
    let again = world.page(PageFrom::After(page.after), 50);
    assert_eq!(ids(&again), ids(&page)[15..], "the last fifteen seconds once more");
}

#[test]
fn what_is_older_than_the_retention_is_not_read() {
    let mut world = filled(3, 1);
    world.pass(i64::from(RoomRecord::RETENTION_DAYS) * 86_400_000);
    world.mint(&mut Dice(2), 1);
    world.pass(1);
    for from in [PageFrom::Newest, PageFrom::After(Cursor::start()), PageFrom::Before(Cursor::since(world.now))] {
        let page = world.page(from, 1);
        assert_eq!((page.items.len(), page.more), (1, false), "{from:?}");
    }
}

#[test]
fn scrolling_up_to_the_end_leaves_a_place_from_which_nothing_is_missed() {
    let world = filled(5, 20_000);
    let all = ids(&world.page(PageFrom::Newest, 50));
    let page = world.page(PageFrom::Before(Cursor::at(all[0])), 50);
    assert_eq!((page.items.len(), page.before, page.more), (0, None, false));
    assert_eq!(ids(&world.page(PageFrom::After(page.after), 50)), all);
}

#[test]
fn a_watermark_from_the_future_makes_nobody_miss_anything() {
    let world = filled(30, 1_000);
    let forged = Cursor { position: MessageId::first_at(0), watermark_ms: Some(world.now + 1_000_000_000) };
    let page = world.page(PageFrom::After(forged), 50);
    assert!(page.after.position <= MessageId::first_at(world.now - LATE_MS));
}

#[test]
fn a_cursor_is_read_back_as_it_was_written() {
    let position = MessageId::new(NOW, [7; 10]);
    for cursor in [
        Cursor::start(),
        Cursor::since(NOW),
        Cursor { position, watermark_ms: Some(NOW) },
        Cursor { position, watermark_ms: Some(0) },
    ] {
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        assert!(cursor.to_string().len() <= 32);
    }
}

#[test]
fn what_is_no_cursor_is_refused() {
    let good = Cursor::since(NOW).to_string();
    let mut other_version = base64url::decode(&good).unwrap();
    other_version[0] = 2;
    for text in [
        "",
        "x",
        "null",
        &good[1..],
        &format!("{good}AA"),
        &base64url::encode(other_version),
        &base64url::encode([1; 17]),
        &"A".repeat(5_000),
    ] {
        assert_eq!(Cursor::parse(text), Err(BadCursor), "{text}");
    }
}

#[test]
fn a_query_asks_for_one_direction_and_a_number_in_bounds() {
    let cursor = Cursor::since(NOW);
    let text = cursor.to_string();
    let parse = |after, before, limit| PageQuery::parse(after, before, limit).map_err(|p| p.code());
    assert_eq!(parse(None, None, None), Ok(PageQuery { from: PageFrom::Newest, limit: PAGE }));
    assert_eq!(parse(Some(&text), None, Some("100")), Ok(PageQuery { from: PageFrom::After(cursor), limit: 100 }));
    assert_eq!(parse(None, Some(&text), Some("1")), Ok(PageQuery { from: PageFrom::Before(cursor), limit: 1 }));
    assert_eq!(parse(Some(&text), Some(&text), None), Err("bad_cursor"));
    assert_eq!(parse(Some("x"), None, None), Err("bad_cursor"));
    for limit in ["0", "101", "-1", "many", ""] {
        assert_eq!(parse(None, None, Some(limit)), Err("bad_body"), "{limit}");
    }
}

#[test]
fn a_page_is_drawn_as_the_page_reads_it() {
    let page = filled(2, 1).page(PageFrom::Newest, 1);
    let json = serde_json::to_value(&page).unwrap();
    assert_eq!(json["room"]["name"], "contract");
    assert_eq!(json["items"][0]["kind"], "message");
    assert_eq!(
        (json["more"].as_bool(), json["after"].is_string(), json["before"].is_string()),
        (Some(true), true, true)
    );
    assert_eq!(serde_json::from_value::<Page>(json).unwrap(), page);
}
