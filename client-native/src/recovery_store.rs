//! The file from which the next process takes up this one's sessions (`recoveryStore`).
//!
//! One line with the length and the checksum of what follows, which is JSON. It is written in place under the system's lock
//! of the file, so that one process has it at a time, and it names the file itself, so that a copy is none. It is not forced
//! to the disk: a machine that went down takes longer to come back than a server keeps a session. Threads that may wait for
//! the disk write it, one at a time, and each writes all that is known by then.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crc::{CRC_32_ISCSI, Crc};
use socketio_client_core::{Carrier, Instant, Marks, Offset, Saved, SavedLink, SavedSession, SocketId};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::shared::Manager;
use crate::sync::lock;

/// Between two looks at how far events have come.
const PAUSE: Duration = Duration::from_millis(200);
/// A longer file is none of ours.
const LONGEST: usize = 1 << 20;
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The store of one client.
pub(crate) struct RecoveryStore {
    inner: Mutex<Inner>,
    /// Locked by who writes, for as long as that takes, and before `inner`. `None`: it cannot be used, or not any longer.
    file: Mutex<Option<File>>,
}

struct Inner {
    /// What changes is written.
    open: bool,
    /// It has changed, and somebody is about to write it.
    due: bool,
    /// What an earlier process had stored cannot be known.
    lost: bool,
    /// Of which server.
    server: String,
    entries: Entries,
    /// Since they were written last.
    changed: bool,
    names: Vec<(SocketId, String)>,
    /// Where the sessions are that are stored, or were claimed.
    reached: Marks,
    /// Events that were handed to the dispatcher, and those that it has dealt with.
    pushed: u64,
    handled: u64,
    /// How far events had come when so many were handed over.
    marks: VecDeque<(u64, Vec<(SocketId, SavedSession)>)>,
    /// Namespaces of which events wait for a listener, and the marks behind those: that is not yet how far they have come.
    held: Vec<SocketId>,
    withheld: Vec<(SocketId, SavedSession)>,
    /// When there may be another, and whether anything has come since the last.
    next_mark: Instant,
    news: bool,
}

/// By namespace; `None` is one that was claimed.
type Entries = BTreeMap<String, Option<SavedSession>>;

/// A session in the file: `pid`, offset, whether it was claimed, last packet, `sid`, carrier, when the server knows.
type Line = (String, Option<String>, bool, u64, String, String, u64);

/// Version, what distinguishes the file from a copy, server, namespaces.
type Contents = (u32, u64, String, BTreeMap<String, Option<Line>>);

const VERSION: u32 = 1;

