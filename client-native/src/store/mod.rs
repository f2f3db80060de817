//! Where reliable emits are kept until they are settled, also beyond the end of the process.
//!
//! A [`FileStore`] is one file and one client's. A [`MemoryStore`] keeps nothing, and fails as tests want it to. A
//! [`StoreWorker`] is the thread that drives either.
//!
//! Content is not encrypted: whoever can read the file can read what was emitted. Logging a user out calls for
//! [`Client::clear_outbox`](crate::Client::clear_outbox), or [`Store::clear`] where no client has it open.

mod error;
mod file;
mod memory;
mod worker;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
pub use bytestring::ByteString;
pub use error::StoreError;
pub use file::FileStore;
pub use memory::MemoryStore;
pub use socketio_client_core::{Record, RecordError};
pub use worker::{Done, StoreWorker};

/// What a place for reliable emits does. Calls block, and come from one thread.
///
/// The same contract in other words: what [`append`](Self::append) has returned for is there after any crash, in order,
/// until it is erased; and no ack id is used for two events under one delivery id.
///
/// ```
/// use socketio_client_native::store::{FileStore, Record, Store, StoreError};
///
/// # fn example(dir: &std::path::Path) -> Result<(), StoreError> {
/// let order = Record {
///     namespace: "/orders".into(),
///     seq: 0,
///     text: r#"["order","tea",2]"#.into(),
///     attachments: Vec::new(),
///     created_at: 1_795_252_804_095,
///     expires_at: None,
///     attempts: 0,
/// };
/// let mut store = FileStore::new(dir.join("orders.outbox"));
/// let first = store.open()?;
/// store.reserve(first.next + 1024)?; // before an id below that is used
/// store.append(&[order.clone()])?; // on the disk from here on
/// drop(store); // the process ends, in any way
///
/// let mut store = FileStore::new(dir.join("orders.outbox"));
/// let second = store.open()?;
/// assert_eq!((second.records, second.lost), (vec![order], Some(0)));
/// assert_eq!(second.id, first.id); // sent again under the same key
/// assert!(second.next >= first.next + 1024); // which no new emit has
/// store.erase("/orders", &[0])?; // acknowledged
/// # Ok(())
/// # }
/// # let dir = std::env::temp_dir().join(format!("store-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// # example(&dir).unwrap();
/// # std::fs::remove_dir_all(dir).unwrap();
/// ```
pub trait Store: Send + 'static {
    /// Takes the store for this process, and tells what is in it. To be called once, first.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while somebody else has it; others as the place has them. What cannot be read is no error,
    /// but told in [`Opened`].
    fn open(&mut self) -> Result<Opened, StoreError>;

    /// Adds records, all or none. They are durable when it returns. One with the namespace and seq of an earlier record
    /// takes its place.
    ///
    /// # Errors
    /// [`StoreError::Full`]: [`erase`](Self::erase) and [`flush`](Self::flush) still work, and so does this once there is
    /// room.
    fn append(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Forgets records. It may be lazy: after a crash they can be there again, unless [`flush`](Self::flush) was called.
    /// Those that are not there are passed over.
    ///
    /// # Errors
    /// As the place has them. They stay to be erased by a later call.
    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError>;

    /// Makes what was erased durable.
    ///
    /// # Errors
    /// As the place has them. What was to be erased stays to be erased by a later call.
    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Sees to it that no later opening gives away an id below `up_to`, in any namespace. Durable when it returns; less
    /// than before changes nothing.
    ///
    /// # Errors
    /// As the place has them: then no id that is not reserved yet may be used.
    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError>;

    /// Removes all records, durably, and their content from the place as far as that can be done. The delivery id and
    /// what is reserved stay.
    ///
    /// # Errors
    /// As the place has them: then the records may still be there.
    fn clear(&mut self) -> Result<(), StoreError>;
}

