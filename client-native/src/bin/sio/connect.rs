//! `sio connect`: standard input and output as JSON lines.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::value::RawValue;
use socketio_client_native::{AckError, Arguments, EmitId, Fate, Socket, Value};
use tokio::time::Instant;

use crate::args::Connection;
use crate::exit::Exit;
use crate::fates::Fates;
use crate::lines::{self, Command, Emit, Line, Outcome};
use crate::questions::{Questions, lock};
use crate::session::{Place, Session, arguments};
use crate::value::JsonList;

/// Emits whose ack is awaited. Beyond it input waits.
const MAX_PENDING: usize = 5_000;
/// Emits, and bytes of them, that the server may not have yet. Beyond it input waits. The client's own bounds are twice
/// as high, so what is read here is accepted there.
const MAX_UNFLUSHED: usize = 5_000;
const MAX_UNFLUSHED_BYTES: usize = 8 << 20;
/// How long the outbox is waited for at the end.
const STORING: Duration = Duration::from_secs(10);
/// How long a line is waited for that is certain to come.
const SETTLING: Duration = Duration::from_millis(250);

pub(crate) async fn run(connection: Connection) -> Result<Exit, Exit> {
    let session = Session::open(&connection, None, true)?;
    let questions = Arc::new(Mutex::new(Questions::default()));
    for socket in session.sockets() {
        let (shared, questions, namespace) =
            (Arc::clone(session.shared()), Arc::clone(&questions), socket.namespace().to_owned());
        socket.on_any(move |message| match arguments(&message) {
            Ok(args) => {
                let event = message.event().to_owned();
                let replayed = message.is_replayed();
                let ack = message.wants_ack().then(|| lock(&questions).ask(message));
                let args = JsonList(&args);
                shared.write(&Line::Event { namespace: &namespace, event: &event, args, ack, replayed });
            }
            Err(message) => shared.write(&Line::Error { message: &message }),
        });
    }
    session.start();
    let run = Run {
        connection: &connection,
        session: &session,
        questions,
        answers: FuturesUnordered::new(),
        fates: Fates::default(),
        pending: BTreeMap::new(),
        calls: 0,
        unflushed: Unflushed::default(),
        missing: Missing::default(),
        goodbye: None,
    };
    let exit = run.until_the_end().await;
    session.closed().await;
    Ok(exit)
}

type Answer = Result<Arguments<Vec<Value>>, AckError>;
type Answers = FuturesUnordered<Pin<Box<dyn Future<Output = (u64, Answer)> + Send>>>;

/// One run of the command.
struct Run<'a> {
    connection: &'a Connection,
    session: &'a Session,
    questions: Arc<Mutex<Questions>>,
    answers: Answers,
    /// Of emits with an id.
    fates: Fates,
    /// The ids of those answers, by the number of the call.
    pending: BTreeMap<u64, Option<Box<RawValue>>>,
    calls: u64,
    unflushed: Unflushed,
    missing: Missing,
    /// Set once nothing more is read.
    goodbye: Option<Goodbye>,
}

/// What keeps the command from ending with 0.
#[derive(Default)]
struct Missing {
    /// An answer did not come.
    answer: bool,
    /// A connection ended before the server was known to have everything.
    receipt: bool,
}

