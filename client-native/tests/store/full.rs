//! A disk that is full, by a limit on the size of files.

use std::process::Command;

use socketio_client_native::store::{FileStore, Store as _, StoreError};

use crate::support::{Dir, Random, Task, number, open, place, records, say, seqs, wait};

#[test]
fn a_full_disk_refuses_and_goes_on() {
    let mut random = Random::new();
    // The first left no four free pages side by side.
    let holes = (1066, 14_180_188_198_887_279_231);
    let random = (0..number("STORE_RUNS", 3)).map(|_| (1040 + random.below(1400), random.next()));
    for (kib, seed) in [holes].into_iter().chain(random) {
        let dir = Dir::new();
        let mut task = start("full", &dir, kib, seed);
        while let Some(line) = task.line() {
            println!("{kib} KiB: {line}");
            if line == "raise the limit" {
                let pid = task.child.id().to_string();
                let prlimit = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid]).status();
                assert!(prlimit.unwrap().success());
                drop(task.child.stdin.take());
            }
        }
        task.end();
        assert_eq!(dir.names(), ["outbox"], "nothing else is left");
    }
}

#[test]
fn a_disk_without_room_for_a_file_is_told() {
    let dir = Dir::new();
    start("no-room", &dir, 100, 0).end();
    assert_eq!(dir.names(), [""; 0]);
    // A file that is there stays as it is; of it, not even the first page may be written.
    let (mut store, _) = open(&dir.file());
    store.append(&records("/", 0..3)).unwrap();
    drop(store);
    start("no-room", &dir, 0, 0).end();
    let (_, opened) = open(&dir.file());
    assert_eq!((opened.records, opened.lost), (records("/", 0..3), Some(0)));
    assert_eq!(dir.names(), ["outbox"]);
}

pub(crate) fn no_room_child() {
    let error = FileStore::new(place()).open().unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
}

/// With a limit on the size of files. Without its signal, a write beyond it is an error.
fn start(task: &str, dir: &Dir, kib: u64, seed: u64) -> Task {
    let script = format!(r#"trap '' XFSZ; ulimit -S -f {kib}; STORE_SEED={seed} exec "$0" "$@""#);
    Task::start_under(&["bash", "-c", &script], task, &dir.file())
}

/// Appends until there is no room, `group` at a time. What is there then.
fn fill(store: &mut FileStore, next: &mut u64, group: u64) {
    loop {
        match store.append(&records("/", *next..*next + group)) {
            Ok(()) => *next += group,
            Err(StoreError::Full { cause, .. }) => return say(&format!("{next}: {cause}")),
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn child() {
    let path = place();
    let group = 1 + number("STORE_SEED", 15) % 40;
    let (mut store, opened) = open(&path);
    let mut next = opened.next;
    fill(&mut store, &mut next, group);
    // To the last byte.
    fill(&mut store, &mut next, 1);
    let there = next;
    // Erasing works, here and there, one by one and durably.
    for seq in (0..there).step_by(29) {
        store.erase("/", &[seq]).unwrap();
        store.flush().unwrap();
    }
    // Also if it is opened again on the full disk, and all at once.
    drop(store);
    let (mut store, opened) = open(&path);
    let left = (0..there).filter(|seq| seq % 29 != 0).collect::<Vec<_>>();
    assert_eq!((&seqs(&opened.records), opened.lost), (&left, Some(0)));
    let (erased, kept) = left.split_at(left.len() / 2);
    store.erase("/", erased).unwrap();
    // Which makes room.
    let mut next = opened.next;
    store.append(&records("/", next..next + 4)).unwrap();
    store.reserve(next + 1000).unwrap();
    drop(store);
    let (mut store, opened) = open(&path);
    let expected = kept.iter().copied().chain(next..next + 4).collect::<Vec<_>>();
    assert_eq!((seqs(&opened.records), opened.lost), (expected, Some(0)));
    next = opened.next;
    fill(&mut store, &mut next, group);
    say("raise the limit");
    wait();
    store.append(&records("/", next..next + 100)).unwrap();
    fill_never(&mut store, next + 100);
    // And is emptied while it is full again.
    store.clear().unwrap();
    drop(store);
    let (_, opened) = open(&path);
    assert_eq!((opened.records.len(), opened.lost), (0, Some(0)));
}

/// There is room.
fn fill_never(store: &mut FileStore, next: u64) {
    for group in (next..next + 4000).step_by(100) {
        store.append(&records("/", group..group + 100)).unwrap();
    }
}
