//! One client, its namespaces, and what became of them.

use std::future::Future;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use socketio_client_native::{Arguments, Client, GapLevel, Message, Socket, Value};
use tokio::sync::watch::Sender;

use crate::args::Connection;
use crate::exit::Exit;
use crate::lines::Line;
use crate::output::{Broken, Output};
use crate::value::Json;
use crate::watch;

/// A peer that does not take our goodbye is not waited for longer. The client itself gives it 2 s.
const CLOSING: Duration = Duration::from_secs(3);

/// Where a namespace stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not connected, or not any longer.
    Waiting,
    Connected,
    /// The server refused it, with this message.
    Refused(String),
    /// The server ended it.
    Ended,
    /// We ended it.
    Left,
}

/// All that the handlers know, for those who wait. A bounded summary: a server cannot make it grow.
#[derive(Debug)]
pub(crate) struct Status {
    places: Vec<Place>,
    /// Why there is no connection.
    pub(crate) cause: Option<String>,
    /// A namespace was connected at some time.
    ever: bool,
    /// No further attempt will be made.
    pub(crate) gave_up: bool,
    /// Set by a command that has what it wanted.
    done: bool,
    /// Standard output cannot be written any more.
    broken: Option<Broken>,
}

/// What the handlers share with the command.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) status: Arc<Sender<Status>>,
    output: Output,
    /// For the handlers, which must not own the sockets: whoever owns one keeps the connection open.
    sockets: Mutex<Vec<Socket>>,
    /// Whether every event of the connection becomes a line.
    pub(crate) verbose: bool,
}

impl Shared {
    /// Writes a line. Waits while nobody reads: the client then stops reading from the server.
    pub(crate) fn write<T: Serialize>(&self, line: &T) {
        self.output.line(line);
    }

    pub(crate) fn tell(&self, line: &Line<'_>) {
        if self.verbose {
            self.write(line);
        }
    }

    pub(crate) fn place(&self, at: usize, place: Place) {
        self.status.send_modify(|status| {
            status.ever |= place == Place::Connected;
            if let Some(old) = status.places.get_mut(at) {
                *old = place;
            }
        });
    }

    /// Tells of each namespace that waits why it was not connected.
    pub(crate) fn not_connected(&self, cause: &str) {
        let waiting = |socket: &Socket, place: &Place| {
            (*place == Place::Waiting && socket.is_active()).then(|| socket.namespace().to_owned())
        };
        let names: Vec<_> = {
            let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let status = self.status.borrow();
            sockets.iter().zip(&status.places).filter_map(|(socket, place)| waiting(socket, place)).collect()
        };
        for namespace in names {
            self.tell(&Line::ConnectError {
                namespace: &namespace,
                message: cause,
                data: Json(&Value::Null),
            });
        }
    }

    pub(crate) fn socket(&self, at: usize) -> Option<Socket> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }

    /// The command has what it wanted.
    pub(crate) fn done(&self) {
        self.status.send_modify(|status| status.done = true);
    }
}

/// A client with one socket for each namespace.
pub(crate) struct Session {
    client: Client,
    sockets: Vec<Socket>,
    shared: Arc<Shared>,
    url: String,
    /// Another run takes up the sessions.
    keeps: bool,
}

