//! A file with a byte changed, or cut short.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use socketio_client_native::store::{FileStore, Opened, Store as _};

use crate::support::{Dir, Random, number, open, record, records};

const RESERVED: u64 = 2048;
const WRITTEN: u64 = 60;

/// Of the new files.
static TURN: AtomicU32 = AtomicU32::new(0);

/// What was in a file before it was damaged.
struct Before {
    id: String,
    bytes: Vec<u8>,
}

/// A file as a crash leaves it, and a clean end too.
fn file(dir: &Dir) -> Before {
    let path = dir.file();
    let (mut store, opened) = open(&path);
    store.reserve(RESERVED).unwrap();
    for seq in (0..WRITTEN).step_by(6) {
        store.append(&records("/", seq..seq + 3)).unwrap();
        store.append(&records("/other", seq + 3..seq + 6)).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    drop(store);
    assert!(bytes == std::fs::read(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    Before { id: opened.id, bytes }
}

/// Opens what is at the path: either it is all there, or its loss is told, and no id is given away twice.
fn check(dir: &Dir, before: &Before, case: &str) -> Opened {
    let path = dir.file();
    let mut store = FileStore::new(&path);
    let opened = store.open().unwrap_or_else(|error| panic!("{case}: {error}"));
    for found in &opened.records {
        assert_eq!(*found, record(&found.namespace, found.seq), "{case}");
    }
    let kept = opened.records.len() as u64;
    match opened.lost {
        Some(lost) => assert_eq!(kept + lost, WRITTEN, "{case}"),
        None => assert!(kept == 0 && !opened.renewed, "{case}"),
    }
    if opened.id == before.id {
        assert!(opened.next >= RESERVED, "{case}: {}", opened.next);
    } else {
        assert!(opened.lost.is_none() || opened.renewed, "{case}");
    }
    match &opened.aside {
        Some(aside) => assert!(opened.lost.is_none() && Path::new(aside).exists(), "{case}"),
        None => assert!(opened.lost.is_some() || before.bytes.is_empty(), "{case}"),
    }
    // It can be used. A new file is like any other.
    if opened.lost.is_some() || TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(16) {
        let seq = opened.next;
        store.append(&[record("/", seq)]).unwrap_or_else(|error| panic!("{case}: {error}"));
        drop(store);
        let (_, again) = open(&path);
        assert!(again.records.contains(&record("/", seq)) && again.lost == opened.lost.or(Some(0)), "{case}");
    }
    for name in dir.names() {
        std::fs::remove_file(dir.0.join(name)).unwrap();
    }
    opened
}

#[test]
fn a_changed_byte_is_told_or_makes_no_difference() {
    let dir = Dir::new();
    let mut random = Random::new();
    let before = file(&dir);
    // The first sector in whole, and of what comes after it what is not just room.
    let used = before.bytes.iter().enumerate().skip(512).filter(|(_, byte)| **byte != 0);
    let used = used.map(|(at, _)| at).collect::<Vec<_>>();
    let chance = (0..number("STORE_RUNS", 100)).map(|_| used[random.below(used.len() as u64) as usize]);
    let chance = chance.collect::<Vec<_>>();
    let (mut whole, mut aside) = (0, 0);
    for at in (0..512).chain(chance) {
        let flip = 1 + random.below(255) as u8;
        let mut bytes = before.bytes.clone();
        bytes[at] ^= flip;
        std::fs::write(dir.file(), bytes).unwrap();
        let opened = check(&dir, &before, &format!("byte {at} ^ {flip}"));
        assert!(at >= 512 || opened.lost.is_none(), "byte {at} ^ {flip}");
        whole += u32::from(opened.lost == Some(0));
        aside += u32::from(opened.aside.is_some());
    }
    println!("{} bytes: {whole} times whole, {aside} times set aside", before.bytes.len());
    assert!(whole > 0 && aside > 0);
}

#[test]
fn a_file_that_was_cut_is_told() {
    let dir = Dir::new();
    let mut random = Random::new();
    let before = file(&dir);
    let length = before.bytes.len() as u64;
    let chance = (0..number("STORE_RUNS", 100)).map(|_| random.below(length)).collect::<Vec<_>>();
    let mut whole = 0;
    for at in (0..512).chain(chance).chain([4095, 4096, length - 1]) {
        let bytes = &before.bytes[..at as usize];
        std::fs::write(dir.file(), bytes).unwrap();
        let cut = Before { id: before.id.clone(), bytes: bytes.to_vec() };
        let opened = check(&dir, &cut, &format!("cut at {at}"));
        whole += u32::from(opened.lost == Some(0));
    }
    println!("{length} bytes: {whole} times only room was cut off");
    // Zeros, as some file systems leave them after a power failure.
    std::fs::write(dir.file(), vec![0; before.bytes.len()]).unwrap();
    assert!(check(&dir, &before, "zeros").aside.is_some());
}

#[test]
fn a_crash_while_the_file_grows_does_no_harm() {
    let dir = Dir::new();
    let before = file(&dir);
    for more in [1, 100, 4096, 65536, before.bytes.len()] {
        let mut bytes = before.bytes.clone();
        bytes.resize(bytes.len() + more, 0);
        std::fs::write(dir.file(), bytes).unwrap();
        assert_eq!(check(&dir, &before, &format!("{more} more")).lost, Some(0), "{more} more");
    }
}
