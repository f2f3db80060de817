//! A disk that is full, by a limit on the size of files.

use std::process::Command;

use socketio_client_native::store::{FileStore, Store as _, StoreError};

use crate::support::{Dir, Random, Task, number, open, place, records, say, seqs, wait};

#[test]
fn a_full_disk_refuses_and_goes_on() {
    let mut random = Random::new();
    for _ in 0..number("STORE_RUNS", 8) {
        let dir = Dir::new();
        let kib = 1200 + random.below(6000);
        // Without its signal, a write beyond the limit is an error.
        let script = format!(r#"trap '' XFSZ; ulimit -S -f {kib}; exec "$0" "$@""#);
        let mut task = Task::start_under(&["bash", "-c", &script], "full", &dir.file());
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
    let (mut store, opened) = open(&path);
    let mut next = opened.next;
    fill(&mut store, &mut next, 16);
    // To the last byte.
    fill(&mut store, &mut next, 1);
    let there = next;
    assert!(matches!(store.append(&records("/", [next])), Err(StoreError::Full { .. })));
    // Erasing works, one by one and durably, and makes room.
    for seq in 0..16 {
        store.erase("/", &[seq * 3]).unwrap();
        store.flush().unwrap();
    }
    store.append(&records("/", there..there + 4)).unwrap();
    // Also if it is opened again on the full disk.
    drop(store);
    let (mut store, opened) = open(&path);
    let expected = (0..there + 4).filter(|seq| seq % 3 != 0 || *seq >= 48).collect::<Vec<_>>();
    assert_eq!((seqs(&opened.records), opened.lost), (expected, Some(0)));
    let mut next = opened.next;
    fill(&mut store, &mut next, 4);
    let all = (0..there + 4).collect::<Vec<_>>();
    store.erase("/", &all).unwrap();
    store.append(&records("/", next..next + 4)).unwrap();
    store.reserve(next + 1000).unwrap();
    next += 4;
    fill(&mut store, &mut next, 1);
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
