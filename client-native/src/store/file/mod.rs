//! One file, in which redb keeps the records.
//!
//! Each transaction is committed in two phases: with one, damage to the last commit would be taken for a commit that a
//! crash has cut short, and what was durable would be gone without a word. All checksums are verified when it is opened.
//!
//! After an error of the disk redb wants to be opened again; [`FileStore::database`] does that, under the same lock.

mod disk;
mod place;

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use bytes::Bytes;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use socketio_client_core::Record;

use self::disk::Disk;
use super::{Identity, Opened, Store, StoreError};
use crate::dispatcher::panic_message;

const RECORDS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("records");
const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
const IDENTITY: &str = "identity";
/// Empty. See [`leave_room`].
const ROOM: TableDefinition<'_, (), &[u8]> = TableDefinition::new("room");

/// The outbox is small, and read once.
const CACHE: usize = 4 * 1024 * 1024;
/// Records erased in memory before they are in the file.
const ERASED: usize = 1024;
/// Records erased at once where there is little room.
const FEW: usize = 8;

/// A [`Store`] in one file, for one client at a time.
///
/// A file that cannot be opened, because it was damaged or is something else, is renamed, never deleted, and a new one
/// is begun: [`Opened::aside`] says where it is.
///
/// See [`Store`] for an example.
pub struct FileStore {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    /// Holds the lock.
    file: File,
    /// `None` after an error.
    database: Option<Database>,
    identity: Identity,
    /// What is still in the file, and goes with the next transaction.
    erased: BTreeSet<(String, u64)>,
}

/// What one transaction adds.
#[derive(Default)]
struct Addition {
    records: Vec<(Record, Vec<u8>)>,
    next: Option<u64>,
}

impl FileStore {
    /// Of the file at `path`, which is made if it is not there. Its directory must be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: None }
    }

    /// What the file at the path holds. Only the fault [`StoreError::Corrupt`] means that there is no reading it.
    fn read(&self, file: &File) -> Result<(Database, Option<Identity>, Vec<Record>, u64), StoreError> {
        let database = self.connect(file)?;
        let (mut records, mut lost, mut identity) = (Vec::new(), 0, None);
        self.guard(|| {
            let transaction = database.begin_read()?;
            if let Some(bytes) = transaction.open_table(STATE)?.get(IDENTITY)? {
                let record = Record::decode(Bytes::copy_from_slice(bytes.value()));
                identity = record.ok().map(|record| Identity::from_record(&record));
            }
            for entry in transaction.open_table(RECORDS)?.iter()? {
                let (key, bytes) = entry?;
                match Record::decode(Bytes::copy_from_slice(bytes.value())) {
                    Ok(record) if (&*record.namespace, record.seq) == key.value() => records.push(record),
                    _ => lost += 1,
                }
            }
            Ok(())
        })?;
        Ok((database, identity, records, lost))
    }

    fn connect(&self, file: &File) -> Result<Database, StoreError> {
        let file = file.try_clone().map_err(|error| StoreError::io(&self.path, &error))?;
        self.guard(|| {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
            Ok(builder.create_with_backend(Disk::new(file)?)?)
        })
    }

    /// A file with nothing but an identity.
    fn create(&self, identity: &Identity, replaces: bool) -> Result<Option<(File, Database)>, StoreError> {
        place::create(&self.path, replaces, |file| {
            let database = self.connect(file)?;
            self.commit(&database, |transaction| {
                write_identity(transaction, identity)?;
                transaction.open_table(RECORDS)?;
                leave_room(transaction)
            })?;
            Ok(database)
        })
    }

    fn commit(
        &self,
        database: &Database,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        self.guard(|| {
            let mut transaction = database.begin_write()?;
            transaction.set_two_phase_commit(true);
            work(&transaction)?;
            Ok(transaction.commit()?)
        })
    }

    /// Calls the database. It returns errors for damage that it sees; what it believed in ends in a panic.
    fn guard<T>(&self, call: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => result.map_err(|error| self.fault(error)),
            Err(panic) => Err(StoreError::corrupt(&self.path, panic_message(&*panic))),
        }
    }

    fn fault(&self, error: redb::Error) -> StoreError {
        use std::io::ErrorKind;
        match error {
            redb::Error::Io(error)
                if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                StoreError::io(&self.path, &error)
            }
            redb::Error::DatabaseAlreadyOpen => StoreError::Locked { path: self.path.clone() },
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                StoreError::Io { path: self.path.clone(), cause: error.to_string() }
            }
            _ => StoreError::corrupt(&self.path, error),
        }
    }

    /// Opens it again after an error.
    fn reconnect(&mut self) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        if open.database.is_some() {
            return Ok(());
        }
        let (database, identity, ..) = self.read(&open.file)?;
        if identity.is_none_or(|identity| identity.id != open.identity.id) {
            return Err(StoreError::corrupt(&self.path, "its delivery id has changed"));
        }
        if let Some(open) = &mut self.open {
            open.database = Some(database);
        }
        Ok(())
    }

    /// One transaction: erases some of what is to be erased, and adds.
    fn write(&mut self, erase: usize, addition: &Addition) -> Result<(), StoreError> {
        self.reconnect()?;
        let Some(Open { database: Some(database), identity, erased, .. }) = &self.open else {
            return Err(StoreError::NotOpen);
        };
        let result = self.commit(database, |transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (namespace, seq) in erased.iter().take(erase) {
                table.remove((namespace.as_str(), *seq))?;
            }
            for (record, bytes) in &addition.records {
                table.insert((&*record.namespace, record.seq), bytes.as_slice())?;
            }
            drop(table);
            if let Some(next) = addition.next {
                write_identity(transaction, &Identity { id: identity.id.clone(), next })?;
            }
            if addition.next.is_some() || !addition.records.is_empty() {
                leave_room(transaction)
            } else {
                Ok(())
            }
        });
        let Some(open) = &mut self.open else { return Err(StoreError::NotOpen) };
        if result.is_err() {
            close(open.database.take());
            // It may have become durable all the same, and has not been reported.
            let failed =
                addition.records.iter().map(|(record, _)| (record.namespace.to_string(), record.seq));
            open.erased.extend(failed);
            return result;
        }
        let rest = open.erased.iter().nth(erase).cloned();
        open.erased = rest.map_or_else(BTreeSet::new, |rest| open.erased.split_off(&rest));
        open.identity.next = open.identity.next.max(addition.next.unwrap_or(0));
        Ok(())
    }

    /// Erases, and adds.
    fn add(&mut self, addition: &Addition) -> Result<(), StoreError> {
        match self.write(usize::MAX, addition) {
            Err(StoreError::Full { .. }) if self.erased() > addition.records.len() => {
                self.flush()?;
                self.write(0, addition)
            }
            result => result,
        }
    }

    fn erased(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.erased.len())
    }
}

