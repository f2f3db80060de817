//! Directories, records, chance, and children.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use socketio_client_native::store::{FileStore, Opened, Record, Store as _};

pub(crate) const TASK: &str = "STORE_TEST_TASK";
pub(crate) const PLACE: &str = "STORE_TEST_PLACE";

/// An empty directory, removed at the end.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self::numbered(COUNT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn numbered(number: u64) -> Self {
        let dir = Self(std::env::temp_dir().join(format!("store-{}-{number}", std::process::id())));
        // An earlier process with our number may have been killed before it could clean up.
        let _ = std::fs::remove_dir_all(&dir.0);
        std::fs::create_dir(&dir.0).unwrap();
        dir
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// What is in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Anybody can tell what a record of this namespace and seq holds.
pub(crate) fn record(namespace: &str, seq: u64) -> Record {
    let size = usize::try_from(seq * 37 % 500).unwrap();
    Record {
        namespace: namespace.into(),
        seq,
        text: format!(r#"["event",{seq},"{}"]"#, "x".repeat(size)).into(),
        attachments: (0..seq % 3).map(|part| Bytes::from(vec![seq as u8; part as usize * 100])).collect(),
        created_at: seq * 1000,
        expires_at: seq.is_multiple_of(2).then_some(seq + 1),
        attempts: 0,
    }
}

pub(crate) fn records(namespace: &str, seqs: impl IntoIterator<Item = u64>) -> Vec<Record> {
    seqs.into_iter().map(|seq| record(namespace, seq)).collect()
}

pub(crate) fn seqs(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}

pub(crate) fn open(path: &Path) -> (FileStore, Opened) {
    let mut store = FileStore::new(path);
    let opened = store.open().unwrap();
    (store, opened)
}

/// Makes a file that another program has written look like ours: see the store's `disk.rs`.
pub(crate) fn seal(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// `SplitMix64`, from a seed that is printed, or given by `STORE_SEED`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = number("STORE_SEED", now.as_nanos() as u64);
        println!("STORE_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

/// A child that has a task at a place. Killed at the end.
pub(crate) struct Task {
    pub(crate) child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Task {
    pub(crate) fn start(task: &str, place: &Path) -> Self {
        Self::start_under(&[], task, place)
    }

    /// The child as the last argument of another command.
    pub(crate) fn start_under(command: &[&str], task: &str, place: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut words = command.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args(["child", "--exact", "--nocapture"])
            .env(TASK, task)
            .env(PLACE, place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that [`say`] wrote, without what the test runner says; `None` at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("> ").map(str::to_owned))
    }

    /// Waits for the end. Fails if the child has failed.
    pub(crate) fn end(mut self) {
        while self.line().is_some() {}
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a child: to the parent, at once. One write, so that a kill does not cut it.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n> {line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// In a child: where its task is.
pub(crate) fn place() -> PathBuf {
    std::env::var_os(PLACE).unwrap().into()
}

/// In a child: until the parent has closed our input.
pub(crate) fn wait() {
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
}
