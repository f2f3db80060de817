//! The thread that drives a store.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytestring::ByteString;
use socketio_client_core::Record;

use super::{Opened, Store, StoreError};

/// What waits becomes one transaction, up to so many commands and bytes.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 1024 * 1024;
/// After so long without a command, what was erased is made durable.
const IDLE: Duration = Duration::from_millis(200);

/// What a store has done, in the order in which it was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// The first. After an error nothing works; a new worker may try again.
    Opened(Result<Opened, StoreError>),
    /// All records of the namespace up to this seq that were given so far, and not told as failed, are durable.
    Appended {
        /// The namespace.
        namespace: ByteString,
        /// The highest seq.
        up_to: u64,
    },
    /// These records are not in the store.
    AppendFailed {
        /// The namespace.
        namespace: ByteString,
        /// In the order in which they were given.
        seqs: Vec<u64>,
        /// Why.
        error: StoreError,
    },
    /// These records are forgotten; if the process is killed within the next moments, they may be there again.
    Erased {
        /// The namespace.
        namespace: ByteString,
        /// In the order in which they were given.
        seqs: Vec<u64>,
    },
    /// What was to be erased is still there. It is tried again with what comes next.
    EraseFailed {
        /// Why.
        error: StoreError,
    },
    /// No id below this one, in any namespace, will be given away again by a later opening.
    Reserved {
        /// The first id that is not reserved.
        up_to: u64,
    },
    /// No more ids may be used than before.
    ReserveFailed {
        /// What was asked for.
        up_to: u64,
        /// Why.
        error: StoreError,
    },
    /// What was given before is gone, also what had not been answered.
    Cleared,
    /// Records may still be there.
    ClearFailed {
        /// Why.
        error: StoreError,
    },
    /// The last: the store is closed.
    Closed,
}

#[derive(Debug)]
enum Command {
    Append(Record),
    Erase(ByteString, u64),
    Flush,
    Reserve(u64),
    Clear,
}

/// A [`Store`] on a thread of its own. No call waits for the disk; what came of it is told to a callback.
///
/// The thread ends when this is dropped, after it has done what it was asked for. [`close`](Self::close) waits for that:
/// a process that ends earlier takes the thread with it.
///
/// ```
/// use std::sync::mpsc;
///
/// use socketio_client_native::store::{Done, MemoryStore, StoreWorker};
///
/// let (tell, told) = mpsc::channel();
/// let worker = StoreWorker::start(MemoryStore::new(), move |done| tell.send(done).unwrap())?;
/// worker.reserve(1024);
/// worker.close();
/// assert!(matches!(told.recv(), Ok(Done::Opened(Ok(opened))) if opened.records.is_empty()));
/// assert!(matches!(told.recv(), Ok(Done::Reserved { up_to: 1024 })));
/// assert!(matches!(told.recv(), Ok(Done::Closed)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct StoreWorker {
    commands: Sender<Command>,
    thread: JoinHandle<()>,
}

impl StoreWorker {
    /// Opens the store, on a new thread, which then calls `done`.
    ///
    /// # Errors
    /// If the operating system has no thread.
    pub fn start<S: Store>(store: S, done: impl FnMut(Done) + Send + 'static) -> io::Result<Self> {
        let (commands, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("socketio-outbox".to_owned());
        let thread =
            thread.spawn(move || Worker { store, done, failed: None, dirty: false }.run(&receiver))?;
        Ok(Self { commands, thread })
    }

    /// See [`Store::append`].
    pub fn append(&self, record: Record) {
        self.send(Command::Append(record));
    }

    /// See [`Store::erase`].
    pub fn erase(&self, namespace: ByteString, seq: u64) {
        self.send(Command::Erase(namespace, seq));
    }

    /// Makes what was erased so far durable now, instead of with what comes next. That it failed is told as
    /// [`Done::EraseFailed`].
    pub fn flush(&self) {
        self.send(Command::Flush);
    }

    /// See [`Store::reserve`].
    pub fn reserve(&self, up_to: u64) {
        self.send(Command::Reserve(up_to));
    }

    /// See [`Store::clear`].
    pub fn clear(&self) {
        self.send(Command::Clear);
    }

    /// Waits until all is done and the store is closed.
    pub fn close(self) {
        drop(self.commands);
        // It panicks only where the callback does, which has been reported by then.
        let _ = self.thread.join();
    }

    fn send(&self, command: Command) {
        // It fails only after a panic of the callback, which then is told nothing any more.
        let _ = self.commands.send(command);
    }
}

struct Worker<S, D> {
    store: S,
    done: D,
    /// Why it could not be opened.
    failed: Option<StoreError>,
    /// Something was erased that is not durable yet.
    dirty: bool,
}

/// What is done together: the erasing first, which comes to the same as the order in which it was asked for.
#[derive(Default)]
struct Batch {
    erase: Vec<(ByteString, Vec<u64>)>,
    reserve: Option<u64>,
    append: Vec<Record>,
    flush: bool,
    clear: bool,
    commands: usize,
    bytes: usize,
}

impl Batch {
    /// Whether a command can be done with those that are in it.
    fn takes(&self, command: &Command) -> bool {
        let room = self.commands < BATCH && self.bytes < BATCH_BYTES && !self.clear;
        match command {
            _ if self.commands == 0 => true,
            Command::Erase(name, seq) => {
                room && !self.append.iter().any(|record| record.seq == *seq && record.namespace == *name)
            }
            Command::Clear => false,
            Command::Append(_) | Command::Flush | Command::Reserve(_) => room,
        }
    }

