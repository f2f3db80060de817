//! The outbox's file: whatever is in it, it is opened, and what cannot be read is set aside as it was.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crc::{CRC_32_ISCSI, Crc};
use redb::{Database, TableDefinition};
use socketio_client_native::store::{FileStore, Opened, Record, Store as _};

use crate::record::fitted;
use crate::source::Source;

const RECORDS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("records");
const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
/// Of the first sector, what is under the store's checksum, which comes next.
const SEALED: usize = 508;

pub(crate) fn run(data: &[u8]) {
    let mut source = Source(data);
    let form = source.below(4);
    let bytes = match form {
        0 => source.0.to_vec(),
        1 => sealed(source.0.to_vec()),
        2 => sealed(changed(&mut source)),
        _ => sealed(filled(&mut source)),
    };
    let dir = Dir::new();
    fs::write(dir.file(), &bytes).expect("a directory of ours");
    // What looks like ours the database may repair before it gives up.
    check(&dir, &bytes, form > 0);
}

fn check(dir: &Dir, bytes: &[u8], sealed: bool) {
    let first = opened(dir);
    if let Some(aside) = &first.aside {
        assert!(first.records.is_empty() && first.lost.is_none());
        let kept = fs::read(aside).expect("it was renamed");
        assert!(sealed || kept == bytes, "what was set aside has changed");
    }
    let places: Vec<_> = first.records.iter().map(|record| (&record.namespace, record.seq)).collect();
    assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] != pair[1]), "{places:?}");
    // The same again, and goes on as if nothing had been wrong.
    let second = opened(dir);
    assert_eq!((&second.records, second.aside.as_ref()), (&first.records, None));
    assert!(first.records.is_empty() || (&second.id, second.renewed) == (&first.id, false));
    let mut store = FileStore::new(dir.file());
    let third = store.open().expect("it was opened before");
    let added = record(third.next);
    store.append(std::slice::from_ref(&added)).expect("there is room");
    drop(store);
    let last = opened(dir);
    assert!(last.records.contains(&added) && last.records.len() == first.records.len() + 1);
    assert_eq!(last.id, third.id);
    assert_eq!(last.lost, second.lost);
}

fn opened(dir: &Dir) -> Opened {
    FileStore::new(dir.file()).open().unwrap_or_else(|error| panic!("{error}"))
}

/// In a namespace that no other input finds.
fn record(seq: u64) -> Record {
    Record {
        namespace: "/added by the test".into(),
        seq,
        text: r#"["a"]"#.into(),
        attachments: Vec::new(),
        created_at: 0,
        expires_at: None,
        attempts: 0,
    }
}

/// As if our own program had written it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() < SEALED + 4 {
        bytes.resize(SEALED + 4, 0);
    }
    let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&bytes[..SEALED]);
    bytes[SEALED..SEALED + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// A whole file, some bytes of which are others.
fn changed(source: &mut Source<'_>) -> Vec<u8> {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut bytes = WHOLE.get_or_init(|| filled(&mut Source(WHOLE_INPUT))).clone();
    while !source.is_empty() {
        let place = usize::from(source.short()) | usize::from(source.below(8)) << 16;
        for (old, new) in bytes.iter_mut().skip(place).zip(source.bytes()) {
            *old ^= new;
        }
    }
    bytes
}

/// An identity, and two records.
const WHOLE_INPUT: &[u8] = b"\x01\0\x02\x01\x02/a\x05\0\0\0\0\0\0\0\0\x00\x02/b\x06\0\0\0\0\0\0\0\0\x00";

/// A file in which anything stands at the places of identity and records.
fn filled(source: &mut Source<'_>) -> Vec<u8> {
    let dir = Dir::new();
    let database = Database::create(dir.file()).expect("a directory of ours");
    let mut write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        if source.yes() {
            let bytes = content(source, "id", 1 << 20);
            transaction.open_table(STATE)?.insert("identity", bytes.as_slice())?;
        }
        let mut records = transaction.open_table(RECORDS)?;
        for _ in 0..source.below(8) {
            let right = source.yes();
            let (namespace, seq) = (source.text(), source.number());
            let bytes = if right {
                let record = Record { namespace: namespace.as_str().into(), ..record(seq) };
                record.encode().unwrap_or_default()
            } else {
                content(source, &namespace, seq)
            };
            records.insert((namespace.as_str(), seq), bytes.as_slice())?;
        }
        drop(records);
        Ok(transaction.commit()?)
    };
    write().expect("there is room");
    drop(database);
    fs::read(dir.file()).expect("it was written")
}

/// A record that was changed, or bytes with a checksum that fits.
fn content(source: &mut Source<'_>, text: &str, seq: u64) -> Vec<u8> {
    if source.yes() {
        return fitted(source.bytes());
    }
    let record = Record { text: text.into(), namespace: "".into(), ..record(seq) };
    let mut bytes = record.encode().unwrap_or_default();
    for (old, new) in bytes.iter_mut().zip(source.bytes()) {
        *old ^= new;
    }
    bytes
}

/// An empty directory, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Self(std::env::temp_dir().join(format!("corpora-{}-{number}", std::process::id())));
        // An earlier process with our number may have been killed before it could clean up.
        let _ = fs::remove_dir_all(&dir.0);
        fs::create_dir(&dir.0).expect("a directory for temporary files");
        dir
    }

    fn file(&self) -> PathBuf {
        self.0.join("outbox")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
