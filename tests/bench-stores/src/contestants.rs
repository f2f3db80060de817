//! Each contestant as its documentation says.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use crate::Db;

pub(crate) fn open(kind: &str, dir: &Path) -> Result<Box<dyn Db>, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    match kind {
        "floor" => Ok(Box::new(Floor::open(dir)?)),
        #[cfg(feature = "redb")]
        "redb" => Ok(Box::new(redb::Redb::open(dir, false, false)?)),
        #[cfg(feature = "redb")]
        "redb-checked" => Ok(Box::new(redb::Redb::open(dir, true, false)?)),
        #[cfg(feature = "redb")]
        "redb-two-phase" => Ok(Box::new(redb::Redb::open(dir, true, true)?)),
        #[cfg(feature = "fjall")]
        "fjall" => Ok(Box::new(fjall::Fjall::open(dir)?)),
        #[cfg(feature = "sqlite")]
        "sqlite-wal" => Ok(Box::new(sqlite::Sqlite::open(dir, "WAL", false)?)),
        #[cfg(feature = "sqlite")]
        "sqlite-checkpoint" => Ok(Box::new(sqlite::Sqlite::open(dir, "WAL", true)?)),
        #[cfg(feature = "sqlite")]
        "sqlite-persist" => Ok(Box::new(sqlite::Sqlite::open(dir, "PERSIST", false)?)),
        #[cfg(feature = "outbox")]
        "outbox" => Ok(Box::new(outbox::Outbox::open(dir)?)),
        _ => Err(format!("{kind} was not built in")),
    }
}

/// A file that is appended to and synchronised: what the disk costs. It erases nothing, and trusts what it reads.
struct Floor(File);

impl Floor {
    fn open(dir: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(dir.join("log"));
        file.map(Self).map_err(|error| error.to_string())
    }
}

impl Db for Floor {
    fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String> {
        let mut bytes = Vec::new();
        for (seq, value) in (first..).zip(values) {
            bytes.extend_from_slice(&seq.to_le_bytes());
            bytes.extend_from_slice(value);
        }
        self.0.write_all(&bytes).and_then(|()| self.0.sync_data()).map_err(|error| error.to_string())
    }

    fn erase(&mut self, _: u64, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let mut bytes = Vec::new();
        std::io::Seek::rewind(&mut self.0).map_err(|error| error.to_string())?;
        self.0.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let record = |chunk: &[u8]| {
            let (seq, value) = chunk.split_first_chunk::<8>()?;
            Some((u64::from_le_bytes(*seq), value.to_vec()))
        };
        Ok(bytes.chunks_exact(8 + 256).filter_map(record).collect())
    }
}

#[cfg(feature = "redb")]
mod redb {
    use std::path::{Path, PathBuf};

    use redb::{Database, Durability, ReadableTable, TableDefinition};

    use crate::Db;

    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

    pub(super) struct Redb {
        path: PathBuf,
        /// `None` while it is opened again.
        db: Option<Database>,
        check: bool,
        two_phase: bool,
    }

    impl Redb {
        pub(super) fn open(dir: &Path, check: bool, two_phase: bool) -> Result<Self, String> {
            let mut store = Self { path: dir.join("db"), db: None, check, two_phase };
            store.reopen().map(|()| store)
        }

        fn reopen(&mut self) -> Result<(), String> {
            self.db = None;
            let mut db = Database::create(&self.path).map_err(|error| error.to_string())?;
            if self.check && !db.check_integrity().map_err(|error| error.to_string())? {
                return Err("repaired".to_owned());
            }
            self.db = Some(db);
            Ok(())
        }

        /// After an error of the disk nothing else helps.
        fn or_reopen(&mut self, result: Result<(), redb::Error>) -> Result<(), String> {
            result.map_err(|error| match self.reopen() {
                Ok(()) => error.to_string(),
                Err(reopen) => format!("{error}, then {reopen}"),
            })
        }

        fn write(&self, first: u64, values: Option<&[Vec<u8>]>, count: u64) -> Result<(), redb::Error> {
            let mut transaction = self.db.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
            transaction.set_two_phase_commit(self.two_phase);
            if values.is_none() {
                transaction.set_durability(Durability::None)?;
            }
            {
                let mut table = transaction.open_table(TABLE)?;
                for (seq, value) in (first..).zip(values.unwrap_or_default()) {
                    table.insert(seq, value.as_slice())?;
                }
                for seq in first..first + count {
                    table.remove(seq)?;
                }
            }
            transaction.commit()?;
            Ok(())
        }
    }

    impl Db for Redb {
        fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String> {
            let result = self.write(first, Some(values), 0);
            self.or_reopen(result)
        }

        fn erase(&mut self, first: u64, count: u64) -> Result<(), String> {
            let result = self.write(first, None, count);
            self.or_reopen(result)
        }

        fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String> {
            let read = || -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
                // Writing, since the table may not be there yet.
                let transaction = self.db.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
                let table = transaction.open_table(TABLE)?;
                let mut all = Vec::new();
                for entry in table.iter()? {
                    let (seq, value) = entry?;
                    all.push((seq.value(), value.value().to_vec()));
                }
                Ok(all)
            };
            read().map_err(|error| error.to_string())
        }
    }
}

#[cfg(feature = "fjall")]
mod fjall {
    use std::path::Path;

    use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

    use crate::Db;

