//! A store that ends with the process, and fails as it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytestring::ByteString;
use socketio_client_core::Record;

use super::{Opened, Store, StoreError};

/// A [`Store`] for tests. Clones are the same place: one can be opened when the one before it is dropped, as a file can
/// by the next process.
///
/// ```
/// use socketio_client_native::store::{MemoryStore, Store, StoreError};
///
/// let place = MemoryStore::new();
/// let mut store = place.clone();
/// let id = store.open()?.id;
/// assert!(matches!(place.clone().open(), Err(StoreError::Locked { .. })));
/// place.set_room(Some(0));
/// assert!(matches!(store.reserve(1024), Err(StoreError::Full { .. })));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    place: Arc<Mutex<Place>>,
    /// Whether this clone is the one that has the place open.
    open: bool,
}

#[derive(Debug, Default)]
struct Place {
    /// The delivery id, and the first ack id that is free.
    identity: Option<(String, u64)>,
    records: BTreeMap<(ByteString, u64), Record>,
    open: bool,
    /// Bytes that may still be written.
    room: Option<u64>,
    failure: Option<StoreError>,
}

impl Place {
    fn write(&mut self, bytes: u64) -> Result<(), StoreError> {
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(bytes).ok_or_else(|| StoreError::Full {
                path: "memory".into(),
                cause: "the test leaves no room".to_owned(),
            })?;
        }
        Ok(())
    }
}

impl MemoryStore {
    /// An empty place.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets so many more bytes be written, or any number. Erasing takes none, and gives none back.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.place().room = bytes;
    }

    /// Lets every call fail with this error, or none.
    pub fn set_failure(&self, error: Option<StoreError>) {
        self.place().failure = error;
    }

    /// What it holds, by namespace and seq, whether it is open or not.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.place().records.values().cloned().collect()
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> Result<MutexGuard<'_, Place>, StoreError> {
        let place = self.place();
        if !self.open {
            return Err(StoreError::NotOpen);
        }
        match &place.failure {
            Some(error) => Err(error.clone()),
            None => Ok(place),
        }
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { place: Arc::clone(&self.place), open: false }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        if self.open {
            self.place().open = false;
        }
    }
}

impl Store for MemoryStore {
    fn open(&mut self) -> Result<Opened, StoreError> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &place.failure {
            return Err(error.clone());
        }
        if place.open {
            return Err(StoreError::Locked { path: "memory".into() });
        }
        let records = place.records.values().cloned().collect();
        let opened = Opened::new(place.identity.take(), records, Some(0));
        place.identity = Some((opened.id.clone(), opened.next));
        place.open = true;
        drop(place);
        self.open = true;
        Ok(opened)
    }

    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let sizes = records.iter().map(|record| record.encode().map(|bytes| bytes.len() as u64));
        let size = sizes.sum::<Result<u64, _>>()?;
        let mut place = self.opened()?;
        place.write(size)?;
        for record in records {
            place.records.insert((record.namespace.clone(), record.seq), record.clone());
            if let Some((_, next)) = &mut place.identity {
                *next = (*next).max(record.seq.saturating_add(1));
            }
        }
        Ok(())
    }

    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        let mut place = self.opened()?;
        place.records.retain(|(name, seq), _| name != namespace || !seqs.contains(seq));
        Ok(())
    }

    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        let mut place = self.opened()?;
        place.write(8)?;
        if let Some((_, next)) = &mut place.identity {
            *next = (*next).max(up_to);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.opened()?.records.clear();
        Ok(())
    }
}
