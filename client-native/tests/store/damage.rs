//! A file with a byte changed, or cut short.

use std::path::Path;

use socketio_client_native::store::{FileStore, Opened, Store as _};

use crate::support::{Dir, Random, number, open, record, records};

const RESERVED: u64 = 2048;
const WRITTEN: u64 = 60;

/// What was in a file before it was damaged.
struct Before {
    id: String,
    bytes: Vec<u8>,
}

/// A file after a clean end, and one as a crash leaves it.
fn files(dir: &Dir) -> [Before; 2] {
    let path = dir.file();
    let (mut store, opened) = open(&path);
    store.reserve(RESERVED).unwrap();
    for seq in (0..WRITTEN).step_by(6) {
        store.append(&records("/", seq..seq + 3)).unwrap();
        store.append(&records("/other", seq + 3..seq + 6)).unwrap();
    }
    let crashed = std::fs::read(&path).unwrap();
    drop(store);
    let closed = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    [closed, crashed].map(|bytes| Before { id: opened.id.clone(), bytes })
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
    // It can be used.
    let seq = opened.next;
    store.append(&[record("/", seq)]).unwrap_or_else(|error| panic!("{case}: {error}"));
    drop(store);
    let (_, again) = open(&path);
    assert!(again.records.contains(&record("/", seq)) && again.lost == opened.lost.or(Some(0)), "{case}");
    for name in dir.names() {
        std::fs::remove_file(dir.0.join(name)).unwrap();
    }
    opened
}

#[test]
fn a_changed_byte_is_told_or_makes_no_difference() {
    let dir = Dir::new();
    let mut random = Random::new();
    for (state, before) in ["closed", "crashed"].into_iter().zip(files(&dir)) {
        // The header in whole, and of what comes after it what is not just room.
        let header = 0..320;
        let used =
            before.bytes.iter().enumerate().skip(320).filter(|(_, byte)| **byte != 0).map(|(at, _)| at);
        let used = used.collect::<Vec<_>>();
        let chance = (0..number("STORE_RUNS", 200)).map(|_| used[random.below(used.len() as u64) as usize]);
        let chance = chance.collect::<Vec<_>>();
        let (mut whole, mut aside) = (0, 0);
        for at in header.chain(chance) {
            let flip = 1 + random.below(255) as u8;
            let mut bytes = before.bytes.clone();
            bytes[at] ^= flip;
            std::fs::write(dir.file(), bytes).unwrap();
            let opened = check(&dir, &before, &format!("{state}, byte {at} ^ {flip}"));
            whole += u32::from(opened.lost == Some(0));
            aside += u32::from(opened.aside.is_some());
        }
        println!("{state}, {} bytes: {whole} times whole, {aside} times set aside", before.bytes.len());
        assert!(whole > 0 && aside > 0);
    }
}

#[test]
fn a_file_that_was_cut_is_told() {
    let dir = Dir::new();
    let mut random = Random::new();
    for (state, before) in ["closed", "crashed"].into_iter().zip(files(&dir)) {
        let length = before.bytes.len() as u64;
        let chance = (0..number("STORE_RUNS", 200)).map(|_| random.below(length)).collect::<Vec<_>>();
        for at in (0..320).chain(chance).chain([length - 1]) {
            let bytes = &before.bytes[..at as usize];
            std::fs::write(dir.file(), bytes).unwrap();
            let cut = Before { id: before.id.clone(), bytes: bytes.to_vec() };
            let opened = check(&dir, &cut, &format!("{state}, cut at {at}"));
            assert!(opened.lost.is_none(), "{state}, cut at {at}");
        }
        // Zeros, as some file systems leave them after a power failure.
        std::fs::write(dir.file(), vec![0; before.bytes.len()]).unwrap();
        assert!(check(&dir, &before, &format!("{state}, zeros")).aside.is_some());
    }
}
