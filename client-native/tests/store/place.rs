//! A path: who has it, what is there, and who put it there.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;

use socketio_client_native::store::{FileStore, Store as _, StoreError};

use crate::support::{Dir, Task, open, place, record, records, say, seal, seqs, wait};

#[test]
fn a_second_opener_is_told() {
    let dir = Dir::new();
    let path = dir.file();
    let (mut store, _) = open(&path);
    store.append(&records("/", 0..3)).unwrap();
    let locked = StoreError::Locked { path: path.canonicalize().unwrap() };
    assert_eq!(FileStore::new(&path).open(), Err(locked.clone()));
    // It did no harm, and the lock is still there.
    assert_eq!(FileStore::new(&path).open(), Err(locked.clone()));
    store.append(&records("/", 3..6)).unwrap();
    drop(store);

    let mut holder = Task::start("hold", &path);
    assert_eq!(holder.line().as_deref(), Some("open 6"));
    assert_eq!(FileStore::new(&path).open(), Err(locked));
    // A process that was killed has it no longer, and leaves nothing behind.
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    let (_, opened) = open(&path);
    assert_eq!((seqs(&opened.records), opened.lost), ((0..6).collect(), Some(0)));
    assert_eq!(dir.names(), ["outbox"]);
}

/// A process that is being started holds copies of all files for a moment.
#[test]
fn a_lock_ends_with_its_store_whatever_is_being_started() {
    let dir = Dir::new();
    let path = dir.file();
    let is_free = |path| std::fs::File::open(path).unwrap().try_lock().unwrap();
    let starting = std::thread::spawn(|| {
        for _ in 0..200 {
            std::process::Command::new("true").status().unwrap();
        }
    });
    let mut opened = 0;
    while !starting.is_finished() {
        drop(open(&path));
        is_free(path.clone());
        // One that is set aside is free as soon as that is told.
        std::fs::write(&path, "damaged").unwrap();
        let (store, told) = open(&path);
        is_free(told.aside.unwrap());
        drop(store);
        opened += 1;
    }
    starting.join().unwrap();
    assert!(opened > 0);
}

pub(crate) fn hold() {
    let (_store, opened) = open(&place());
    say(&format!("open {}", opened.records.len()));
    wait();
}

#[test]
fn many_at_once_do_not_share() {
    let dir = Dir::new();
    let path = dir.file();
    for before in [None, Some(&b""[..]), Some(b"damaged")].into_iter().cycle().take(60) {
        if let Some(bytes) = before {
            std::fs::write(&path, bytes).unwrap();
        }
        let opened = std::thread::scope(|scope| {
            let open = || {
                let mut store = FileStore::new(&path);
                let result = store.open();
                (store, result)
            };
            let threads = [(); 4].map(|()| scope.spawn(open));
            threads.map(|thread| thread.join().unwrap())
        });
        for (_, result) in &opened {
            assert!(matches!(result, Ok(_) | Err(StoreError::Locked { .. })), "{result:?}");
        }
        assert_eq!(opened.iter().filter(|(_, result)| result.is_ok()).count(), 1);
        drop(opened);
        let names = dir.names();
        let damaged = before.is_some_and(|bytes| !bytes.is_empty());
        assert_eq!(names, if damaged { &["outbox", "outbox.damaged"][..] } else { &["outbox"] });
        names.iter().for_each(|name| std::fs::remove_file(dir.0.join(name)).unwrap());
    }
}

#[test]
fn what_is_no_outbox_is_set_aside_unchanged() {
    let dir = Dir::new();
    let path = dir.file();
    let text = b"not an outbox at all\n".repeat(100);
    for name in ["outbox.damaged", "outbox.damaged.1", "outbox.damaged.2"] {
        std::fs::write(&path, &text).unwrap();
        let (store, opened) = open(&path);
        drop(store);
        assert_eq!((opened.records.len(), opened.lost), (0, None));
        let aside = opened.aside.unwrap();
        assert_eq!(aside.file_name().unwrap(), name);
        assert_eq!(std::fs::read(aside).unwrap(), text);
    }
    let (_, opened) = open(&path);
    assert_eq!((opened.lost, opened.aside), (Some(0), None), "it is told once");
}

