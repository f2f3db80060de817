//! Standard output, written by a thread of its own: whoever blocks there holds up no thread of the runtime.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Bytes that wait to be written; one more line may come on top. Beyond it handlers wait, and with them the server.
const MAX_WAITING: usize = 1 << 20;

/// Why nothing can be written any more.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) kind: ErrorKind,
    pub(crate) cause: String,
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self { kind: error.kind(), cause: error.to_string() }
    }
}

/// Whole lines, in order.
#[derive(Debug, Clone)]
pub(crate) struct Output(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    writing: bool,
    broken: bool,
}

impl Output {
    /// Starts the thread. `told` hears, once, that nothing can be written any more.
    pub(crate) fn start(told: impl FnOnce(Broken) + Send + 'static) -> std::io::Result<Self> {
        let inner = Arc::new(Inner::default());
        let output = Self(Arc::clone(&inner));
        std::thread::Builder::new().name("stdout".to_owned()).spawn(move || inner.run(told))?;
        Ok(output)
    }

    /// Takes a value as one line. Blocks while too much waits.
    pub(crate) fn line<T: Serialize>(&self, line: &T) {
        // Every line is made of what JSON has room for.
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let mut waiting = self.0.lock();
        if waiting.is_full() {
            drop(waiting);
            // Another thread must take over what this one does for the runtime.
            waiting = tokio::task::block_in_place(|| self.0.wait_while(Waiting::is_full));
        }
        if !waiting.broken {
            waiting.bytes.append(&mut text);
            drop(waiting);
            self.0.changed.notify_all();
        }
    }

    /// Blocks until everything is written, or cannot be.
    pub(crate) fn drain(&self) {
        drop(self.0.wait_while(|waiting| !waiting.broken && (waiting.writing || !waiting.bytes.is_empty())));
    }
}

impl Waiting {
    fn is_full(&self) -> bool {
        !self.broken && self.bytes.len() >= MAX_WAITING
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&Waiting) -> bool) -> MutexGuard<'_, Waiting> {
        let condition = |waiting: &mut Waiting| condition(waiting);
        self.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, told: impl FnOnce(Broken)) {
        let mut out = std::io::stdout().lock();
        loop {
            let mut waiting = self.wait_while(|waiting| waiting.bytes.is_empty());
            let bytes = std::mem::take(&mut waiting.bytes);
            waiting.writing = true;
            drop(waiting);
            self.changed.notify_all();
            let written = out.write_all(&bytes).and_then(|()| out.flush());
            let mut waiting = self.lock();
            waiting.writing = false;
            waiting.broken = written.is_err();
            drop(waiting);
            if let Err(error) = written {
                told(error.into());
                self.changed.notify_all();
                return;
            }
            self.changed.notify_all();
        }
    }
}