/// What a store holds when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The delivery id, of 22 characters: with namespace and ack id the key by which a server knows an event again.
    ///
    /// It is that of the last time if there are records which may have been sent under it, else a new one.
    pub id: String,
    /// The first ack id that is free, in every namespace.
    ///
    /// Where the delivery id is kept, it is more than was ever reserved by a random number. So ids are not used twice
    /// either if the store was put back from a copy, or is used as two copies: neither can be seen from inside.
    pub next: u64,
    /// By namespace, then in order of seq.
    pub records: Vec<Record>,
    /// Records that were there and cannot be read; `None` if their number is not known.
    pub lost: Option<u64>,
    /// The delivery id had to be made new although there are records: their events may be run a second time.
    pub renewed: bool,
    /// Where a file is now that could not be opened.
    pub aside: Option<PathBuf>,
}

/// Node reads ack ids exactly up to 2^53; half of them are for leaps.
const LEAPS_END: u64 = 1 << 52;
/// Two ranges of a million ids each, at random places of this many, meet once in 30,000 times.
const LEAP: u64 = 1 << 36;

impl Opened {
    /// What follows from what a place holds: the delivery id and the first free ack id that were stored last, if they can
    /// be read, and the records. A [`Store`] makes the new `id` and `next` durable before it gives them away.
    ///
    /// ```
    /// use socketio_client_native::store::Opened;
    ///
    /// let first = Opened::new(None, Vec::new(), Some(0));
    /// assert_eq!((first.id.len(), first.next), (22, 0));
    /// ```
    #[must_use]
    pub fn new(stored: Option<(String, u64)>, mut records: Vec<Record>, lost: Option<u64>) -> Self {
        records.sort_by(|one, two| (&*one.namespace, one.seq).cmp(&(&*two.namespace, two.seq)));
        let beyond = records.iter().map(|record| record.seq.saturating_add(1)).max().unwrap_or(0);
        // An id that is used already and not reserved: what is stored is not what was stored last.
        let kept = stored.filter(|(_, next)| *next >= beyond && !records.is_empty());
        let renewed = kept.is_none() && !records.is_empty();
        // Seeded by the operating system. An id must not be met by chance; the rest is up to authentication.
        let random = RandomState::new();
        let (id, next) = match kept {
            Some((id, next)) if next < LEAPS_END => (id, next + 1 + random.hash_one("leap") % LEAP),
            Some(kept) => kept,
            None => {
                let bytes = [random.hash_one("first"), random.hash_one("second")].map(u64::to_ne_bytes);
                (BASE64_URL_SAFE_NO_PAD.encode(bytes.concat()), beyond)
            }
        };
        Self { id, next, records, lost, renewed, aside: None }
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn open(&mut self) -> Result<Opened, StoreError> {
        (**self).open()
    }

    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        (**self).append(records)
    }

    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        (**self).erase(namespace, seqs)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        (**self).flush()
    }

    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        (**self).reserve(up_to)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        (**self).clear()
    }
}

#[cfg(test)]
mod tests {
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

    fn after(next: u64, seqs: &[u64]) -> Opened {
        Opened::new(Some(("old".to_owned(), next)), seqs.iter().copied().map(record).collect(), Some(0))
    }

    #[test]
    fn an_id_is_kept_only_with_records_under_it() {
        let empty = after(1024, &[]);
        assert!(empty.id != "old" && empty.id.len() == 22 && empty.next == 0 && !empty.renewed);
        let kept = after(1024, &[7, 3]);
        assert!(kept.id == "old" && kept.next > 1024 && !kept.renewed);
        assert_eq!(kept.records, [record(3), record(7)]);
        assert_ne!(kept.next, after(1024, &[7, 3]).next, "two copies go different ways");
        let first = Opened::new(None, Vec::new(), None);
        assert!(first.id != empty.id && first.next == 0 && !first.renewed);
    }

    #[test]
    fn an_id_is_renewed_if_it_cannot_be_trusted() {
        let unknown = Opened::new(None, vec![record(3), record(7)], Some(0));
        assert!(unknown.next == 8 && unknown.renewed);
        let behind = after(7, &[7]);
        assert!(behind.id != "old" && behind.next == 8 && behind.renewed);
    }

    #[test]
    fn leaps_stay_below_what_node_reads_exactly() {
        for next in [1, LEAPS_END - 1, LEAPS_END, (1 << 53) - 2] {
            let after = after(next, &[0]);
            assert!(after.next >= next && after.next < 1 << 53, "{next}: {}", after.next);
        }
        assert_eq!(after(1, &[u64::MAX]).next, u64::MAX);
    }
}
