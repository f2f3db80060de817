//! One file, in which redb keeps the records.
//!
//! Each transaction is committed in two phases: with one, damage to the last commit would be taken for a commit that a
//! crash has cut short, and what was durable would be gone without a word. All checksums are verified when it is opened.
//!
//! After an error of the disk redb wants to be opened again; [`FileStore::reconnect`] does that, under the same lock.

mod disk;
mod place;

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use socketio_client_core::Record;

use self::disk::Connection;
use self::place::{Before, Created, Locked};
use super::{Opened, Store, StoreError};
use crate::dispatcher::panic_message;

const RECORDS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("records");
const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
const IDENTITY: &str = "identity";
/// Empty. See [`prove_room`].
const ROOM: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("room");
/// Bytes that may be added before it is proved again that there is room besides.
const PROOF: usize = 64 * 1024;
/// What a record takes at most without its content.
const OVERHEAD: usize = 256;

/// Records erased in memory before they are in the file.
const ERASED: usize = 1024;
/// Records erased at once where there is little room.
const FEW: usize = 32;

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

/// Dropped in this order: nobody else has the file before the connection has ended.
struct Open {
    /// `None` after an error.
    connection: Option<Connection>,
    file: Locked,
    /// The delivery id.
    id: String,
    /// The first ack id that is not reserved.
    next: u64,
    /// What is still in the file, and goes with the next transaction.
    erased: BTreeSet<(String, u64)>,
    /// Bytes added since it was proved that there is room to erase.
    unproved: usize,
}

struct Contents {
    connection: Connection,
    /// As [`Open`] has them.
    identity: Option<(String, u64)>,
    records: Vec<Record>,
    lost: u64,
}

/// What one transaction adds.
#[derive(Default)]
struct Addition {
    records: Vec<(Record, Vec<u8>)>,
    next: Option<u64>,
}

impl Addition {
    /// What it takes in the file, about.
    fn size(&self) -> usize {
        let records = self.records.iter().map(|(_, bytes)| bytes.len().saturating_add(OVERHEAD));
        records.chain(self.next.map(|_| OVERHEAD)).fold(0, usize::saturating_add)
    }
}

impl Open {
    fn new(file: Locked, connection: Connection, id: &str, next: u64) -> Self {
        let (id, erased) = (id.to_owned(), BTreeSet::new());
        Self { connection: Some(connection), file, id, next, erased, unproved: PROOF }
    }
}

/// How often a lock is asked for, and the pause between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

impl FileStore {
    fn try_open(&mut self) -> Result<Opened, StoreError> {
        self.open = None;
        // What a link leads to is renamed, not the link.
        if let Ok(path) = self.path.canonicalize() {
            self.path = path;
        }
        for _ in 0..place::ATTEMPTS {
            let found = place::open(&self.path)?;
            let before = match &found {
                None => Before::Nothing,
                // A crash does not leave it empty.
                Some(file) if file.metadata().is_ok_and(|meta| meta.len() == 0) => Before::Old,
                Some(file) => match self.read(file) {
                    Ok(contents) => return self.take(found, contents),
                    Err(StoreError::Corrupt { .. }) => Before::Damaged,
                    Err(error) => return Err(error),
                },
            };
            let lost = if before == Before::Nothing { Some(0) } else { None };
            let mut opened = Opened::new(None, Vec::new(), lost);
            // What is there stays locked until then.
            if let Some(aside) = self.create(&opened.id, opened.next, before)? {
                opened.aside = aside;
                return Ok(opened);
            }
        }
        Err(StoreError::Locked { path: self.path.clone() })
    }

