//! A store that gives away bytes of its own, which run its code when they are dropped.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socketio_client_native::store::{MemoryStore, Opened, Record, Store, StoreError};
use socketio_client_native::{Bytes, Client};

use crate::support::pair;

struct Owning {
    place: MemoryStore,
    client: Arc<OnceLock<Client>>,
    free: Sender<bool>,
}

/// Tells when it is dropped whether the client could be asked at that moment.
struct Part {
    client: Arc<OnceLock<Client>>,
    free: Sender<bool>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        b"part"
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let (tell, told) = mpsc::channel();
        let client = Arc::clone(&self.client);
        std::thread::spawn(move || {
            let _ = tell.send(client.get().map(Client::state));
        });
        // It is not locked for long by others.
        let _ = self.free.send(told.recv_timeout(Duration::from_secs(5)).is_ok());
    }
}

impl Store for Owning {
    fn open(&mut self) -> Result<Opened, StoreError> {
        let mut opened = self.place.open()?;
        for record in &mut opened.records {
            let (client, free) = (Arc::clone(&self.client), self.free.clone());
            record.attachments = vec![Bytes::from_owner(Part { client, free })];
        }
        Ok(opened)
    }
    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.place.append(records)
    }
    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        self.place.erase(namespace, seqs)
    }
    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        self.place.reserve(up_to)
    }
    fn clear(&mut self) -> Result<(), StoreError> {
        self.place.clear()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_gave_is_dropped_with_no_lock_held() {
    let place = MemoryStore::new();
    let mut earlier = place.clone();
    earlier.open().unwrap();
    earlier.reserve(1024).unwrap();
    // It is no event, so it goes no further than the client.
    let text = "nonsense".into();
    let (namespace, attachments) = ("/".into(), vec![Bytes::from_static(b"part")]);
    let record =
        Record { namespace, seq: 5, text, attachments, created_at: 0, expires_at: None, attempts: 0 };
    earlier.append(&[record]).unwrap();
    drop(earlier);

    let (free, dropped) = mpsc::channel();
    let known = Arc::new(OnceLock::new());
    let (builder, _server) = pair();
    let store = Owning { place: place.clone(), client: Arc::clone(&known), free };
    let client = builder.outbox_store(store).build().unwrap();
    known.set(client.clone()).unwrap();
    let _socket = client.default_socket();
    let free = tokio::task::spawn_blocking(move || dropped.recv_timeout(Duration::from_secs(30)));
    assert_eq!(free.await.unwrap(), Ok(true));
}