    fn add(&mut self, command: Command) {
        self.commands += 1;
        match command {
            Command::Append(record) => {
                let attachments =
                    record.attachments.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
                self.bytes = self.bytes.saturating_add(record.text.len()).saturating_add(attachments);
                self.append.push(record);
            }
            Command::Erase(namespace, seq) => group(&mut self.erase, namespace, seq),
            Command::Reserve(up_to) => self.reserve = self.reserve.max(Some(up_to)),
            Command::Flush => self.flush = true,
            Command::Clear => self.clear = true,
        }
    }
}

/// There are few namespaces.
fn group(groups: &mut Vec<(ByteString, Vec<u64>)>, namespace: ByteString, seq: u64) {
    match groups.iter_mut().find(|(name, _)| *name == namespace) {
        Some((_, seqs)) => seqs.push(seq),
        None => groups.push((namespace, vec![seq])),
    }
}

impl<S: Store, D: FnMut(Done)> Worker<S, D> {
    fn run(mut self, commands: &Receiver<Command>) {
        let opened = self.store.open();
        self.failed = opened.as_ref().err().cloned();
        (self.done)(Done::Opened(opened));
        let mut next = None;
        while let Some(first) = next.take().or_else(|| self.wait(commands)) {
            let mut batch = Batch::default();
            batch.add(first);
            while let Ok(command) = commands.try_recv() {
                if !batch.takes(&command) {
                    next = Some(command);
                    break;
                }
                batch.add(command);
            }
            self.work(batch);
        }
        self.flush();
        let Self { store, mut done, .. } = self;
        drop(store);
        done(Done::Closed);
    }

    /// The next command; `None` if there will be none.
    fn wait(&mut self, commands: &Receiver<Command>) -> Option<Command> {
        if self.dirty {
            match commands.recv_timeout(IDLE) {
                Err(RecvTimeoutError::Timeout) => self.flush(),
                command => return command.ok(),
            }
        }
        commands.recv().ok()
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.dirty)
            && let Err(error) = self.store.flush()
        {
            (self.done)(Done::EraseFailed { error });
        }
    }

    /// Only what is open is asked.
    fn ask(&mut self, question: impl FnOnce(&mut S) -> Result<(), StoreError>) -> Result<(), StoreError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => question(&mut self.store),
        }
    }

    fn work(&mut self, batch: Batch) {
        let Batch { erase, reserve, append, flush, clear, .. } = batch;
        for (namespace, seqs) in erase {
            self.dirty = true;
            let done = match self.ask(|store| store.erase(&namespace, &seqs)) {
                Ok(()) => Done::Erased { namespace, seqs },
                Err(error) => Done::EraseFailed { error },
            };
            (self.done)(done);
        }
        if let Some(up_to) = reserve {
            let done = match self.ask(|store| store.reserve(up_to)) {
                Ok(()) => Done::Reserved { up_to },
                Err(error) => Done::ReserveFailed { up_to, error },
            };
            (self.done)(done);
        }
        self.append(&append);
        // It has gone with the records, where there were any.
        if flush {
            self.flush();
        }
        if clear {
            let done = match self.ask(Store::clear) {
                Ok(()) => Done::Cleared,
                Err(error) => Done::ClearFailed { error },
            };
            (self.done)(done);
        }
    }

    fn append(&mut self, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        let result = self.ask(|store| store.append(records));
        // The fault of one is not that of the others.
        if let Err(StoreError::Record(_)) = &result
            && records.len() > 1
        {
            records.chunks(1).for_each(|record| self.append(record));
            return;
        }
        let mut groups = Vec::new();
        for record in records {
            group(&mut groups, record.namespace.clone(), record.seq);
        }
        for (namespace, seqs) in groups {
            let done = match &result {
                Ok(()) => Done::Appended { namespace, up_to: seqs.iter().copied().max().unwrap_or(0) },
                Err(error) => Done::AppendFailed { namespace, seqs, error: error.clone() },
            };
            (self.done)(done);
        }
    }
}

#[cfg(test)]
mod tests;