/// Nothing more is read.
struct Goodbye {
    /// Whether answers are still waited for.
    answers: bool,
    /// When patience ends, while there is no connection, or no progress to wait for.
    deadline: Instant,
    /// What `deadline` was set for.
    waiting_for: WaitingFor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitingFor {
    Connection,
    Receipt,
    Answers,
}

impl Run<'_> {
    async fn until_the_end(mut self) -> Exit {
        let mut input = lines::read();
        loop {
            // Before anything is looked at, so that no change goes unnoticed.
            let changed = self.session.changes();
            if let Some(exit) = self.session.verdict() {
                return self.end(exit).await;
            }
            if self.goodbye.is_some() && self.is_finished() {
                let exit = self.outcome();
                return self.end(exit).await;
            }
            let waiting_for = self.waiting_for();
            let overdue = self.overdue(waiting_for);
            let reads = self.goodbye.is_none() && self.has_room();
            self.unflushed.watch(self.session, self.goodbye.is_some());
            tokio::select! {
                biased;
                Some((call, answer)) = self.answers.next() => self.answered(call, answer),
                Some(change) = self.fates.next() => self.fates.tell(change, self.session.shared()),
                flushed = self.unflushed.flushed() => {
                    self.missing.receipt |= !flushed && self.goodbye.is_some();
                }
                () = changed => {}
                command = input.recv(), if reads => self.obey(command),
                () = overdue => {
                    let exit = match waiting_for {
                        WaitingFor::Connection => self.session.still_waiting(self.connection),
                        WaitingFor::Receipt => self.session.out_of_time(self.connection, "no receipt"),
                        WaitingFor::Answers => self.session.out_of_time(self.connection, "no answer"),
                    };
                    return self.end(exit).await;
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        self.answers.len() < MAX_PENDING
            && (self.unflushed.has_room() || !self.connection.delivery.is_patient())
    }

    fn obey(&mut self, command: Option<Result<Command, String>>) {
        match command {
            Some(Ok(Command::Emit(emit))) => self.emit(emit),
            Some(Ok(Command::Answer { ack, args })) => {
                let question = lock(&self.questions).take(ack);
                match question {
                    None => self.error(&format!("no event with \"ack\":{ack} waits for an answer")),
                    Some(message) => {
                        self.unflushed.add(size(&args));
                        if let Err(error) = message.ack(&Arguments(&args)) {
                            self.error(&format!("the answer {ack} was not sent: {error}"));
                        }
                    }
                }
            }
            Some(Ok(Command::Disconnect)) => self.say_goodbye(false),
            Some(Err(message)) => self.error(&message),
            None => self.say_goodbye(true),
        }
    }

    fn say_goodbye(&mut self, answers: bool) {
        self.session.forget_losses();
        let deadline = Instant::now() + self.connection.timeout;
        self.goodbye = Some(Goodbye { answers, deadline, waiting_for: WaitingFor::Connection });
    }

    fn emit(&mut self, emit: Emit) {
        let Some((at, socket)) = self.socket(emit.namespace.as_deref()) else { return };
        self.unflushed.add(size(&emit.args));
        if emit.id.is_some() {
            self.fates.watch(at, &socket);
        }
        if emit.ack {
            let call =
                socket.emit_with_ack::<Arguments<Vec<Value>>>(&emit.event, &Arguments(&emit.args)).send();
            self.fate(at, call.id(), emit.id.clone());
            self.calls += 1;
            let number = self.calls;
            self.pending.insert(number, emit.id);
            // Looked at soon, and never told to wait for its turn, so that answers are printed in nearly
            // the order in which they come.
            self.answers.push(Box::pin(tokio::task::unconstrained(async move { (number, call.await) })));
            while let Some(Some((call, answer))) = self.answers.next().now_or_never() {
                self.answered(call, answer);
            }
            return;
        }
        let emitted = socket.emit(&emit.event, &Arguments(&emit.args));
        if let Err(error) = &emitted {
            self.error(&format!("{:?} was not sent: {error}", emit.event));
        }
        self.fate(at, emitted.ok(), emit.id);
    }

    /// An emit has this ticket, or was refused.
    fn fate(&mut self, at: usize, emit: Option<EmitId>, id: Option<Box<RawValue>>) {
        match (emit, id) {
            (Some(emit), id) => self.fates.add(at, emit, id),
            (None, Some(id)) => {
                let fate = Fate::Refused.as_str();
                self.session.shared().write(&Line::Fate { id: &id, fate });
            }
            (None, None) => {}
        }
    }

    /// The socket for an emit, or a line that says why there is none.
    fn socket(&self, namespace: Option<&str>) -> Option<(usize, Socket)> {
        let sockets = self.session.sockets();
        let at = match namespace {
            None => Some(0),
            Some(name) => sockets.iter().position(|socket| socket.namespace() == name),
        };
        let found = at.and_then(|at| Some((at, sockets.get(at)?, self.session.place(at))));
        let problem = match found {
            Some((at, socket, Place::Waiting | Place::Connected)) => return Some((at, socket.clone())),
            Some((_, socket, Place::Refused(why))) => format!("{} was refused: {why}", socket.namespace()),
            Some((_, socket, Place::Ended)) => format!("the server ended {}", socket.namespace()),
            Some((_, socket, Place::Left)) => format!("{} was left", socket.namespace()),
            None => {
                let name = namespace.unwrap_or_default();
                format!("the namespace {name:?} is not in use: name it with --namespace")
            }
        };
        self.error(&problem);
        None
    }

    fn error(&self, message: &str) {
        self.session.shared().write(&Line::Error { message });
    }

    fn answered(&mut self, call: u64, answer: Answer) {
        let id = self.pending.remove(&call).flatten();
        let id = id.as_deref();
        let shared = self.session.shared();
        match answer {
            Ok(Arguments(args)) => {
                shared.write(&Line::Ack { id, outcome: Outcome::Args(JsonList(&args)) });
            }
            Err(error) => {
                shared.write(&Line::Ack { id, outcome: Outcome::Error(&error.to_string()) });
                // What was never sent is an error of input, like a line that cannot be read.
                self.missing.answer |= !matches!(error, AckError::NotSent(_));
            }
        }
    }

    fn is_finished(&self) -> bool {
        let answers = self.goodbye.as_ref().is_some_and(|goodbye| goodbye.answers);
        let settled = if answers { !self.session.is_waiting() && self.answers.is_empty() } else { true };
        settled && self.unflushed.is_empty() && !self.fates_come()
    }

    /// Whether an emit with an id is not settled, and may be.
    fn fates_come(&self) -> bool {
        let comes = |(at, _)| matches!(self.session.place(at), Place::Waiting | Place::Connected);
        self.fates.open().any(comes)
    }

    fn outcome(&self) -> Exit {
        if self.missing.receipt {
            Exit::NotInTime("the connection ended before the server had everything".to_owned())
        } else if self.missing.answer {
            Exit::NotInTime("an answer did not come".to_owned())
        } else {
            Exit::Done
        }
    }

    fn waiting_for(&self) -> WaitingFor {
        if self.session.is_waiting() {
            WaitingFor::Connection
        } else if self.unflushed.is_empty() {
            WaitingFor::Answers
        } else {
            WaitingFor::Receipt
        }
    }

    /// Ends when patience does. Each thing that is waited for gets `--timeout` from when the waiting begins; answers have
    /// a time of their own where `--ack-timeout` is given, and a receipt comes or the heartbeat fails.
    fn overdue(&mut self, waiting_for: WaitingFor) -> impl Future<Output = ()> + use<> {
        let deadline = self.goodbye.as_mut().and_then(|goodbye| {
            if goodbye.waiting_for != waiting_for {
                goodbye.waiting_for = waiting_for;
                goodbye.deadline = Instant::now() + self.connection.timeout;
            }
            let has_deadline = match waiting_for {
                WaitingFor::Connection => true,
                WaitingFor::Receipt => false,
                WaitingFor::Answers => self.connection.ack_timeout.is_none(),
            };
            has_deadline.then_some(goodbye.deadline)
        });
        async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => pending().await,
            }
        }
    }

    /// Leaves, and gives every answer that is still awaited its line.
    async fn end(mut self, exit: Exit) -> Exit {
        let shared = self.session.shared();
        let keeps = self.connection.delivery.outbox.is_some();
        if keeps {
            let stored = self.fates.stored(self.session.sockets());
            // A disk that hangs is not waited for longer.
            drop(self.fates.tell_until(tokio::time::timeout(STORING, stored), shared).await);
        }
        let for_good = self.goodbye.as_ref().is_some_and(|goodbye| !goodbye.answers);
        self.fates.tell_until(self.session.leave(for_good), shared).await;
        if !keeps {
            // Nobody will send them.
            for (at, emit) in self.fates.open().collect::<Vec<_>>() {
                self.session.sockets().get(at).map(|socket| socket.cancel(emit));
            }
        }
        while !self.fates.is_empty()
            && let Ok(Some(change)) = tokio::time::timeout(SETTLING, self.fates.next()).await
        {
            self.fates.tell(change, shared);
        }
        // Leaving settles those that were sent, an instant before or after.
        while let Ok(Some((call, answer))) = tokio::time::timeout(SETTLING, self.answers.next()).await {
            self.answered(call, answer);
        }
        for id in self.pending.values() {
            let outcome = Outcome::Error("not sent: there is no connection");
            self.session.shared().write(&Line::Ack { id: id.as_deref(), outcome });
        }
        exit
    }
}

/// What was emitted and may not have reached the server.
#[derive(Default)]
struct Unflushed {
    count: usize,
    bytes: usize,
    /// Resolves once the first so many of them have.
    flush: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    covered: (usize, usize),
}

impl Unflushed {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn has_room(&self) -> bool {
        self.count < MAX_UNFLUSHED && self.bytes < MAX_UNFLUSHED_BYTES
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Asks for a receipt where one is due: in the middle of a flood, and at the end.
    fn watch(&mut self, session: &Session, last: bool) {
        let due = self.count >= MAX_UNFLUSHED / 2 || self.bytes >= MAX_UNFLUSHED_BYTES / 2 || last;
        if due && !self.is_empty() && self.flush.is_none() {
            self.covered = (self.count, self.bytes);
            self.flush = Some(Box::pin(session.flushed()));
        }
    }

    /// The outcome of the receipt that was asked for.
    async fn flushed(&mut self) -> bool {
        let Some(flush) = &mut self.flush else { return pending().await };
        let flushed = flush.await;
        self.flush = None;
        // Otherwise a connection ended with some of them, and the next receipt is for those that are left.
        if flushed {
            self.count = self.count.saturating_sub(self.covered.0);
            self.bytes = self.bytes.saturating_sub(self.covered.1);
        }
        flushed
    }
}

/// About how many bytes a list of arguments has.
fn size(args: &[Value]) -> usize {
    let of = |value: &Value| match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Bytes(bytes) => bytes.len() + 32,
        Value::Array(values) => 2 + size(values),
        Value::Object(entries) => {
            2 + entries
                .iter()
                .map(|(key, value)| key.len() + 4 + size(std::slice::from_ref(value)))
                .sum::<usize>()
        }
    };
    args.iter().map(of).sum()
}
