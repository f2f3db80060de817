//! What is written, and read again.

use socketio_client_core::codec::Json;
use socketio_client_core::{Config, SocketOptions};

use super::*;

fn saved() -> SavedSession {
    SavedSession {
        pid: "p\n\"".into(),
        offset: Offset::parse("Q7zOKAz.0"),
        claimed: true,
        heard: Duration::from_millis(7),
        link: SavedLink { sid: "s".into(), carrier: Carrier::Upgraded, noticed_by: Duration::from_millis(9) },
    }
}

fn stored() -> (tempfile::NamedFile, String) {
    let file = tempfile::NamedFile::new();
    let store = RecoveryStore::open(&file.0, "server".into());
    {
        let mut inner = store.inner();
        inner.entries.insert("/".into(), Some(saved()));
        inner.entries.insert("/claimed".into(), None);
        inner.changed = true;
    }
    store.leave();
    drop(store);
    let text = std::fs::read_to_string(&file.0).unwrap();
    (file, text)
}

/// A file of its own for each test.
mod tempfile {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(super) struct NamedFile(pub(super) PathBuf);

    impl NamedFile {
        pub(super) fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("sio-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let file = Self(std::env::temp_dir().join(name));
            let _ = std::fs::remove_file(&file.0);
            file
        }
    }

    impl Drop for NamedFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

#[test]
fn the_next_process_finds_what_was_stored() {
    let (file, _) = stored();
    let store = RecoveryStore::open(&file.0, "server".into());
    let inner = store.inner();
    assert!(!inner.lost);
    assert_eq!(inner.entries.get("/"), Some(&Some(saved())));
    assert_eq!(inner.entries.get("/claimed"), Some(&None));
}

#[tokio::test]
async fn what_is_stored_does_not_run_ahead_of_events_that_wait_for_a_listener() {
    let file = tempfile::NamedFile::new();
    let store = Arc::new(RecoveryStore::open(&file.0, "server".into()));
    let mut manager = Manager::new(Json, Config::new("http://localhost").unwrap(), 0);
    let [socket, other] = ["/", "/other"].map(|name| manager.socket(name, SocketOptions::default()));
    store.inner().names = vec![(socket, "/".into()), (other, "/other".into())];
    let at = |offset| SavedSession { offset: Offset::parse(offset), ..saved() };
    let mark = |store: &Arc<RecoveryStore>, socket, offset| store.obey(socket, Saved::Session(at(offset)));
    let stored = |store: &RecoveryStore, name| {
        store
            .inner()
            .entries
            .get(name)
            .and_then(|entry| entry.as_ref()?.offset)
            .map(|offset| offset.to_string())
    };
    mark(&store, socket, "Q7zOKAz.0");
    assert_eq!(stored(&store, "/").as_deref(), Some("Q7zOKAz.0"));
    store.inner().pushed = 1;
    mark(&store, socket, "Q7zOKAz.1");
    store.handled(1, vec![socket]);
    mark(&store, socket, "Q7zOKAz.2");
    mark(&store, other, "Q7zOKAz.3");
    assert_eq!(stored(&store, "/").as_deref(), Some("Q7zOKAz.0"));
    assert_eq!(stored(&store, "/other").as_deref(), Some("Q7zOKAz.3"));
    // It has found its listener.
    store.handled(0, Vec::new());
    assert_eq!(stored(&store, "/").as_deref(), Some("Q7zOKAz.2"));
    // Of a session that was left nothing is written.
    store.handled(0, vec![socket]);
    mark(&store, socket, "Q7zOKAz.4");
    store.obey(socket, Saved::Left);
    store.handled(0, Vec::new());
    assert_eq!(store.inner().entries.get("/"), None);
}

#[test]
fn one_process_has_it_and_a_copy_is_none() {
    let (file, text) = stored();
    let first = RecoveryStore::open(&file.0, "server".into());
    let second = RecoveryStore::open(&file.0, "server".into());
    assert!(second.inner().lost && !second.inner().open && second.inner().entries.is_empty());
    let copy = tempfile::NamedFile::new();
    std::fs::write(&copy.0, text).unwrap();
    let copied = RecoveryStore::open(&copy.0, "server".into());
    assert!(copied.inner().lost && copied.inner().open && copied.inner().entries.is_empty());
    drop(first);
    // Another server's sessions are not ours to miss.
    let other = RecoveryStore::open(&file.0, "other".into());
    assert!(!other.inner().lost && other.inner().entries.is_empty());
}

#[test]
fn every_damage_is_told() {
    let (file, text) = stored();
    for at in 0..text.len() {
        for damaged in [text.as_bytes()[..at].to_vec(), flipped(&text, at)] {
            std::fs::write(&file.0, &damaged).unwrap();
            let store = RecoveryStore::open(&file.0, "server".into());
            // An empty file is a new one.
            assert_eq!(store.inner().lost, !damaged.is_empty(), "{at}");
            assert!(store.inner().entries.is_empty(), "{at}");
            // It is used again.
            assert!(store.inner().open, "{at}");
        }
    }
    // What a longer one has left behind does not matter.
    std::fs::write(&file.0, format!("{text}]]")).unwrap();
    assert!(!RecoveryStore::open(&file.0, "server".into()).inner().lost);
}

fn flipped(text: &str, at: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes
}