impl Store for FileStore {
    fn open(&mut self) -> Result<Opened, StoreError> {
        close(self.open.take().and_then(|open| open.database));
        // What a link leads to is renamed, not the link.
        if let Ok(path) = self.path.canonicalize() {
            self.path = path;
        }
        let (mut lost, mut aside) = (Some(0), None);
        loop {
            let found = place::open(&self.path)?;
            // A crash does not leave it empty.
            let empty = found.as_ref().is_some_and(|file| file.metadata().is_ok_and(|meta| meta.len() == 0));
            if empty {
                lost = None;
            }
            let Some(file) = found.as_ref().filter(|_| !empty) else {
                let (identity, _) = Identity::follow(None, &[]);
                let Some((file, database)) = self.create(&identity, empty)? else { continue };
                let Identity { id, next } = identity.clone();
                self.open = Some(Open { file, database: Some(database), identity, erased: BTreeSet::new() });
                return Ok(Opened { id, next, records: Vec::new(), lost, renewed: false, aside });
            };
            let (database, identity, records, bad) = match self.read(file) {
                Ok(contents) => contents,
                Err(StoreError::Corrupt { .. }) => {
                    aside = Some(place::set_aside(&self.path)?);
                    lost = None;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (identity, renewed) = Identity::follow(identity, &records);
            self.commit(&database, |transaction| write_identity(transaction, &identity))?;
            let Identity { id, next } = identity.clone();
            self.open =
                found.map(|file| Open { file, database: Some(database), identity, erased: BTreeSet::new() });
            let lost = lost.map(|lost: u64| lost + bad);
            return Ok(Opened { id, next, records, lost, renewed, aside });
        }
    }

    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        let next = records.iter().map(|record| record.seq.saturating_add(1)).max();
        let next = next.filter(|&next| next > open.identity.next);
        let records = records.iter().map(|record| Ok((record.clone(), record.encode()?)));
        let records = records.collect::<Result<Vec<_>, StoreError>>()?;
        if records.is_empty() { Ok(()) } else { self.add(&Addition { records, next }) }
    }

    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        let open = self.open.as_mut().ok_or(StoreError::NotOpen)?;
        open.erased.extend(seqs.iter().map(|&seq| (namespace.to_owned(), seq)));
        if open.erased.len() < ERASED { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.erased() == 0 {
            return if self.open.is_some() { Ok(()) } else { Err(StoreError::NotOpen) };
        }
        match self.write(usize::MAX, &Addition::default()) {
            Err(StoreError::Full { .. }) => {}
            result => return result,
        }
        while self.erased() > 0 {
            self.write(FEW, &Addition::default())?;
        }
        Ok(())
    }

    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        if up_to <= open.identity.next {
            return Ok(());
        }
        self.add(&Addition { next: Some(up_to), records: Vec::new() })
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        let identity = open.identity.clone();
        match self.create(&identity, true) {
            Ok(Some((file, database))) => {
                let new = Open { file, database: Some(database), identity, erased: BTreeSet::new() };
                close(self.open.replace(new).and_then(|old| old.database));
                return Ok(());
            }
            // In place then: what is erased is still to be found in the file by who searches it.
            Ok(None) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        self.reconnect()?;
        let Some(Open { database: Some(database), .. }) = &self.open else { return Err(StoreError::NotOpen) };
        let result = self.commit(database, |transaction| {
            transaction.delete_table(RECORDS)?;
            transaction.open_table(RECORDS)?;
            Ok(())
        });
        if let Some(open) = &mut self.open {
            match result {
                Ok(()) => open.erased.clear(),
                Err(_) => close(open.database.take()),
            }
        }
        result
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // If that fails, records come back that were erased: they are known where they go.
        let _ = self.flush();
        close(self.open.take().and_then(|open| open.database));
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").field("path", &self.path).field("open", &self.open.is_some()).finish()
    }
}

/// It writes while it closes, and what it finds then may be damaged.
fn close(database: Option<Database>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

fn write_identity(transaction: &WriteTransaction, identity: &Identity) -> Result<(), redb::Error> {
    // It always fits: an id is 22 characters.
    let bytes = identity.to_record().encode().unwrap_or_default();
    transaction.open_table(STATE)?.insert(IDENTITY, bytes.as_slice())?;
    Ok(())
}

/// Sees to it that the file has room for what erasing needs, which writes pages anew as well: what fills a disk fails
/// before it takes the last of it.
fn leave_room(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    const ROOM_BYTES: [u8; 64 * 1024] = [0; 64 * 1024];
    let mut table = transaction.open_table(ROOM)?;
    table.insert((), ROOM_BYTES.as_slice())?;
    table.remove(())?;
    Ok(())
}