impl RecoveryStore {
    /// Opens the file, and reads what an earlier process has left of its sessions with this server.
    pub(crate) fn open(path: &Path, server: String) -> Self {
        let opened = open(path).and_then(|mut file| {
            let entries = read(&mut file, &server)?;
            Ok((file, entries))
        });
        let lost = opened.is_err();
        let (file, entries) = match opened {
            Ok((file, entries)) => (Some(file), entries),
            // A file that cannot be read is written anew; one that somebody else has is left alone.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (open(path).ok(), Entries::new()),
            Err(_) => (None, Entries::new()),
        };
        let inner = Inner {
            open: file.is_some(),
            due: false,
            lost,
            server,
            entries,
            changed: false,
            names: Vec::new(),
            reached: Marks::default(),
            pushed: 0,
            handled: 0,
            marks: VecDeque::new(),
            held: Vec::new(),
            withheld: Vec::new(),
            next_mark: Instant::default(),
            news: false,
        };
        Self { inner: Mutex::new(inner), file: Mutex::new(file) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// A namespace is made: takes up the session that an earlier process had.
    pub(crate) fn restore(&self, manager: &mut Manager, socket: SocketId, namespace: &str) {
        let mut inner = self.inner();
        inner.names.push((socket, namespace.to_owned()));
        match inner.entries.get(namespace).cloned() {
            Some(saved) => {
                if let Some(session) = saved.clone() {
                    inner.reached.store(socket, Saved::Session(session), false);
                }
                manager.restore_session(socket, saved);
            }
            None if inner.lost => manager.restore_session(socket, None),
            None => {}
        }
    }

    /// Notes what the core asks for. It is in the file after [`Self::written`], or soon after [`Self::settle`].
    pub(crate) fn obey(&self, socket: SocketId, saved: Saved) {
        self.inner().obey(socket, saved);
    }

    /// So many events were handed to the dispatcher; from time to time that is how far they have come.
    pub(crate) fn pushed(&self, events: usize, manager: &Manager, now: Instant) {
        let mut inner = self.inner();
        inner.pushed += events as u64;
        inner.news |= events > 0;
        if inner.news && now >= inner.next_mark && inner.open {
            inner.mark(manager);
            inner.next_mark = now + PAUSE;
        }
    }

    /// Has written what was noted, and a mark that was made when all was dealt with.
    pub(crate) fn settle(self: &Arc<Self>) {
        let mut inner = self.inner();
        if inner.marks.front().is_some_and(|(at, _)| *at <= inner.handled) {
            inner.catch_up();
        }
        self.write_soon(inner);
    }

    /// When it wants to be told again, though nothing was handed over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let inner = self.inner();
        (inner.news && inner.open).then_some(inner.next_mark)
    }

    /// The dispatcher has dealt with so many more; of these namespaces some of them wait for a listener.
    pub(crate) fn handled(self: &Arc<Self>, events: usize, held: Vec<SocketId>) {
        let mut inner = self.inner();
        inner.handled += events as u64;
        inner.held = held;
        inner.catch_up();
        self.write_soon(inner);
    }

    /// Nothing changes any more: the sessions are left to the next process, where they are now if all that was handed to the
    /// dispatcher is dealt with, or else at the last mark that is.
    pub(crate) fn close(&self, manager: &Manager) {
        let mut inner = self.inner();
        if inner.open {
            inner.mark(manager);
            inner.catch_up();
        }
        inner.open = false;
    }

    /// Leaves the file to the next process, once it is closed. Waits for the disk.
    pub(crate) fn leave(&self) {
        self.write();
        drop(lock(&self.file).take());
    }

    fn write_soon(self: &Arc<Self>, inner: MutexGuard<'_, Inner>) {
        if inner.open && inner.changed && !inner.due {
            drop(inner);
            drop(self.written());
        }
    }

    /// Ends once all that is known now is in the file.
    pub(crate) fn written(self: &Arc<Self>) -> JoinHandle<()> {
        self.inner().due = true;
        let store = Arc::clone(self);
        spawn_blocking(move || store.write())
    }

    /// A file that cannot be written is not used any longer: what it has may be claimed twice.
    fn write(&self) {
        let mut file = lock(&self.file);
        let Some(open) = &mut *file else { return };
        let Some(contents) = self.inner().changes(number(open)) else { return };
        if write(open, &contents).is_err() {
            // The last that can be done is to leave nothing.
            let _ = open.set_len(0);
            *file = None;
            self.inner().open = false;
        }
    }
}

impl Inner {
    fn name(&self, socket: SocketId) -> Option<String> {
        self.names.iter().find(|(other, _)| *other == socket).map(|(_, name)| name.clone())
    }

    fn obey(&mut self, socket: SocketId, saved: Saved) {
        self.marks.retain_mut(|(_, sessions)| {
            sessions.retain(|(other, _)| *other != socket);
            !sessions.is_empty()
        });
        self.withheld.retain(|(other, _)| *other != socket);
        if let Saved::Session(session) = &saved {
            // There once the events that came with it are dealt with. Some may have followed, of which the next mark tells.
            self.news = true;
            self.marks.push_back((self.pushed, vec![(socket, session.clone())]));
        }
        self.store(socket, saved, true);
        self.catch_up();
    }

    /// How far events have come that were handed over.
    fn mark(&mut self, manager: &Manager) {
        let session = |(socket, _): &(SocketId, String)| Some((*socket, manager.saved_session(*socket)?));
        let sessions: Vec<_> = self.names.iter().filter_map(session).collect();
        if !sessions.is_empty() {
            self.marks.push_back((self.pushed, sessions));
        }
        self.news = false;
    }

    /// Writes the last mark that is dealt with.
    fn catch_up(&mut self) {
        let mut sessions = std::mem::take(&mut self.withheld);
        while self.marks.front().is_some_and(|(at, _)| *at <= self.handled) {
            let Some((_, reached)) = self.marks.pop_front() else { break };
            for (socket, session) in reached {
                sessions.retain(|(other, _)| *other != socket);
                sessions.push((socket, session));
            }
        }
        for (socket, session) in sessions {
            let waits = self.held.contains(&socket);
            if waits {
                self.withheld.push((socket, session.clone()));
            }
            self.store(socket, Saved::Session(session), waits);
        }
    }

