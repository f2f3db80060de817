//! A file with a byte changed, or cut short.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use socketio_client_native::store::{FileStore, Opened, Store as _};

use crate::support::{Dir, Random, number, open, record, records};

const RESERVED: u64 = 2048;
const WRITTEN: u64 = 60;
/// For the tests that open it a hundred thousand times.
const FEW: u64 = 12;
/// Bytes changed together, where that makes no difference.
const GROUP: usize = 64;
/// One length in so many is cut to, and where only room is cut off.
const STEP: usize = 4;
const STEP_IN_ROOM: usize = 64;

/// Of the new files.
static TURN: AtomicU32 = AtomicU32::new(0);

/// What was in a file before it was damaged.
struct Before {
    id: String,
    bytes: Vec<u8>,
    written: u64,
}

/// A file as a crash leaves it, and a clean end too.
fn file(dir: &Dir, written: u64) -> Before {
    let path = dir.file();
    let (mut store, opened) = open(&path);
    store.reserve(RESERVED).unwrap();
    for seq in (0..written).step_by(6) {
        store.append(&records("/", seq..seq + 3)).unwrap();
        store.append(&records("/other", seq + 3..seq + 6)).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    drop(store);
    assert!(bytes == std::fs::read(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    Before { id: opened.id, bytes, written }
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
        Some(lost) => assert_eq!(kept + lost, before.written, "{case}"),
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

/// What a test counts.
#[derive(Default)]
struct Found {
    whole: AtomicU32,
    part: AtomicU32,
    aside: AtomicU32,
}

impl Found {
    /// Opens `bytes`. True if nothing is missing.
    fn check(&self, dir: &Dir, before: &Before, bytes: Vec<u8>, case: &str) -> bool {
        std::fs::write(dir.file(), &bytes).unwrap();
        let spoilt = Before { id: before.id.clone(), bytes, written: before.written };
        let lost = check(dir, &spoilt, case).lost;
        let count = match lost {
            Some(0) => &self.whole,
            Some(_) => &self.part,
            None => &self.aside,
        };
        count.fetch_add(1, Ordering::Relaxed);
        lost == Some(0)
    }
}

/// Calls `check` for each turn, on all processors, and prints what it found.
fn in_parallel(what: &str, turns: usize, check: impl Fn(&Dir, usize, &Found) + Sync) {
    let (begin, next, found) = (Instant::now(), AtomicUsize::new(0), Found::default());
    let work = || {
        let dir = in_memory();
        let mut turn = next.fetch_add(1, Ordering::Relaxed);
        while turn < turns {
            check(&dir, turn, &found);
            turn = next.fetch_add(1, Ordering::Relaxed);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let [whole, part, aside] = [found.whole, found.part, found.aside].map(AtomicU32::into_inner);
    println!(
        "figures: {what}: {whole} times whole, {part} in part, {aside} set aside, {:?}",
        begin.elapsed()
    );
    assert!(whole > 0 && aside > 0);
}

/// The disk is not what is damaged here, and to wait for it is most of the time.
fn in_memory() -> Dir {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let memory = PathBuf::from("/dev/shm");
    if !memory.is_dir() {
        return Dir::new();
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = memory.join(format!("store-{}-damage-{count}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    Dir(path)
}

/// Neighbours are changed together first. What makes no difference then, as most of the file is room, makes none alone
/// either; else each of them is changed alone. To do that with all would take an hour.
#[test]
#[ignore = "takes minutes"]
fn every_byte_changed_is_told_or_makes_no_difference() {
    let before = file(&Dir::new(), FEW);
    let length = before.bytes.len();
    let alone = AtomicUsize::new(0);
    in_parallel(&format!("each of {length} bytes changed"), length.div_ceil(GROUP), |dir, turn, found| {
        let places = turn * GROUP..length.min((turn + 1) * GROUP);
        let changed = |places: Range<usize>| {
            let mut bytes = before.bytes.clone();
            places.for_each(|at| bytes[at] ^= 1 << (at % 8));
            bytes
        };
        if !found.check(dir, &before, changed(places.clone()), &format!("bytes {places:?}")) {
            alone.fetch_add(places.len(), Ordering::Relaxed);
            for at in places {
                found.check(dir, &before, changed(at..at + 1), &format!("byte {at}"));
            }
        }
    });
    println!("figures: {alone:?} of them alone, the others by {GROUP}");
}

/// A quarter of all places, others each time, and all around a page's end; of the room behind what was written a 64th. Every
/// byte would take half an hour on two processors, this takes two minutes.
#[test]
#[ignore = "takes minutes"]
fn a_file_cut_at_many_more_bytes_is_told() {
    let before = file(&Dir::new(), FEW);
    let length = before.bytes.len();
    let written = before.bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let shift = Random::new().below(STEP_IN_ROOM as u64) as usize;
    let lengths = (0..length).filter(|&at| {
        let step = if at < written { STEP } else { STEP_IN_ROOM };
        (at + shift).is_multiple_of(step) || (at + 2) % 4096 < 4
    });
    let lengths = lengths.collect::<Vec<_>>();
    let what = format!("cut at {} of {length} bytes, {written} of them written", lengths.len());
    in_parallel(&what, lengths.len(), |dir, turn, found| {
        let at = lengths[turn];
        found.check(dir, &before, before.bytes[..at].to_vec(), &format!("cut at {at}"));
    });
}

#[test]
fn a_changed_byte_is_told_or_makes_no_difference() {
    let dir = Dir::new();
    let mut random = Random::new();
    let before = file(&dir, WRITTEN);
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
    println!("figures: {} bytes: {whole} times whole, {aside} times set aside", before.bytes.len());
    assert!(whole > 0 && aside > 0);
}

#[test]
fn a_file_that_was_cut_is_told() {
    let dir = Dir::new();
    let mut random = Random::new();
    let before = file(&dir, WRITTEN);
    let length = before.bytes.len() as u64;
    let chance = (0..number("STORE_RUNS", 100)).map(|_| random.below(length)).collect::<Vec<_>>();
    let mut whole = 0;
    for at in (0..512).chain(chance).chain([4095, 4096, length - 1]) {
        let bytes = &before.bytes[..at as usize];
        std::fs::write(dir.file(), bytes).unwrap();
        let cut = Before { id: before.id.clone(), bytes: bytes.to_vec(), written: WRITTEN };
        let opened = check(&dir, &cut, &format!("cut at {at}"));
        whole += u32::from(opened.lost == Some(0));
    }
    println!("figures: {length} bytes: {whole} times only room was cut off");
    // Zeros, as some file systems leave them after a power failure.
    std::fs::write(dir.file(), vec![0; before.bytes.len()]).unwrap();
    assert!(check(&dir, &before, "zeros").aside.is_some());
}

#[test]
fn a_crash_while_the_file_grows_does_no_harm() {
    let dir = Dir::new();
    let before = file(&dir, WRITTEN);
    for more in [1, 100, 4096, 65536, before.bytes.len()] {
        let mut bytes = before.bytes.clone();
        bytes.resize(bytes.len() + more, 0);
        std::fs::write(dir.file(), bytes).unwrap();
        assert_eq!(check(&dir, &before, &format!("{more} more")).lost, Some(0), "{more} more");
    }
}