    pub(super) struct Fjall {
        db: Database,
        records: Keyspace,
    }

    impl Fjall {
        pub(super) fn open(dir: &Path) -> Result<Self, String> {
            let open = || {
                let db = Database::builder(dir.join("db")).open()?;
                let records = db.keyspace("records", KeyspaceCreateOptions::default)?;
                Ok(Self { db, records })
            };
            open().map_err(|error: fjall::Error| error.to_string())
        }
    }

    impl Db for Fjall {
        fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String> {
            let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
            for (seq, value) in (first..).zip(values) {
                batch.insert(&self.records, seq.to_be_bytes(), value.as_slice());
            }
            batch.commit().map_err(|error| error.to_string())
        }

        fn erase(&mut self, first: u64, count: u64) -> Result<(), String> {
            let mut batch = self.db.batch();
            for seq in first..first + count {
                batch.remove(&self.records, seq.to_be_bytes());
            }
            batch.commit().map_err(|error| error.to_string())
        }

        fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String> {
            let mut all = Vec::new();
            for entry in self.records.iter() {
                let (key, value) = entry.into_inner().map_err(|error| error.to_string())?;
                let key = key.as_ref().try_into().map_err(|_| "a key of another length".to_owned())?;
                all.push((u64::from_be_bytes(key), value.to_vec()));
            }
            Ok(all)
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;

    use rusqlite::{Connection, TransactionBehavior, params};

    use crate::Db;

    pub(super) struct Sqlite(Connection, bool);

    impl Sqlite {
        /// `checkpoint`: after each transaction, so that the log never holds what has been reported.
        pub(super) fn open(dir: &Path, journal: &str, checkpoint: bool) -> Result<Self, String> {
            let open = || {
                let db = Connection::open(dir.join("db"))?;
                db.execute_batch(&format!(
                    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL;
                     PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;
                     CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;"
                ))?;
                Ok(Self(db, checkpoint))
            };
            open().map_err(|error: rusqlite::Error| error.to_string())
        }

        fn add(&mut self, first: u64, values: &[Vec<u8>]) -> rusqlite::Result<()> {
            let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction.prepare("INSERT OR REPLACE INTO records VALUES (?1, ?2)")?;
                for (seq, value) in (first..).zip(values) {
                    insert.execute(params![seq as i64, value])?;
                }
            }
            transaction.commit()?;
            if self.1 {
                self.0.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
            }
            Ok(())
        }

        fn remove(&mut self, first: u64, count: u64) -> rusqlite::Result<()> {
            self.0.execute_batch("PRAGMA synchronous=NORMAL")?;
            let removed = self
                .0
                .prepare("DELETE FROM records WHERE seq >= ?1 AND seq < ?2")?
                .execute(params![first as i64, (first + count) as i64]);
            self.0.execute_batch("PRAGMA synchronous=FULL")?;
            removed.map(drop)
        }

        fn read(&mut self) -> rusqlite::Result<Vec<(u64, Vec<u8>)>> {
            let mut select = self.0.prepare("SELECT seq, value FROM records ORDER BY seq")?;
            let rows = select.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?;
            rows.collect()
        }
    }

    impl Db for Sqlite {
        fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String> {
            self.add(first, values).map_err(|error| error.to_string())
        }

        fn erase(&mut self, first: u64, count: u64) -> Result<(), String> {
            self.remove(first, count).map_err(|error| error.to_string())
        }

        fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String> {
            self.read().map_err(|error| error.to_string())
        }
    }
}

#[cfg(feature = "outbox")]
mod outbox {
    use std::path::Path;

    use socketio_client_native::store::{FileStore, Record, Store as _};

    use crate::Db;

    pub(super) struct Outbox {
        store: FileStore,
        /// Those that were there.
        records: Vec<Record>,
        /// Ids are reserved in blocks, as the client does.
        reserved: u64,
    }

    const BLOCK: u64 = 1024;

    impl Outbox {
        pub(super) fn open(dir: &Path) -> Result<Self, String> {
            let mut store = FileStore::new(dir.join("db"));
            let opened = store.open().map_err(|error| error.to_string())?;
            match opened.lost {
                Some(0) => Ok(Self { store, records: opened.records, reserved: opened.next }),
                lost => Err(format!("lost {lost:?}")),
            }
        }
    }

    fn record(seq: u64, value: &[u8]) -> Record {
        Record {
            namespace: "/".into(),
            seq,
            text: String::new().into(),
            attachments: vec![bytes::Bytes::copy_from_slice(value)],
            created_at: 0,
            expires_at: None,
            attempts: 0,
        }
    }

    impl Db for Outbox {
        fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String> {
            let records = (first..).zip(values).map(|(seq, value)| record(seq, value)).collect::<Vec<_>>();
            let next = first + values.len() as u64;
            if next > self.reserved {
                self.reserved = next + BLOCK;
                self.store.reserve(self.reserved).map_err(|error| error.to_string())?;
            }
            self.store.append(&records).map_err(|error| error.to_string())
        }

        fn erase(&mut self, first: u64, count: u64) -> Result<(), String> {
            let seqs = (first..first + count).collect::<Vec<_>>();
            self.store.erase("/", &seqs).map_err(|error| error.to_string())
        }

        fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String> {
            let value = |record: &Record| Some((record.seq, record.attachments.first()?.to_vec()));
            Ok(self.records.iter().filter_map(value).collect())
        }
    }
}
