//! Tests of `message` and `post`.

use super::*;

const NOW: i64 = 1_767_323_045_678;

fn message(text: &str) -> Message {
    let author = MemberSecret::parse(&base64url::encode([7; 32])).unwrap().author();
    Draft::new("Ann", text).unwrap().into_message(MessageId::new(NOW, [9; 10]), author)
}

#[test]
fn an_id_is_a_uuid_of_version_7_that_tells_its_time() {
    let id = MessageId::new(NOW, [0xff; 10]);
    assert_eq!(id.to_string(), "019b7ca9-8f2e-7fff-bfff-ffffffffffff");
    assert_eq!(id.at_ms(), NOW);
    assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
    assert_eq!(MessageId::from_bytes(id.to_bytes()), Some(id));
}

#[test]
fn ids_are_in_the_order_of_their_time_as_values_and_as_texts() {
    let mut last = MessageId::new(0, [0xff; 10]);
    for ms in (1..NOW).step_by(9_999_999_999) {
        for id in [MessageId::first_at(ms), MessageId::new(ms, [1; 10]), MessageId::new(ms, [0xff; 10])] {
            assert!(id > last && id.to_string() > last.to_string());
            last = id;
        }
    }
}

#[test]
fn other_spellings_and_other_versions_are_no_ids() {
    let good = "019b7ca9-8f2e-7fff-bfff-ffffffffffff";
    assert!(MessageId::parse(good).is_ok());
    for text in [
        good.to_uppercase(),
        good.replace('-', ""),
        format!("{{{good}}}"),
        good.replace("-7fff", "-4fff"),
        good.replace("-bfff", "-ffff"),
        String::new(),
    ] {
        assert!(MessageId::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn a_member_is_known_by_the_hash_of_its_secret() {
    let secret =
        MemberSecret::parse(&base64url::encode(std::array::from_fn::<u8, 32, _>(|n| u8::try_from(n).unwrap())))
            .unwrap();
    assert_eq!(secret.author().as_str(), "S4ehTpllIPPq00Nc");
    assert_eq!(format!("{secret:?}"), "MemberSecret(of S4ehTpllIPPq00Nc)");
    assert_eq!(MemberSecret::parse(&secret.expose()), Ok(secret.clone()));
    assert_eq!(secret.expose().len(), 43);
    assert!(MemberSecret::parse(&secret.expose()[1..]).is_err());
    assert_ne!(MemberSecret::generate().author(), MemberSecret::generate().author());
}

#[test]
fn texts_that_people_write_are_taken() {
    let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
    for text in [
        "hi",
        "two\nlines\tand a tab",
        "שלום",
        "مرحبا",
        "日本語",
        family,
        " indented",
        &"x".repeat(TEXT_BYTES),
        &"é".repeat(TEXT_BYTES / 2),
    ] {
        assert_eq!(Draft::new("Ann", text).unwrap().text(), text);
    }
}

#[test]
fn line_ends_of_windows_become_line_ends() {
    assert_eq!(Draft::new("Ann", "a\r\nb\r\n").unwrap().text(), "a\nb\n");
    assert_eq!(Draft::new("Ann", &"\r\na".repeat(TEXT_BYTES / 2)).unwrap().text().len(), TEXT_BYTES);
}

#[test]
fn an_empty_text_is_refused_also_when_it_only_looks_empty() {
    for text in ["", " ", "\n\t ", "\u{200B}", "\u{FEFF}\u{00A0}", "\u{200D}\u{FE0F}", "\u{3164}"] {
        assert_eq!(Draft::new("Ann", text), Err(BadDraft::EmptyText), "{text:?}");
    }
}

#[test]
fn a_text_over_8_kib_is_refused_by_its_bytes() {
    assert_eq!(Draft::new("Ann", &"x".repeat(TEXT_BYTES + 1)), Err(BadDraft::TextTooLong));
    assert_eq!(Draft::new("Ann", &"é".repeat(TEXT_BYTES / 2 + 1)), Err(BadDraft::TextTooLong));
}

#[test]
fn control_and_bidirectional_characters_are_refused_and_named_by_their_place() {
    let bidi = [
        '\u{202A}', '\u{202B}', '\u{202C}', '\u{202D}', '\u{202E}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
        '\u{200E}', '\u{200F}', '\u{061C}',
    ];
    let control = ['\0', '\u{7}', '\u{8}', '\u{b}', '\u{c}', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'];
    for c in bidi.into_iter().chain(control) {
        assert_eq!(Draft::new("Ann", &format!("é{c}x")), Err(BadDraft::TextCharacter { at: 2 }), "{c:?}");
        assert_eq!(Draft::new(&format!("A{c}n"), "hi"), Err(BadDraft::Name), "{c:?}");
    }
}

#[test]
fn a_name_is_trimmed_and_has_one_to_64_characters_on_one_line() {
    assert_eq!(Draft::new("  Ann Lee ", "hi").unwrap().name(), "Ann Lee");
    assert_eq!(Draft::new(&"é".repeat(NAME_CHARS), "hi").unwrap().name().chars().count(), NAME_CHARS);
    for name in ["", "  ", "\u{200B}", &"é".repeat(NAME_CHARS + 1), "a\nb", "a\tb", "a\u{2028}b"] {
        assert_eq!(Draft::new(name, "hi"), Err(BadDraft::Name), "{name:?}");
    }
}

#[test]
fn each_bad_draft_is_a_problem_with_its_code() {
    for (bad, code, status) in [
        (BadDraft::EmptyText, "bad_text", 400),
        (BadDraft::TextCharacter { at: 1 }, "bad_text", 400),
        (BadDraft::TextTooLong, "text_too_long", 413),
        (BadDraft::Name, "bad_name", 400),
    ] {
        let problem = Problem::from(bad);
        assert_eq!((problem.code(), problem.status()), (code, status));
    }
}

#[test]
fn items_are_drawn_with_their_kind_and_read_back() {
    let said = Item::Message(message("hi"));
    let id = said.id();
    assert_eq!(
        serde_json::to_value(&said).unwrap(),
        serde_json::json!({"kind": "message", "id": id.to_string(), "author": message("hi").author.as_str(), "name": "Ann", "text": "hi",
            "at": "2026-01-02T03:04:05.678Z"})
    );
    let gone = Item::Deletion(Deletion { id: MessageId::first_at(NOW), of: id, at_ms: NOW });
    for item in [said, gone] {
        assert_eq!(serde_json::from_str::<Item>(&serde_json::to_string(&item).unwrap()).unwrap(), item);
    }
}

#[test]
fn an_idempotency_key_is_1_to_64_printable_ascii_characters() {
    for key in ["a", "8e03978e-40d5-43e8-bc93-6894a57f9324", "~ !", &"k".repeat(64)] {
        assert!(IdempotencyKey::parse(key).is_ok(), "{key}");
    }
    for key in ["", "é", "a\nb", "\u{7f}", &"k".repeat(65)] {
        assert!(IdempotencyKey::parse(key).is_err(), "{key}");
    }
}

#[test]
fn a_marker_gives_the_first_answer_to_the_same_post_and_refuses_another() {
    let first = message("hi");
    let marker = Marker { id: first.id, fingerprint: Fingerprint::of(&first.name, &first.text) };
    let again = Message { id: MessageId::new(NOW + 5_000, [1; 10]), at_ms: NOW + 5_000, ..first.clone() };
    assert_eq!(marker.answer(&again), Posted::Known(first.clone()));
    assert_eq!(marker.answer(&Message { text: "ho".into(), ..again.clone() }), Posted::Mismatch);
    assert_eq!(marker.answer(&Message { name: "Bob".into(), ..again }), Posted::Mismatch);
    // Name and text can't be shifted into each other.
    assert_ne!(Fingerprint::of("ab", "c"), Fingerprint::of("a", "bc"));
}
