//! `kill -9` while it writes.

use std::collections::BTreeSet;
use std::sync::mpsc;

use socketio_client_native::store::{Done, FileStore, StoreWorker};

use crate::support::{Dir, Random, Task, number, open, place, record, say, seqs};

const BLOCK: u64 = 64;
/// Records that are not known to be durable yet.
const IN_FLIGHT: u64 = 20;

/// Appends through the worker for ever, and erases what is old. It says what it does before, and what is durable after.
pub(crate) fn child() {
    let (tell, told) = mpsc::channel();
    let worker = StoreWorker::start(FileStore::new(place()), move |done| tell.send(done).unwrap()).unwrap();
    let Ok(Done::Opened(Ok(opened))) = told.recv() else { panic!("not opened") };
    assert_eq!((opened.lost, opened.renewed), (Some(0), false));
    let (mut next, mut reserved, mut durable) = (opened.next, opened.next, opened.next);
    let mut old = opened.records.into_iter().map(|record| record.seq).collect::<Vec<_>>().into_iter();
    loop {
        if next == reserved {
            reserved += BLOCK;
            worker.reserve(reserved);
        }
        let mut ready = false;
        while !ready || next >= durable + IN_FLIGHT {
            match told.recv().unwrap() {
                Done::Reserved { up_to } => ready = up_to >= reserved,
                Done::Appended { up_to, .. } => {
                    durable = up_to + 1;
                    say(&format!("durable {up_to}"));
                }
                Done::Erased { .. } => {}
                done => panic!("{done:?}"),
            }
            ready |= next < reserved && durable + BLOCK > reserved;
        }
        say(&format!("append {next}"));
        worker.append(record("/", next));
        next += 1;
        if let Some(seq) = old.next() {
            say(&format!("erase {seq}"));
            worker.erase("/".into(), seq);
        }
    }
}

#[test]
fn what_is_durable_survives_kills() {
    let dir = Dir::new();
    let path = dir.file();
    let mut random = Random::new();
    let (mut used, mut there) = (BTreeSet::new(), BTreeSet::new());
    let (mut id, mut unreported) = (None, 0);
    let runs = number("STORE_RUNS", 50);
    for run in 0..runs {
        let mut task = Task::start("kill", &path);
        let (mut given, mut durable, mut erased) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut hear = |line: &str| {
            let (word, seq) = line.split_once(' ').unwrap();
            let seq = seq.parse::<u64>().unwrap();
            match word {
                "append" => {
                    assert!(used.insert(seq) && given.insert(seq), "run {run}: id {seq} is used twice")
                }
                "durable" => durable.extend(given.range(..=seq)),
                "erase" => drop(erased.insert(seq)),
                _ => panic!("{line}"),
            }
        };
        // Also before it is open.
        for _ in 0..random.below(200) {
            hear(&task.line().unwrap());
        }
        task.child.kill().unwrap();
        while let Some(line) = task.line() {
            hear(&line);
        }
        drop(task);
        let (store, opened) = open(&path);
        drop(store);
        assert_eq!((opened.lost, opened.aside), (Some(0), None), "run {run}");
        assert!(used.iter().all(|seq| *seq < opened.next), "run {run}: {}", opened.next);
        for found in &opened.records {
            assert_eq!(*found, record("/", found.seq), "run {run}");
        }
        let found = seqs(&opened.records);
        assert!(found.is_sorted_by(|one, two| one < two), "run {run}");
        let found = found.into_iter().collect::<BTreeSet<_>>();
        let must =
            there.union(&durable).filter(|seq| !erased.contains(seq)).copied().collect::<BTreeSet<_>>();
        assert!(must.is_subset(&found), "run {run}: lost {:?}", must.difference(&found).collect::<Vec<_>>());
        let may = there.union(&given).copied().collect::<BTreeSet<_>>();
        assert!(
            found.is_subset(&may),
            "run {run}: from nowhere {:?}",
            found.difference(&may).collect::<Vec<_>>()
        );
        unreported += found.difference(&must).count();
        if !there.is_empty() && !found.is_empty() {
            assert_eq!(id.as_ref(), Some(&opened.id), "run {run}");
        }
        (there, id) = (found, Some(opened.id));
        if there.is_empty() {
            // Ids begin anew, under a new delivery id.
            used.clear();
        }
    }
    println!("{runs} kills, {} records given, {unreported} there without having been reported", used.len());
    assert_eq!(dir.names(), ["outbox"]);
}
