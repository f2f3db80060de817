//! The command `sio` as a child process.

use crate::LineProcess;
use serde_json::Value;
use std::ffi::OsStr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A run of `sio`. It is a [`LineProcess`]: `send`, `wait_for`, `finish`, …
#[derive(Debug)]
pub struct Sio(LineProcess);

impl Sio {
    /// Starts `sio` with these arguments: `Sio::run(["connect", &url])`.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self(LineProcess::start("sio", Command::new(sio_path()).args(args)))
    }

    /// Starts `sio connect URL` with more options, and waits until the first namespace is connected.
    #[track_caller]
    pub fn connect(url: &str, options: &[&str]) -> Self {
        let mut sio = Self::run(["connect", url].iter().chain(options));
        sio.wait_for("connect", |line| line["type"] == "connect");
        sio
    }

    /// Waits for an event of this name and returns its line.
    #[track_caller]
    pub fn wait_for_event(&mut self, event: &str) -> Value {
        self.0.wait_for(&format!("event {event:?}"), |line| line["type"] == "event" && line["event"] == event)
    }

    /// Waits for the answer to the emit with this id and returns its line.
    #[track_caller]
    pub fn wait_for_ack(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.0.wait_for(&format!("ack {id}"), |line| line["type"] == "ack" && line["id"] == id)
    }

    /// The child process, for what takes it as a whole: `sio.into_inner().finish()`.
    pub fn into_inner(self) -> LineProcess {
        self.0
    }

    /// Ends standard input and waits for it to end by itself.
    #[track_caller]
    pub fn finish(self) -> crate::Ended {
        self.0.finish()
    }

    /// Waits for it to end by itself, with its standard input left open.
    #[track_caller]
    pub fn wait(self) -> crate::Ended {
        self.0.wait()
    }
}

impl Deref for Sio {
    type Target = LineProcess;

    fn deref(&self) -> &LineProcess {
        &self.0
    }
}

impl DerefMut for Sio {
    fn deref_mut(&mut self) -> &mut LineProcess {
        &mut self.0
    }
}

/// The path of `sio`, built by cargo at the first call. `SIO` in the environment names another one.
pub fn sio_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os("SIO").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    // Cargo names itself to what it runs.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["build", "--package=socketio-client-native", "--features=cli", "--bin=sio"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|e| panic!("cannot run cargo: {e}"));
    assert!(out.status.success(), "sio does not build: see the compiler's messages above");
    let text = String::from_utf8_lossy(&out.stdout);
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let path = lines.filter_map(|line| Some(PathBuf::from(line["executable"].as_str()?))).next_back();
    path.unwrap_or_else(|| panic!("cargo built no executable named sio"))
}