    /// Of the file at `path`, which is made if it is not there. Its directory must be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: None }
    }

    /// What the file holds. Only [`StoreError::Corrupt`] means that there is no reading it.
    fn read(&self, file: &File) -> Result<Contents, StoreError> {
        let connection = self.connect(file)?;
        let (mut records, mut lost, mut identity) = (Vec::new(), 0, None);
        self.guard(|| {
            let transaction = connection.database()?.begin_read()?;
            if let Some(bytes) = transaction.open_table(STATE)?.get(IDENTITY)? {
                let record = Record::decode(Bytes::copy_from_slice(bytes.value()));
                identity = record.ok().map(|record| (record.text.to_string(), record.seq));
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
        Ok(Contents { connection, identity, records, lost })
    }

    /// Goes on with a file.
    fn take(&mut self, file: Option<Locked>, contents: Contents) -> Result<Opened, StoreError> {
        let Contents { connection, identity, records, lost } = contents;
        let opened = Opened::new(identity, records, Some(lost));
        self.commit(&connection, |transaction| write_identity(transaction, &opened.id, opened.next))?;
        self.open = file.map(|file| Open::new(file, connection, &opened.id, opened.next));
        Ok(opened)
    }

    fn connect(&self, file: &File) -> Result<Connection, StoreError> {
        let file = file.try_clone().map_err(|error| StoreError::io(&self.path, &error))?;
        self.guard(|| Ok(Connection::new(file)?))
    }

    /// Begins a file with nothing but an identity. Where the damaged one is, if there was one; `None` if another client
    /// was faster.
    fn create(&mut self, id: &str, next: u64, before: Before) -> Result<Option<Option<PathBuf>>, StoreError> {
        let created = place::create(&self.path, before, |file| {
            let connection = self.connect(file)?;
            self.commit(&connection, |transaction| {
                write_identity(transaction, id, next)?;
                transaction.open_table(RECORDS)?;
                prove_room(transaction)
            })?;
            Ok(connection)
        })?;
        let Some(Created { file, filled, aside }) = created else { return Ok(None) };
        self.open = Some(Open::new(file, filled, id, next));
        place::sync_directory(&self.path).map(|()| Some(aside))
    }

    fn commit(
        &self,
        connection: &Connection,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        self.guard(|| {
            let mut transaction = connection.database()?.begin_write()?;
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
            redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::Unsupported => {
                StoreError::Io { path: self.path.clone(), cause: error.to_string() }
            }
            _ => StoreError::corrupt(&self.path, error),
        }
    }

    /// Opens it again after an error.
    fn reconnect(&mut self) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        if open.connection.is_some() {
            return Ok(());
        }
        let Contents { connection, identity, .. } = self.read(&open.file)?;
        if identity.is_none_or(|(id, _)| id != open.id) {
            return Err(StoreError::corrupt(&self.path, "its delivery id has changed"));
        }
        if let Some(open) = &mut self.open {
            open.connection = Some(connection);
        }
        Ok(())
    }

    /// One transaction: erases some of what is to be erased, and adds.
    fn write(&mut self, erase: usize, addition: &Addition) -> Result<(), StoreError> {
        self.reconnect()?;
        let Some(Open { connection: Some(connection), id, erased, unproved, .. }) = &self.open else {
            return Err(StoreError::NotOpen);
        };
        let unproved = unproved.saturating_add(addition.size());
        let prove = unproved >= PROOF && addition.size() > 0;
        let mut new = Vec::new();
        let result = self.commit(connection, |transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (namespace, seq) in erased.iter().take(erase) {
                table.remove((namespace.as_str(), *seq))?;
            }
            for (record, bytes) in &addition.records {
                if table.insert((&*record.namespace, record.seq), bytes.as_slice())?.is_none() {
                    new.push((record.namespace.to_string(), record.seq));
                }
            }
            drop(table);
            if let Some(next) = addition.next {
                write_identity(transaction, id, next)?;
            }
            if prove { prove_room(transaction) } else { Ok(()) }
        });
        let Some(open) = &mut self.open else { return Err(StoreError::NotOpen) };
        if result.is_err() {
            open.connection = None;
            open.unproved = PROOF;
            // They may have become durable all the same, and are not reported as such.
            open.erased.extend(new);
            return result;
        }
        let rest = open.erased.iter().nth(erase).cloned();
        open.erased = rest.map_or_else(BTreeSet::new, |rest| open.erased.split_off(&rest));
        open.next = open.next.max(addition.next.unwrap_or(0));
        open.unproved = if prove { 0 } else { unproved };
        Ok(())
    }

    /// Erases, and adds.
    fn add(&mut self, addition: &Addition) -> Result<(), StoreError> {
        let waiting = self.erased();
        match self.write(usize::MAX, addition) {
            Err(StoreError::Full { .. }) if waiting > 0 => {
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
        // A process that another thread is just starting has this one's open files, and their locks, until it has begun.
        for _ in 0..TRIES {
            match self.try_open() {
                Err(StoreError::Locked { .. }) => thread::sleep(PAUSE),
                opened => return opened,
            }
        }
        self.try_open()
    }

    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        let next = records.iter().map(|record| record.seq.saturating_add(1)).max();
        let next = next.filter(|&next| next > open.next);
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
            match self.write(FEW, &Addition::default()) {
                Err(StoreError::Full { .. }) => self.write(1, &Addition::default())?,
                result => result?,
            }
        }
        Ok(())
    }

    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        if up_to <= open.next {
            return Ok(());
        }
        self.add(&Addition { next: Some(up_to), records: Vec::new() })
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(StoreError::NotOpen)?;
        let (id, next) = (open.id.clone(), open.next);
        match self.create(&id, next, Before::Old) {
            Ok(Some(_)) => return Ok(()),
            // In place then: what is erased is still to be found in the file by who searches it.
            Ok(None) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        self.reconnect()?;
        let Some(Open { connection: Some(connection), .. }) = &self.open else {
            return Err(StoreError::NotOpen);
        };
        let result = self.commit(connection, |transaction| {
            transaction.delete_table(RECORDS)?;
            transaction.open_table(RECORDS)?;
            Ok(())
        });
        if let Some(open) = &mut self.open {
            match result {
                Ok(()) => open.erased.clear(),
                Err(_) => open.connection = None,
            }
        }
        result
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // If that fails, records come back that were erased: they are known where they go.
        let _ = self.flush();
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").field("path", &self.path).field("open", &self.open.is_some()).finish()
    }
}

/// As a record, for its checksum.
fn write_identity(transaction: &WriteTransaction, id: &str, next: u64) -> Result<(), redb::Error> {
    let record = Record {
        namespace: ByteString::new(),
        seq: next,
        text: id.into(),
        attachments: Vec::new(),
        created_at: 0,
        expires_at: None,
        attempts: 0,
    };
    // It always fits: an id has 22 characters.
    let bytes = record.encode().unwrap_or_default();
    transaction.open_table(STATE)?.insert(IDENTITY, bytes.as_slice())?;
    Ok(())
}

/// Sees to it that the file has room for what erasing needs, which writes pages anew as well: what fills a disk fails
/// before it takes the last of it. These pages are never written.
fn prove_room(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    /// Of one page each, as erasing writes them, so that they are found in a file that is full of holes.
    const PIECE: [u8; 3_900] = [0; 3_900];
    /// Some 30 pages for what is added until the next time, as many for transactions whose pages are not free yet, and
    /// for erasing.
    const PIECES: u32 = 96;
    let mut table = transaction.open_table(ROOM)?;
    for piece in 0..PIECES {
        table.insert(piece, PIECE.as_slice())?;
    }
    for piece in 0..PIECES {
        table.remove(piece)?;
    }
    Ok(())
}
