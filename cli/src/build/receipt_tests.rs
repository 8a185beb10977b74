//! A checkout of two files, for `receipt.rs`.

use std::time::Duration;

use super::super::elf::Machine;
use super::*;

struct Checkout {
    root: PathBuf,
    source: Source,
    place: Place,
    executables: Vec<Executable>,
}

/// A checkout whose files are older than `began`, with one executable that was made from them.
#[allow(clippy::disallowed_methods, reason = "files have the system's times")]
fn checkout(name: &str) -> (Checkout, SystemTime) {
    let root = std::env::temp_dir().join(format!("chatctl-receipt-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    for folder in ["functions/store-message/src", "web", "target/debug"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "functions/store-message/Cargo.toml",
        "functions/store-message/src/main.rs",
        "web/app.js",
        "target/debug/store-message",
    ] {
        std::fs::write(root.join(file), "x").unwrap();
    }
    let depends =
        format!("{0}/target/debug/store-message: {0}/functions/store-message/src/main.rs {0}/web\n", root.display());
    std::fs::write(root.join("target/debug/store-message.d"), depends).unwrap();
    let source = Source::find(Some(&root), Path::new("/")).unwrap();
    let place = Place {
        path: root.join("target/debug/.chatctl-build.json"),
        variables: BTreeMap::new(),
        packing: Packing::Stored,
    };
    let executables = vec![Executable {
        name: "store-message".to_owned(),
        path: root.join("target/debug/store-message"),
        bytes: 1,
        elf: Elf { machine: Machine::host(), glibc: None, unknown: None },
        zip_sha256_base64: "sum".to_owned(),
        zip_bytes: 1,
        packing: Packing::Stored,
    }];
    (Checkout { root, source, place, executables }, SystemTime::now() + Duration::from_secs(60))
}

const NAMES: [&str; 1] = ["store-message"];

#[test]
fn what_was_built_is_known_again_until_something_changes() {
    let (checkout, began) = checkout("same");
    assert!(unchanged(&checkout.place, &NAMES).is_none());
    write(&checkout.place, &checkout.source, &checkout.executables, began);
    assert_eq!(unchanged(&checkout.place, &NAMES).unwrap()[0].zip_sha256_base64, "sum");
    assert!(unchanged(&checkout.place, &["store-message", "another"]).is_none());
}

#[test]
fn every_kind_of_change_asks_cargo_again() {
    let changes: [(&str, fn(&Path)); 6] = [
        ("a source", |root| std::fs::write(root.join("functions/store-message/src/main.rs"), "xy").unwrap()),
        ("a manifest", |root| std::fs::write(root.join("functions/store-message/Cargo.toml"), "xy").unwrap()),
        ("the lock file", |root| std::fs::write(root.join("Cargo.lock"), "xy").unwrap()),
        ("a file in a folder", |root| std::fs::write(root.join("web/app.js"), "xy").unwrap()),
        ("an executable", |root| std::fs::write(root.join("target/debug/store-message"), "xy").unwrap()),
        ("a file that is gone", |root| std::fs::remove_file(root.join("web/app.js")).unwrap()),
    ];
    for (what, change) in changes {
        let (checkout, began) = checkout("changes");
        write(&checkout.place, &checkout.source, &checkout.executables, began);
        assert!(unchanged(&checkout.place, &NAMES).is_some());
        change(&checkout.root);
        assert!(unchanged(&checkout.place, &NAMES).is_none(), "{what}");
    }
}

#[test]
fn another_environment_asks_cargo_again() {
    let (checkout, began) = checkout("variables");
    write(&checkout.place, &checkout.source, &checkout.executables, began);
    let other = Place { variables: BTreeMap::from([("RUSTFLAGS".to_owned(), "-g".to_owned())]), ..checkout.place };
    assert!(unchanged(&other, &NAMES).is_none());
}

#[test]
fn what_was_edited_during_the_build_leaves_no_receipt() {
    let (checkout, _) = checkout("edited");
    write(&checkout.place, &checkout.source, &checkout.executables, UNIX_EPOCH);
    assert!(!checkout.place.path.exists());
}

#[test]
fn a_path_with_a_blank_is_one_path() {
    let read = dependencies("/t/store-message: /my\\ src/main.rs /web\n\n");
    assert_eq!(read, [PathBuf::from("/my src/main.rs"), PathBuf::from("/web")]);
}
