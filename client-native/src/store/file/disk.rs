//! The file under the database.

use std::fs::File;
use std::io;

use redb::backends::FileBackend;
use redb::{DatabaseError, StorageBackend};

const ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A file whose every byte has its place on the disk: that there is no room is found out when it grows, and writing to
/// what it has, as erasing does, needs none. It has no locks, since the file was locked before.
#[derive(Debug)]
pub(super) struct Disk(FileBackend);

impl Disk {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        FileBackend::new(file).map(Self)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut at = self.0.len()?;
        if len <= at {
            return self.0.set_len(len);
        }
        let before = at;
        while at < len {
            let left = usize::try_from(len - at).unwrap_or(ZEROS.len());
            let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
            if let Err(error) = self.0.write(at, zeros) {
                // Else it would be longer than its header says. If not even that can be done, it is repaired later.
                return self.0.set_len(before).and(Err(error));
            }
            at += zeros.len() as u64;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