#[test]
fn a_database_of_another_program_is_set_aside() {
    let dir = Dir::new();
    let path = dir.file();
    let table = redb::TableDefinition::<u64, u64>::new("theirs");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    // Not while they have it open.
    assert!(matches!(FileStore::new(&path).open(), Err(StoreError::Locked { .. })));
    drop(database);
    let bytes = std::fs::read(&path).unwrap();
    let (store, opened) = open(&path);
    assert_eq!(opened.lost, None);
    let aside = opened.aside.unwrap();
    assert_eq!(std::fs::read(&aside).unwrap(), bytes);
    // Also if it has our checksum.
    drop(store);
    seal(&aside);
    std::fs::rename(&aside, &path).unwrap();
    let (_, opened) = open(&path);
    let database = redb::Database::open(opened.aside.unwrap()).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    assert_eq!(transaction.open_table(table).unwrap().get(1).unwrap().unwrap().value(), 2);
}

#[test]
fn an_empty_file_has_lost_what_it_held() {
    let dir = Dir::new();
    std::fs::write(dir.file(), []).unwrap();
    let (_, opened) = open(&dir.file());
    assert_eq!((opened.lost, opened.aside), (None, None));
    assert_eq!(dir.names(), ["outbox"]);
}

#[test]
fn a_record_that_cannot_be_read_is_counted_and_left() {
    let dir = Dir::new();
    let (mut store, before) = open(&dir.file());
    store.append(&records("/", 0..3)).unwrap();
    drop(store);
    // As a newer version would write it.
    let table = redb::TableDefinition::<(&str, u64), &[u8]>::new("records");
    let database = redb::Database::open(dir.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut bytes = record("/", 1).encode().unwrap();
    bytes[0] = 2;
    transaction.open_table(table).unwrap().insert(("/", 1), bytes.as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    seal(&dir.file());
    for _ in 0..2 {
        let (_, opened) = open(&dir.file());
        assert_eq!((seqs(&opened.records), opened.lost), (vec![0, 2], Some(1)));
        assert_eq!((opened.id, opened.renewed), (before.id.clone(), false));
    }
}

#[test]
fn an_identity_that_cannot_be_read_is_renewed() {
    let dir = Dir::new();
    let (mut store, before) = open(&dir.file());
    store.append(&records("/", 0..3)).unwrap();
    drop(store);
    let table = redb::TableDefinition::<&str, &[u8]>::new("state");
    let database = redb::Database::open(dir.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap().remove("identity").unwrap();
    transaction.commit().unwrap();
    drop(database);
    seal(&dir.file());
    let (store, renewed) = open(&dir.file());
    drop(store);
    assert!(renewed.renewed && renewed.id != before.id && renewed.next >= 3, "{renewed:?}");
    let (_, again) = open(&dir.file());
    assert!(!again.renewed && again.id == renewed.id && again.next > renewed.next);
}

#[test]
fn yesterdays_copy_gives_no_id_away_again() {
    let dir = Dir::new();
    let (path, copy) = (dir.file(), dir.0.join("copy"));
    let use_it = |store: &mut FileStore, next: u64| {
        store.reserve(next + 1024).unwrap();
        store.append(&records("/", [next, next + 1023])).unwrap();
        next..next + 1024
    };
    let (mut store, first) = open(&path);
    use_it(&mut store, first.next);
    drop(store);
    std::fs::copy(&path, &copy).unwrap();
    let (mut store, today) = open(&path);
    let used = use_it(&mut store, today.next);
    drop(store);
    std::fs::rename(&copy, &path).unwrap();
    let (mut store, restored) = open(&path);
    // What was not settled yesterday is sent again under its old key; what is new has another one.
    assert_eq!((&restored.id, seqs(&restored.records)), (&first.id, vec![0, 1023]));
    let new = use_it(&mut store, restored.next);
    assert!(new.start >= used.end || used.start >= new.end, "{new:?} and {used:?}");

    // Where nothing was waiting there is no old key.
    store.erase("/", &seqs(&restored.records)).unwrap();
    store.erase("/", &[restored.next, restored.next + 1023]).unwrap();
    drop(store);
    std::fs::copy(&path, &copy).unwrap();
    let (mut store, today) = open(&path);
    use_it(&mut store, today.next);
    drop(store);
    std::fs::rename(&copy, &path).unwrap();
    let (_, restored) = open(&path);
    assert!(restored.id != today.id && restored.records.is_empty());
}

#[test]
fn what_was_cleared_is_in_no_file() {
    let dir = Dir::new();
    let (mut store, opened) = open(&dir.file());
    store.reserve(1024).unwrap();
    store.append(&records("/", 0..50)).unwrap();
    store.clear().unwrap();
    let bytes = std::fs::read(dir.file()).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"\"event\""));
    // It goes on.
    store.append(&records("/", 50..52)).unwrap();
    assert!(matches!(FileStore::new(dir.file()).open(), Err(StoreError::Locked { .. })));
    drop(store);
    let (_, again) = open(&dir.file());
    assert_eq!((seqs(&again.records), again.id), (vec![50, 51], opened.id));
    assert!(again.next >= 1024);
    assert_eq!(dir.names(), ["outbox"]);
}

#[test]
fn records_are_replaced_and_erased_by_namespace() {
    let dir = Dir::new();
    let (mut store, _) = open(&dir.file());
    store.append(&records("/b", 0..3)).unwrap();
    store.append(&records("/a", 1..4)).unwrap();
    let again = socketio_client_native::store::Record { attempts: 7, ..record("/b", 1) };
    store.append(std::slice::from_ref(&again)).unwrap();
    store.erase("/a", &[1, 9]).unwrap();
    store.erase("/b", &[2]).unwrap();
    // Erased, and then stored again.
    store.erase("/b", &[0]).unwrap();
    store.append(&[record("/b", 0)]).unwrap();
    drop(store);
    let (_, opened) = open(&dir.file());
    let expected = [record("/a", 2), record("/a", 3), record("/b", 0), again];
    assert_eq!(opened.records, expected);
}

#[test]
fn places_that_cannot_be_used_are_told() {
    let dir = Dir::new();
    let error = |path: &Path| FileStore::new(path).open().unwrap_err();
    assert!(matches!(error(&dir.0.join("none/outbox")), StoreError::Io { .. }));
    assert!(matches!(error(&dir.0), StoreError::Io { .. }));
    assert!(matches!(error(Path::new("/dev/null")), StoreError::Io { .. }));
    let mut store = FileStore::new(dir.file());
    assert_eq!(store.append(&records("/", 0..1)), Err(StoreError::NotOpen));
    assert_eq!(store.flush(), Err(StoreError::NotOpen));
    assert_eq!(dir.names(), [""; 0]);
}

#[test]
fn a_link_leads_to_the_file() {
    let dir = Dir::new();
    let link = dir.0.join("link");
    std::fs::write(dir.file(), b"damaged").unwrap();
    std::os::unix::fs::symlink(dir.file(), &link).unwrap();
    let (_store, opened) = open(&link);
    assert!(opened.aside.is_some());
    assert_eq!(dir.names(), ["link", "outbox", "outbox.damaged"]);
    assert!(matches!(FileStore::new(dir.file()).open(), Err(StoreError::Locked { .. })));
    // One that leads nowhere gives way.
    std::os::unix::fs::symlink(dir.0.join("nowhere"), dir.0.join("other")).unwrap();
    let (_store, opened) = open(&dir.0.join("other"));
    assert_eq!(opened.lost, Some(0));
}

#[test]
fn it_is_nobody_elses_to_read() {
    let dir = Dir::new();
    let (_store, _) = open(&dir.file());
    assert_eq!(std::fs::metadata(dir.file()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_must_not_be_written_is_told() {
    let dir = Dir::new();
    let (store, _) = open(&dir.file());
    drop(store);
    // Root may do anything, unless it is taken from it.
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    let command = if root { &drop[..] } else { &[] };
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set(&dir.file(), 0o444);
    Task::start_under(command, "read-only", &dir.file()).end();
    set(&dir.0, 0o555);
    Task::start_under(command, "read-only", &dir.0.join("new")).end();
    set(&dir.0, 0o755);
    assert_eq!(dir.names(), ["outbox"]);
}

pub(crate) fn read_only_child() {
    let error = FileStore::new(place()).open().unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}
