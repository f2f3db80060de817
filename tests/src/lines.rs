//! A child process that speaks JSON lines.

use crate::PATIENCE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// What a child has written so far.
#[derive(Debug, Default)]
struct Seen {
    lines: Vec<Value>,
    stderr: String,
    stdout_ended: bool,
    stderr_ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `found` gives something, or until `PATIENCE` is over.
    fn wait<T>(&self, mut found: impl FnMut(&Seen) -> Option<T>) -> Result<T, MutexGuard<'_, Seen>> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.lock();
        loop {
            if let Some(value) = found(&seen) {
                return Ok(value);
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Err(seen) };
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

/// How a child ended, and all that it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; without a code where a signal ended it.
    pub status: ExitStatus,
    /// Standard output, line by line.
    pub lines: Vec<Value>,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// The exit code. Panics, with what was written, where a signal ended the child.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }
}

/// A child process with a pipe on standard input, whose standard output is JSON lines. Killed when dropped.
///
/// A line that is not JSON is kept as a JSON string.
#[derive(Debug)]
pub struct LineProcess {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    shared: Arc<Shared>,
    /// Lines before this one were taken by `wait_for`.
    next: usize,
}

impl LineProcess {
    /// Starts `command`; `name` is for messages.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name} ({command:?}): {e}"));
        let shared = Arc::new(Shared::default());
        if let Some(stdout) = child.stdout.take() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || read_lines(stdout, &shared));
        }
        if let Some(stderr) = child.stderr.take() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || read_text(stderr, &shared));
        }
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, shared, next: 0 }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes one value as a line on its standard input. A child that has ended takes no more: ignored.
    pub fn send(&mut self, line: &Value) {
        self.send_text(&line.to_string());
    }

    /// Writes text as it is, and a line end.
    pub fn send_text(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
        }
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the next line that `wanted` accepts and returns it. The lines before it are passed over: the next
    /// call starts behind it. Panics where none comes in time or the child ends; `what` is for that message.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let (next, mut at) = (self.next, self.next);
        let found = self.shared.wait(|seen| {
            while let Some(line) = seen.lines.get(at) {
                at += 1;
                if wanted(line) {
                    return Some(Some(line.clone()));
                }
            }
            seen.stdout_ended.then_some(None)
        });
        match found {
            Ok(Some(line)) => {
                self.next = at;
                line
            }
            Ok(None) => self.panic_with(
                &self.shared.lock(),
                &format!("its output ended while waiting for {what}"),
                next,
            ),
            Err(seen) => self.panic_with(&seen, &format!("no {what} within {PATIENCE:?}"), next),
        }
    }

    /// Like [`LineProcess::wait_for`] among all lines, also those passed over; the next call starts where it would have.
    #[track_caller]
    pub fn wait_for_any(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let mut at = 0;
        let found = self.shared.wait(|seen| {
            while let Some(line) = seen.lines.get(at) {
                at += 1;
                if wanted(line) {
                    return Some(Some(line.clone()));
                }
            }
            seen.stdout_ended.then_some(None)
        });
        match found {
            Ok(Some(line)) => line,
            Ok(None) => {
                self.panic_with(&self.shared.lock(), &format!("its output ended without {what}"), self.next)
            }
            Err(seen) => self.panic_with(&seen, &format!("no {what} within {PATIENCE:?}"), self.next),
        }
    }

    /// Waits for `count` lines that `wanted` accepts, in order of arrival.
    #[track_caller]
    pub fn wait_for_many(
        &mut self,
        what: &str,
        count: usize,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Vec<Value> {
        (1..=count).map(|n| self.wait_for(&format!("{what} ({n} of {count})"), &mut wanted)).collect()
    }

    /// Waits for text on standard error.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str) {
        let found = self.shared.wait(|seen| match seen.stderr.contains(text) {
            true => Some(true),
            false => seen.stderr_ended.then_some(false),
        });
        match found {
            Ok(true) => {}
            Ok(false) => self.panic_with(&self.shared.lock(), &format!("never wrote {text:?}"), self.next),
            Err(seen) => {
                self.panic_with(&seen, &format!("did not write {text:?} within {PATIENCE:?}"), self.next)
            }
        }
    }

    /// The lines that no wait has taken or passed over, and takes them. Does not wait; panics where the child has ended.
    #[track_caller]
    pub fn take_new(&mut self) -> Vec<Value> {
        let seen = self.shared.lock();
        if seen.stdout_ended {
            self.panic_with(&seen, "its output ended", self.next);
        }
        let new = seen.lines.get(self.next..).unwrap_or_default().to_vec();
        drop(seen);
        self.next += new.len();
        new
    }

    /// All lines so far, also those that `wait_for` has returned.
    pub fn lines(&self) -> Vec<Value> {
        self.shared.lock().lines.clone()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.shared.lock().stderr.clone()
    }

    /// Ends standard input and waits for the child to end by itself.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        self.close_stdin();
        self.wait()
    }

    /// Waits for the child to end by itself, with its standard input left open.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let ended = self.shared.wait(|seen| (seen.stdout_ended && seen.stderr_ended).then_some(()));
        if let Err(seen) = ended {
            self.panic_with(&seen, &format!("did not end within {PATIENCE:?}"), self.next);
        }
        // Both pipes are closed: it is about to end, or has.
        let status = self.child.wait().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let mut seen = self.shared.lock();
        Ended { status, lines: std::mem::take(&mut seen.lines), stderr: std::mem::take(&mut seen.stderr) }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name: `STOP`, `CONT`, `INT`, `TERM`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("/bin/sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status();
        assert!(sent.is_ok_and(|s| s.success()), "cannot send SIG{name} to {}", self.name);
    }

    #[track_caller]
    fn panic_with(&self, seen: &Seen, problem: &str, next: usize) -> ! {
        let mut text = format!("{}: {problem}\nstandard output ({} lines", self.name, seen.lines.len());
        text.push_str(&format!(", {next} taken by earlier waits):\n"));
        // The first lines and the last ones tell most; a flood between them would hide both.
        let (head, tail) = (20, seen.lines.len().saturating_sub(20));
        for (n, line) in seen.lines.iter().enumerate().filter(|(n, _)| *n < head || *n >= tail) {
            let line: String = line.to_string().chars().take(500).collect();
            text.push_str(&format!("  {n}: {line}\n"));
        }
        panic!("{text}standard error:\n{}", seen.stderr);
    }
}

impl Drop for LineProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(stdout: impl Read, shared: &Shared) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let text = String::from_utf8_lossy(&line);
        let value = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.trim_end().to_owned()));
        shared.update(|seen| seen.lines.push(value));
        line.clear();
    }
    shared.update(|seen| seen.stdout_ended = true);
}

fn read_text(mut stderr: impl Read, shared: &Shared) {
    let mut part = [0; 4096];
    while let Ok(n @ 1..) = stderr.read(&mut part) {
        shared.update(|seen| seen.stderr.push_str(&String::from_utf8_lossy(&part[..n])));
    }
    shared.update(|seen| seen.stderr_ended = true);
}