    /// `waits`: not all of its events are dealt with that have come.
    fn store(&mut self, socket: SocketId, saved: Saved, waits: bool) {
        let Some(name) = self.name(socket).filter(|_| self.open) else { return };
        let entry = match self.reached.store(socket, saved, waits) {
            Saved::Session(session) => Some(Some(session)),
            Saved::Claimed => Some(None),
            Saved::Left => None,
        };
        let before = match entry.clone() {
            Some(entry) => self.entries.insert(name, entry),
            None => self.entries.remove(&name),
        };
        self.changed |= before != entry;
    }

    /// What is to be written to the file of this number, unless it is there.
    fn changes(&mut self, number: u64) -> Option<Contents> {
        self.due = false;
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let lines = self.entries.iter().map(|(name, saved)| (name.clone(), saved.as_ref().map(line)));
        Some((VERSION, number, self.server.clone(), lines.collect()))
    }
}

// The standard library's lock, which came with Rust 1.89.
#[allow(clippy::incompatible_msrv)]
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    file.try_lock().map_err(io::Error::from)?;
    Ok(file)
}

/// What distinguishes a file from its copy.
#[cfg(unix)]
fn number(file: &File) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().map_or(0, |metadata| metadata.ino())
}

/// Where files have no numbers, the time at which it was made: a copy is younger.
#[cfg(not(unix))]
fn number(file: &File) -> u64 {
    let made = file.metadata().and_then(|metadata| metadata.created()).ok();
    let since = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

fn write(file: &mut File, contents: &Contents) -> io::Result<()> {
    let json = serde_json::to_string(contents).map_err(|_| io::ErrorKind::InvalidInput)?;
    let text = format!("sio-recovery {} {:08x}\n{json}", json.len(), CHECKSUM.checksum(json.as_bytes()));
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn read(file: &mut File, server: &str) -> io::Result<Entries> {
    let mut text = String::new();
    file.take(LONGEST as u64).read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(Entries::new());
    }
    parse(&text, number(file), server).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// `None` if it was damaged, or is a copy. Another server's sessions are no loss.
fn parse(text: &str, number: u64, server: &str) -> Option<Entries> {
    let (head, json) = text.strip_prefix("sio-recovery ")?.split_once('\n')?;
    let (length, checksum) = head.split_once(' ')?;
    // What is longer was left by a write that was broken off.
    let json = json.get(..length.parse().ok()?)?;
    if checksum != format!("{:08x}", CHECKSUM.checksum(json.as_bytes())) || length != json.len().to_string() {
        return None;
    }
    let (version, file, whose, lines): Contents = serde_json::from_str(json).ok()?;
    if version != VERSION || file != number {
        return None;
    }
    if whose != server {
        return Some(Entries::new());
    }
    lines
        .into_iter()
        .map(|(name, line)| {
            Some((
                name,
                match line {
                    Some(line) => Some(session(line)?),
                    None => None,
                },
            ))
        })
        .collect()
}

fn line(saved: &SavedSession) -> Line {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let SavedSession { pid, offset, claimed, heard, link } = saved;
    let carrier = match link.carrier {
        Carrier::WebSocket => "websocket",
        Carrier::Upgraded => "upgraded",
        Carrier::Polling => "polling",
    };
    let offset = offset.map(|offset| offset.to_string());
    let (sid, noticed_by) = (link.sid.clone(), millis(link.noticed_by));
    (pid.clone(), offset, *claimed, millis(*heard), sid, carrier.to_owned(), noticed_by)
}

fn session(line: Line) -> Option<SavedSession> {
    let (pid, offset, claimed, heard, sid, carrier, noticed_by) = line;
    let carrier = match carrier.as_str() {
        "websocket" => Carrier::WebSocket,
        "upgraded" => Carrier::Upgraded,
        "polling" => Carrier::Polling,
        _ => return None,
    };
    let offset = match offset {
        Some(text) => Some(Offset::parse(&text)?),
        None => None,
    };
    let link = SavedLink { sid, carrier, noticed_by: Duration::from_millis(noticed_by) };
    Some(SavedSession { pid, offset, claimed, heard: Duration::from_millis(heard), link })
}

#[cfg(test)]
mod tests;