impl Session {
    /// Prepares everything; nothing is sent before [`Session::start`]. `attempts`: where the arguments name no limit.
    pub(crate) fn open(connection: &Connection, attempts: Option<u32>, verbose: bool) -> Result<Self, Exit> {
        let mut builder = Client::builder(connection.url.as_str())
            .path(connection.path.as_str())
            .transports(connection.transports.iter().copied())
            .timeout(connection.timeout)
            .connect_timeout(connection.timeout)
            .ack_timeout(connection.ack_timeout)
            .reconnection_attempts(connection.reconnection_attempts.or(attempts))
            .reconnection_delay(connection.reconnection_delay)
            .reconnection_delay_max(connection.reconnection_delay_max)
            .gap(if connection.seams { GapLevel::All } else { GapLevel::Likely })
            .urls(&connection.urls)
            .auto_connect(false);
        for (key, value) in &connection.query {
            builder = builder.query(key.as_str(), value.as_str());
        }
        for (name, value) in &connection.headers {
            builder = builder.header(name.as_str(), value.as_str());
        }
        builder = connection.delivery.configure(builder);
        if let Some(file) = &connection.recovery_store {
            builder = builder.recovery_store(file);
        }
        if let Some(auth) = &connection.auth {
            builder = builder.auth(auth);
        }
        if let Some(file) = &connection.ca {
            // It is read at the first TLS connection; a wrong path is wrong from the start.
            std::fs::File::open(file)
                .map_err(|e| Exit::Usage(format!("the file {} cannot be read: {e}", file.display())))?;
            builder = builder.ca_file(file);
        }
        let client = builder.build().map_err(|e| Exit::Usage(e.to_string()))?;

        let mut names: Vec<&str> = Vec::new();
        for name in &connection.namespaces {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let status = Status {
            places: vec![Place::Waiting; names.len().max(1)],
            cause: None,
            ever: false,
            gave_up: false,
            done: false,
            broken: None,
        };
        let status = Arc::new(Sender::new(status));
        let output = Output::start({
            let status = Arc::clone(&status);
            move |broken| status.send_modify(|status| status.broken = Some(broken))
        });
        let shared = Arc::new(Shared {
            status,
            output: output.map_err(|e| Exit::Output(format!("no threads: {e}")))?,
            sockets: Mutex::default(),
            verbose,
        });
        // The first namespace opens the outbox, of which there may be something to tell.
        watch::client(&client, &shared);
        let mut sockets: Vec<_> = names.into_iter().map(|name| client.socket(name)).collect();
        if sockets.is_empty() {
            sockets.push(client.default_socket());
        }
        shared.sockets.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&sockets);
        for (at, socket) in sockets.iter().enumerate() {
            watch::socket(socket, at, &shared);
        }
        let keeps = connection.recovery_store.is_some();
        Ok(Self { client, sockets, shared, url: connection.url.clone(), keeps })
    }

    /// Connects to every namespace.
    pub(crate) fn start(&self) {
        self.sockets.iter().for_each(Socket::connect);
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The sockets, in the order of the arguments.
    pub(crate) fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    pub(crate) fn place(&self, at: usize) -> Place {
        self.shared.status.borrow().places.get(at).cloned().unwrap_or(Place::Left)
    }

    /// Whether a connection is still being waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.status.borrow().places.contains(&Place::Waiting)
    }

    /// To be told of each change.
    pub(crate) fn changes(&self) -> impl Future<Output = ()> + use<> {
        let mut changes = self.shared.status.subscribe();
        async move {
            // The sender outlives every command.
            let _ = changes.changed().await;
        }
    }

    async fn until(&self, mut wanted: impl FnMut(&Status) -> bool) {
        let _ = self.shared.status.subscribe().wait_for(|status| wanted(status)).await;
    }

    /// Waits until each namespace is connected, or will not be.
    pub(crate) async fn settled(&self) {
        self.until(|status| !status.places.contains(&Place::Waiting)).await;
    }

    /// Waits until everything emitted so far on namespaces that are not lost has reached the server. False if a
    /// connection ended before that was known.
    pub(crate) fn flushed(&self) -> impl Future<Output = bool> + Send + use<> {
        let each = self.sockets.iter().enumerate().map(|(at, socket)| {
            let socket = socket.clone();
            let mut changes = self.shared.status.subscribe();
            async move {
                let gone = |status: &Status| {
                    !matches!(status.places.get(at), Some(Place::Waiting | Place::Connected))
                };
                tokio::select! {
                    flushed = socket.flushed() => flushed.is_ok(),
                    _ = changes.wait_for(gone) => true,
                }
            }
        });
        let each = join_all(each);
        async move { each.await.into_iter().all(|flushed| flushed) }
    }

    /// What was lost with earlier connections was told when they ended: the next receipt is not about that any more.
    pub(crate) fn forget_losses(&self) {
        for socket in &self.sockets {
            // Asking is enough.
            drop(socket.flushed());
        }
    }

    /// Waits for what ends every command: see [`Session::verdict`].
    pub(crate) async fn ended(&self) -> Exit {
        let mut verdict = None;
        self.until(|status| {
            verdict = self.judge(status);
            verdict.is_some()
        })
        .await;
        verdict.unwrap_or(Exit::Done)
    }

    /// How the command must end, where it must.
    pub(crate) fn verdict(&self) -> Option<Exit> {
        self.judge(&self.shared.status.borrow())
    }

