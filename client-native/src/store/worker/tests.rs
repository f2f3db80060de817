//! Batches, and what is told.

use std::sync::mpsc::Sender;

use super::super::MemoryStore;
use super::*;

fn record(seq: u64) -> Record {
    Record {
        namespace: "/".into(),
        seq,
        text: r#"["a"]"#.into(),
        attachments: Vec::new(),
        created_at: 0,
        expires_at: None,
        attempts: 0,
    }
}

/// A store that waits before each append until it is told to go on, so that commands gather.
struct Gate(MemoryStore, Receiver<()>, Sender<usize>);

impl Store for Gate {
    fn open(&mut self) -> Result<Opened, StoreError> {
        self.0.open()
    }
    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let _ = self.2.send(records.len());
        let _ = self.1.recv();
        self.0.append(records)
    }
    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        self.0.erase(namespace, seqs)
    }
    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        self.0.reserve(up_to)
    }
    fn clear(&mut self) -> Result<(), StoreError> {
        self.0.clear()
    }
}

fn worker(store: impl Store) -> (StoreWorker, Receiver<Done>) {
    let (tell, told) = mpsc::channel();
    let worker = StoreWorker::start(store, move |done| drop(tell.send(done))).unwrap();
    (worker, told)
}

#[test]
fn what_waits_is_one_transaction() {
    let place = MemoryStore::new();
    let (go, gate) = mpsc::channel();
    let (size, sizes) = mpsc::channel();
    let (worker, told) = worker(Gate(place.clone(), gate, size));
    worker.append(record(0));
    assert_eq!(sizes.recv(), Ok(1));
    (1..=100).for_each(|seq| worker.append(record(seq)));
    // Of a record that waits: not before it is there.
    worker.erase("/".into(), 50);
    worker.append(record(101));
    drop(go);
    worker.close();
    assert_eq!(sizes.iter().collect::<Vec<_>>(), [100, 1]);
    let appended = told.iter().filter_map(|done| match done {
        Done::Appended { up_to, .. } => Some(up_to),
        _ => None,
    });
    assert_eq!(appended.collect::<Vec<_>>(), [0, 100, 101]);
    let seqs = place.records().iter().map(|record| record.seq).collect::<Vec<_>>();
    assert_eq!(seqs, (0..=101).filter(|&seq| seq != 50).collect::<Vec<_>>());
}

#[test]
fn a_failure_is_told_and_the_next_may_succeed() {
    let place = MemoryStore::new();
    let (worker, told) = worker(place.clone());
    assert!(matches!(told.recv(), Ok(Done::Opened(Ok(_)))));
    place.set_room(Some(0));
    worker.append(record(1));
    let Ok(Done::AppendFailed { seqs, error: StoreError::Full { .. }, .. }) = told.recv() else { panic!() };
    assert_eq!(seqs, [1]);
    worker.reserve(9);
    assert!(matches!(told.recv(), Ok(Done::ReserveFailed { up_to: 9, .. })));
    place.set_room(None);
    worker.append(record(2));
    assert!(matches!(told.recv(), Ok(Done::Appended { up_to: 2, .. })));
    worker.clear();
    assert!(matches!(told.recv(), Ok(Done::Cleared)));
    worker.close();
    assert!(place.records().is_empty());
}

#[test]
fn one_that_is_too_large_fails_alone() {
    let place = MemoryStore::new();
    let (go, gate) = mpsc::channel();
    let (size, sizes) = mpsc::channel();
    let (worker, told) = worker(Gate(place.clone(), gate, size));
    worker.append(record(0));
    sizes.recv().unwrap();
    let part = bytes::Bytes::from(vec![0; 1 << 20]);
    worker.append(record(1));
    worker.append(Record { attachments: vec![part; 512], ..record(2) });
    drop(go);
    worker.close();
    let failed = told.iter().filter_map(|done| match done {
        Done::AppendFailed { seqs, error: StoreError::Record(_), .. } => Some(seqs),
        _ => None,
    });
    assert_eq!(failed.collect::<Vec<_>>(), [[2]]);
    assert_eq!(place.records().len(), 2);
}

#[test]
fn a_store_that_is_not_open_answers_everything() {
    let place = MemoryStore::new();
    let mut holder = place.clone();
    holder.open().unwrap();
    let (worker, told) = worker(place);
    worker.append(record(1));
    worker.erase("/".into(), 0);
    worker.reserve(1);
    worker.clear();
    worker.close();
    let locked = told.iter().filter(|done| {
        let (Done::Opened(Err(error))
        | Done::AppendFailed { error, .. }
        | Done::EraseFailed { error }
        | Done::ReserveFailed { error, .. }
        | Done::ClearFailed { error }) = done
        else {
            return false;
        };
        matches!(error, StoreError::Locked { .. })
    });
    assert_eq!(locked.count(), 5);
}
