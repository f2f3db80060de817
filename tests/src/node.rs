//! The Node server, and the published JavaScript client.

use crate::{Certificate, LineProcess, Scratch, free_port};
use serde_json::{Map, Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

fn script(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(root.join("node_modules/socket.io").exists(), "npm packages are missing: run `npm ci` in tests/");
    root.join("servers").join(name)
}

/// What a [`NodeServer`] is started with.
#[derive(Debug, Default)]
pub struct Options {
    config: Map<String, Value>,
    fixed_port: bool,
    record: bool,
}

impl Options {
    /// Any free port, socket.io's own defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Any option of socket.io's `Server`: `pingInterval`, `transports`, `maxHttpBufferSize`, `path`, …
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.config.insert(name.to_owned(), value.into());
        self
    }

    /// `pingInterval` and `pingTimeout`, in milliseconds.
    #[must_use]
    pub fn heartbeat(self, interval: u32, timeout: u32) -> Self {
        self.set("pingInterval", interval).set("pingTimeout", timeout)
    }

    /// Which transports the server offers.
    #[must_use]
    pub fn transports(self, names: &[&str]) -> Self {
        self.set("transports", json!(names))
    }

    /// Connection state recovery, with socket.io's defaults.
    #[must_use]
    pub fn recovery(self) -> Self {
        self.set("connectionStateRecovery", json!({}))
    }

    /// TLS with this certificate.
    #[must_use]
    pub fn tls(self, certificate: &Certificate) -> Self {
        self.set("key", path(&certificate.key())).set("cert", path(&certificate.cert()))
    }

    /// A port on which the server can come back: see [`free_port`]. Needed for [`NodeServer::restart_on_same_port`].
    #[must_use]
    pub fn fixed_port(mut self) -> Self {
        self.fixed_port = true;
        self
    }

    /// The event `record` writes to a file, so that its list survives SIGKILL.
    #[must_use]
    pub fn record(mut self) -> Self {
        self.record = true;
        self
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A real Socket.IO server in a process of its own (`servers/node.mjs`); `servers/behaviour.mjs` lists what it does.
/// Killed when dropped.
#[derive(Debug)]
pub struct NodeServer {
    process: LineProcess,
    config: Map<String, Value>,
    port: u16,
    fixed_port: bool,
    // Holds the file of the event `record`.
    scratch: Scratch,
}

impl NodeServer {
    /// Starts a server and waits until it listens.
    #[track_caller]
    pub fn start(options: Options) -> Self {
        let scratch = Scratch::new();
        let mut config = options.config;
        if options.record {
            config.insert("record".to_owned(), path(&scratch.file("record")).into());
        }
        if options.fixed_port {
            config.insert("port".to_owned(), free_port().into());
        }
        let (process, port) = launch(&config);
        Self { process, config, port, fixed_port: options.fixed_port, scratch }
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:port`, or `https://localhost:port` with a certificate.
    pub fn url(&self) -> String {
        match self.config.contains_key("key") {
            true => format!("https://localhost:{}", self.port),
            false => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// What the server saw so far; `servers/stats.mjs` lists the fields. Asked over a pipe, so that the question
    /// itself is not among the requests counted.
    #[track_caller]
    pub fn stats(&mut self) -> Value {
        self.process.send(&json!({"stats": true}));
        self.process.wait_for("stats", |line| line.get("stats").is_some())["stats"].take()
    }

    /// Waits until a number of the stats is at least `min`, and returns all of them. A dotted path:
    /// `pongs`, `websocket.bytes_in`, `events.counts.chat`, `disconnects` (of a list: its length).
    #[track_caller]
    pub fn wait_until(&mut self, path: &str, min: u64) -> Value {
        self.process.send(&json!({"wait": path, "min": min}));
        let what = format!("{path} of at least {min}");
        self.process.wait_for(&what, |line| line.get("waited").is_some())["waited"].take()
    }

    /// Emits to everybody in a namespace. Bytes: `{"$bytes": base64}`.
    pub fn emit(&mut self, namespace: &str, event: &str, args: &[Value]) {
        let mut list = vec![Value::from(event)];
        list.extend_from_slice(args);
        self.process.send(&json!({"emit": list, "namespace": namespace}));
    }

    /// Closes every client's connection.
    pub fn disconnect_all(&mut self) {
        self.process.send(&json!({"disconnect": true}));
    }

    /// The list that the event `record` filled; read from its file, so also while the server is down.
    #[track_caller]
    pub fn recorded(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.scratch.file("record")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("one JSON value per line")).collect()
    }

    /// SIGKILL: connections break as the kernel closes them, nothing is said on them.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: connections stay, nobody answers.
    #[track_caller]
    pub fn stop(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT: it goes on.
    #[track_caller]
    pub fn cont(&self) {
        self.process.signal("CONT");
    }

    /// Kills the server where it still runs, starts it again on its port and waits until it listens. Its stats start
    /// anew; the file of `record` is kept. Needs [`Options::fixed_port`].
    #[track_caller]
    pub fn restart_on_same_port(&mut self) {
        assert!(self.fixed_port, "start it with Options::fixed_port");
        self.process.kill();
        let (process, port) = launch(&self.config);
        assert_eq!(port, self.port);
        self.process = process;
    }
}

#[track_caller]
fn launch(config: &Map<String, Value>) -> (LineProcess, u16) {
    let config = Value::from(config.clone()).to_string();
    let mut process =
        LineProcess::start("node server", Command::new("node").arg(script("node.mjs")).arg(config));
    let line = process.wait_for("port", |line| line.get("port").is_some() || line.get("error").is_some());
    let port = line["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    (process, port.unwrap_or_else(|| panic!("node server: {line}")))
}

/// Starts the published JavaScript client, which reads and writes the same lines as `sio connect`
/// (`servers/js-client.mjs`): URL first, then options.
pub fn published_client<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> LineProcess {
    LineProcess::start("published client", Command::new("node").arg(script("js-client.mjs")).args(args))
}
