//! The client under test, and all that it is told.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use socketio_client_native::{
    Client, ClientEvent, ConnectError, DisconnectReason, Limits, Socket, Transport, TransportError,
};
use tests::PATIENCE;
use tokio::sync::watch;
use tokio::time::timeout;

/// What every client here allows.
pub(crate) const LIMITS: Limits = Limits {
    message: 2 << 20,
    attachments: 100,
    attachment_bytes: 1 << 20,
    completion: Duration::from_millis(300),
    packets: 10_000,
};

/// `buffer_bytes` of every client here.
pub(crate) const BUFFER: usize = 2 << 20;

/// What the application does with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum App {
    /// It hears them.
    Hears,
    /// It answers those that ask.
    Answers,
    /// Its listener does not come back until the server is held back.
    Stuck,
    /// Its listener does not come back until the server has said all.
    Late,
}

/// What it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Open(ConnectError),
    Closed(DisconnectReason, Option<TransportError>),
    Upgrade(String),
    /// The event that comes last.
    Done,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(open, |open| !*open));
    }
}

pub(crate) struct Subject {
    pub(crate) client: Client,
    socket: Socket,
    words: watch::Receiver<Vec<Word>>,
    gate: Arc<Gate>,
}

impl Subject {
    pub(crate) fn start(port: u16, transports: &[Transport], app: App) -> Self {
        let client = Client::builder(format!("http://127.0.0.1:{port}"))
            .auto_connect(false)
            .transports(transports.to_vec())
            .limits(LIMITS)
            .buffer_bytes(BUFFER)
            .timeout(Duration::from_secs(2))
            .close_timeout(Duration::from_millis(100))
            .reconnection_delay(Duration::from_millis(10))
            .reconnection_delay_max(Duration::from_millis(50))
            .build()
            .unwrap();
        let socket = client.socket("/");
        let (sender, words) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        let tell = Arc::clone(&sender);
        client.on_event(move |event| {
            let word = match event {
                ClientEvent::OpenError(error) => Word::Open(error),
                ClientEvent::Close { reason, error } => Word::Closed(reason, error),
                ClientEvent::UpgradeError(cause) => Word::Upgrade(cause),
                _ => return,
            };
            tell.send_modify(|words| words.push(word));
        });
        socket.on("done", move |_| sender.send_modify(|words| words.push(Word::Done)));
        let gate = Arc::<Gate>::default();
        let stuck = Arc::clone(&gate);
        socket.on("flood", move |message| match app {
            App::Hears => {}
            App::Answers => {
                // Where there is no room it is told so.
                let _ = message.ack(&"m".repeat(16 << 10));
            }
            App::Stuck | App::Late => stuck.pass(),
        });
        socket.connect();
        Self { client, socket, words, gate }
    }

    /// The application reads again.
    pub(crate) fn release(&self) {
        self.gate.open();
    }

    /// All words up to the first that is awaited.
    pub(crate) async fn hears(&self, awaited: impl Fn(&Word) -> bool) -> Result<Vec<Word>, Vec<Word>> {
        let mut words = self.words.clone();
        let met = words.wait_for(|words| words.iter().any(&awaited));
        let met = timeout(PATIENCE, met).await.is_ok_and(|met| met.is_ok());
        let words = self.words.borrow().clone();
        if met { Ok(words) } else { Err(words) }
    }

    /// It has a connection that carries a call and its answer, whatever became of those before.
    pub(crate) async fn works(&self) -> bool {
        let call = async {
            let mut answer = Err(());
            while answer != Ok(7) {
                answer = self.socket.emit_with_ack::<u8>("call", &7).send().await.map_err(drop);
            }
        };
        timeout(PATIENCE, call).await.is_ok()
    }

    /// It ends, whatever it is about.
    pub(crate) async fn ends(self) -> bool {
        self.release();
        self.client.close();
        timeout(PATIENCE, self.client.closed()).await.is_ok()
    }
}
