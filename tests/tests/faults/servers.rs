//! The real servers, each with `call`, `record` and ticks to everybody.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tests::{Certificate, LineProcess, NodeServer, Options};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Debian's own, for which its packages are.
const PYTHON: &str = "/usr/bin/python3";

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Socketioxide,
    Python,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Socketioxide => "socketioxide",
            Self::Python => "python-socketio",
        }
    }
}

/// How soon a server notices silence, and how often it has something to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) tick: Duration,
}

impl Pace {
    /// Silence is noticed at once, nearly.
    pub(crate) const QUICK: Self = Self {
        ping_interval: Duration::from_millis(400),
        ping_timeout: Duration::from_millis(600),
        tick: Duration::from_millis(50),
    };
    /// Hardly a heartbeat disturbs what is counted. python-socketio answers no GET of a session any more whose upgrade was
    /// cut: only silence tells.
    const PATIENT: Self = Self {
        ping_interval: Duration::from_secs(2),
        ping_timeout: Duration::from_secs(3),
        tick: Duration::ZERO,
    };
    /// A hundred bytes a second are enough.
    pub(crate) const SLOW: Self = Self {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        tick: Duration::from_millis(1500),
    };
}

enum Process {
    Node(Mutex<NodeServer>),
    Socketioxide { io: SocketIo, recorded: Arc<Mutex<Vec<Value>>> },
    Python(Mutex<LineProcess>),
}

/// A server that runs; ends when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) pace: Pace,
    process: Arc<Process>,
    ticks: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ticks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    /// With ticks.
    pub(crate) async fn start(kind: Kind, pace: Pace) -> Self {
        Self::launch(kind, pace, None).await.ticking()
    }

    /// Without ticks: each byte counts.
    pub(crate) async fn quiet(kind: Kind) -> Self {
        Self::launch(kind, Pace::PATIENT, None).await
    }

    /// Node, behind TLS.
    pub(crate) async fn secure(certificate: &Certificate) -> Self {
        Self::launch(Kind::Node, Pace::QUICK, Some(certificate)).await.ticking()
    }

    async fn launch(kind: Kind, pace: Pace, tls: Option<&Certificate>) -> Self {
        let (process, port) = match kind {
            Kind::Node => node(pace, tls),
            Kind::Socketioxide => socketioxide(pace).await,
            Kind::Python => python(pace),
        };
        Self { port, pace, process: Arc::new(process), ticks: None }
    }

    fn ticking(mut self) -> Self {
        let (process, mut number) = (Arc::clone(&self.process), 0_u64);
        let mut interval = tokio::time::interval(self.pace.tick);
        self.ticks = Some(tokio::spawn(async move {
            loop {
                interval.tick().await;
                number += 1;
                process.tick(number).await;
            }
        }));
        self
    }

    /// What `record` was given, in the order in which it came.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        match &*self.process {
            Process::Node(server) => lock(server).recorded(),
            Process::Socketioxide { recorded, .. } => lock(recorded).clone(),
            Process::Python(process) => {
                lock(process).lines().into_iter().filter_map(|line| line.get("record").cloned()).collect()
            }
        }
    }
}

impl Process {
    async fn tick(&self, number: u64) {
        match self {
            Self::Node(server) => lock(server).emit("/", "tick", &[number.into()]),
            // An error says who could not be told.
            Self::Socketioxide { io, .. } => drop(io.emit("tick", &number).await),
            Self::Python(process) => lock(process).send(&json!({"tick": number})),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn node(pace: Pace, tls: Option<&Certificate>) -> (Process, u16) {
    let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap();
    let mut options =
        Options::new().record().recovery().heartbeat(millis(pace.ping_interval), millis(pace.ping_timeout));
    if let Some(certificate) = tls {
        options = options.tls(certificate);
    }
    let server = NodeServer::start(options);
    let port = server.port();
    (Process::Node(Mutex::new(server)), port)
}

fn python(pace: Pace) -> (Process, u16) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/servers/faults.py");
    let mut command = Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| PYTHON.into()));
    command
        .arg(script)
        .env("PING_INTERVAL", pace.ping_interval.as_secs_f64().to_string())
        .env("PING_TIMEOUT", pace.ping_timeout.as_secs_f64().to_string());
    let mut process = LineProcess::start("python-socketio", &mut command);
    let line = process.wait_for("its port", |line| line.get("port").is_some());
    let port = line["port"].as_u64().unwrap();
    (Process::Python(Mutex::new(process)), u16::try_from(port).unwrap())
}

async fn socketioxide(pace: Pace) -> (Process, u16) {
    let (layer, io) =
        SocketIo::builder().ping_interval(pace.ping_interval).ping_timeout(pace.ping_timeout).build_layer();
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&recorded);
    // Before the client is told that it is connected: a handler runs in a task of its own, too late for the first events.
    let behave = move |socket: SocketRef| {
        socket.on("call", async |Data::<Value>(value), ack: AckSender| {
            let _ = ack.send(&value);
        });
        let list = Arc::clone(&list);
        socket.on("record", async move |Data::<Value>(value), ack: AckSender| {
            lock(&list).push(value);
            let _ = ack.send(&true);
        });
        std::future::ready(Ok::<(), std::convert::Infallible>(()))
    };
    let handler = async |_: SocketRef| ();
    io.ns("/", socketioxide::handler::ConnectHandler::with(handler, behave));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().layer(layer)).await });
    (Process::Socketioxide { io, recorded }, port)
}
