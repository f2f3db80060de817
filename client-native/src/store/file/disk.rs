//! The file under the database.
//!
//! redb has a checksum for each page that it uses and for each of its two roots, but none for the byte that says which
//! root is the newer one: changed, it would be yesterday's file that is opened. So the first sector, which holds that
//! byte and is written at once, gets a checksum of ours, in a place that redb does not use.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crc::{CRC_32_ISCSI, Crc, Table};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend, StorageError};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Of it without the checksum.
const SEALED: usize = SECTOR - 4;
/// Of redb.
const PAGE: u64 = 4096;

static CHECKSUM: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The outbox is small, and read once.
const CACHE: usize = 4 * 1024 * 1024;

/// A database that ends as in a crash, since it would cut the file down to what is used otherwise: then nothing could be
/// erased after the next opening if the disk is full by then. What has been committed is there all the same.
pub(super) struct Connection {
    database: Option<Database>,
    ended: Arc<AtomicBool>,
}

impl Connection {
    /// Verifies all checksums of a file that is not empty.
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        let ended = Arc::new(AtomicBool::new(false));
        let disk = Disk { file: FileBackend::new(file)?, ended: Arc::clone(&ended) };
        if disk.file.len()? > 0 && (disk.len()? == 0 || !is_sealed(&disk.sector()?)) {
            let cause = "the first sector is not as it was written, or of another program".to_owned();
            return Err(StorageError::Corrupted(cause).into());
        }
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let database = Some(builder.create_with_backend(disk)?);
        Ok(Self { database, ended })
    }

    pub(super) fn database(&self) -> Result<&Database, redb::Error> {
        self.database.as_ref().ok_or(redb::Error::DatabaseClosed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // What it finds while it ends may be damaged.
        let _ = catch_unwind(AssertUnwindSafe(|| self.database.take()));
    }
}

/// A file whose every byte has its place on the disk: that there is no room is found out when it grows, and writing to
/// what it has, as erasing does, needs none. It has no locks, since the file was locked before.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    ended: Arc<AtomicBool>,
}

impl Disk {
    fn file(&self) -> io::Result<&FileBackend> {
        let ended = self.ended.load(Ordering::Acquire);
        if ended { Err(io::ErrorKind::NotConnected.into()) } else { Ok(&self.file) }
    }

    fn sector(&self) -> io::Result<[u8; SECTOR]> {
        let mut sector = [0; SECTOR];
        self.file()?.read(0, &mut sector)?;
        Ok(sector)
    }
}

fn is_sealed(sector: &[u8; SECTOR]) -> bool {
    let (sealed, checksum) = sector.split_at(SEALED);
    checksum == CHECKSUM.checksum(sealed).to_le_bytes()
}

fn seal(sector: &mut [u8; SECTOR]) {
    let (sealed, checksum) = sector.split_at_mut(SEALED);
    checksum.copy_from_slice(&CHECKSUM.checksum(sealed).to_le_bytes());
}

impl StorageBackend for Disk {
    /// In whole pages: a crash while it grows may leave a part of one, as room that nothing is in.
    fn len(&self) -> io::Result<u64> {
        let len = self.file()?.len()?;
        Ok(len - len % PAGE)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file()?.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let file = self.file()?;
        let before = file.len()?;
        let mut at = before;
        while at < len {
            let left = usize::try_from(len - at).unwrap_or(ZEROS.len());
            let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
            if let Err(error) = file.write(at, zeros) {
                // Else it would be longer than its header says. If not even that can be done, it is repaired later.
                return file.set_len(before).and(Err(error));
            }
            at += zeros.len() as u64;
        }
        file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let file = self.file()?;
        let Some(start) = usize::try_from(offset).ok().filter(|start| *start < SEALED) else {
            return file.write(offset, data);
        };
        let mut sector = self.sector()?;
        let (here, beyond) = data.split_at(data.len().min(SECTOR - start));
        sector.iter_mut().skip(start).zip(here).for_each(|(old, new)| *old = *new);
        seal(&mut sector);
        file.write(0, &sector)?;
        if beyond.is_empty() { Ok(()) } else { file.write(SECTOR as u64, beyond) }
    }
}