    fn judge(&self, status: &Status) -> Option<Exit> {
        if status.done {
            return Some(Exit::Done);
        }
        match &status.broken {
            // Whoever read our output has enough.
            Some(Broken { kind: ErrorKind::BrokenPipe, .. }) => return Some(Exit::Done),
            Some(Broken { cause, .. }) => {
                return Some(Exit::Output(format!("standard output cannot be written: {cause}")));
            }
            None => {}
        }
        let over = |place: &Place| matches!(place, Place::Refused(_) | Place::Ended);
        if status.places.iter().all(over) {
            let refused = |(at, place): (usize, &Place)| match place {
                Place::Refused(message) => Some(format!("{}: {message}", self.sockets.get(at)?.namespace())),
                _ => None,
            };
            let refused: Vec<_> = status.places.iter().enumerate().filter_map(refused).collect();
            return Some(if refused.len() == status.places.len() {
                Exit::NoConnection(format!("{} refused {}", self.url, refused.join(", ")))
            } else {
                Exit::Ended(format!("{} ended the last namespace", self.url))
            });
        }
        status.gave_up.then(|| Self::no_connection(status, &self.url, ""))
    }

    fn no_connection(status: &Status, url: &str, period: &str) -> Exit {
        let cause = status.cause.as_deref().unwrap_or("no answer in time");
        Exit::NoConnection(format!("no connection to {url}{period}: {cause}"))
    }

    /// The time is over: 3 where no namespace was ever connected, else 4.
    pub(crate) fn out_of_time(&self, connection: &Connection, missing: &str) -> Exit {
        let status = self.shared.status.borrow();
        let period = format!(" within {:?}", connection.timeout);
        if status.ever {
            Exit::NotInTime(format!("{}: {missing}{period}", self.url))
        } else {
            Self::no_connection(&status, &self.url, &period)
        }
    }

    /// Whether a namespace was connected at some time.
    pub(crate) fn was_connected(&self) -> bool {
        self.shared.status.borrow().ever
    }

    /// The sockets that are connected, and the names of those that are not.
    pub(crate) fn admitted(&self) -> (Vec<&Socket>, Option<String>) {
        let connected = |(at, _): &(usize, &Socket)| self.place(*at) == Place::Connected;
        let (yes, no): (Vec<_>, Vec<_>) = self.sockets.iter().enumerate().partition(connected);
        let names: Vec<_> = no.iter().map(|(_, socket)| socket.namespace()).collect();
        (yes.into_iter().map(|(_, socket)| socket).collect(), (!no.is_empty()).then(|| names.join(", ")))
    }

    /// 3, although no attempt was the last one.
    pub(crate) fn no_connection_yet(&self) -> Exit {
        Self::no_connection(&self.shared.status.borrow(), &self.url, "")
    }

    /// What out_of_time says of a connection that is missing at the end of input.
    pub(crate) fn still_waiting(&self, connection: &Connection) -> Exit {
        let status = self.shared.status.borrow();
        let cause = status.cause.as_deref().unwrap_or("no answer in time");
        Exit::NotInTime(format!("no connection to {} within {:?}: {cause}", self.url, connection.timeout))
    }

    /// Leaves every namespace. Everything emitted must be flushed before: a Node server drops an event that a DISCONNECT
    /// follows at once. Where another run takes up the sessions that is done only if it is wanted `for_good`.
    pub(crate) async fn leave(&self, for_good: bool) {
        if self.keeps && !for_good {
            // The client is dropped soon, and then leaves its sessions to the next one.
            return;
        }
        self.client.close();
        // Until the last line is written, however slowly it is read.
        self.until(|status| status.broken.is_some() || !status.places.contains(&Place::Connected)).await;
    }

    /// Waits until the connection is closed in an orderly way. What holds a socket must be gone.
    pub(crate) async fn closed(self) {
        let Self { client, sockets, shared, .. } = self;
        // It ends with the client.
        let Some(mut end) = sockets.first().map(|socket| socket.stream("")) else { return };
        shared.sockets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop((client, sockets));
        shared.output.drain();
        let _ = tokio::time::timeout(CLOSING, async { while end.next().await.is_some() {} }).await;
    }
}

/// A message's arguments as values.
pub(crate) fn arguments(message: &Message) -> Result<Vec<Value>, String> {
    match message.parse::<Arguments<Vec<Value>>>() {
        Ok(Arguments(args)) => Ok(args),
        Err(error) => Err(format!("event {:?}: {error}", message.event())),
    }
}
