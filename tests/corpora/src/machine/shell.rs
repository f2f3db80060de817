//! A shell that does what it is told, and what it may do wrong.

mod obey;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckId, AuthRequest, EmitOptions, Fate, Flush, Input, Instant, Manager, Message, ResolveId, Restored,
    ResyncId, SavedSession, SocketId, TransportError, TransportId, TransportKind,
};

use super::judge::{Judge, Promise};
use super::{RESENT, STORED, server};
use crate::source::Source;

/// What is known of a transport.
#[derive(Debug, PartialEq, Eq)]
enum Link {
    Opening,
    Open,
    Polling { getting: bool, posting: bool },
}

/// Calls of the timer for one moment.
const CALLS: usize = 200;

pub(super) struct Shell {
    pub(super) manager: Manager<Json>,
    pub(super) sockets: Vec<SocketId>,
    pub(super) now: Instant,
    /// The server may have said anything.
    pub(super) wild: bool,
    /// WebSocket pings are sent.
    pub(super) pings: bool,
    pub(super) wanted_acks: Vec<AckId>,
    pub(super) questions: Vec<AuthRequest>,
    judge: Judge,
    links: BTreeMap<TransportId, Link>,
    dead: Vec<TransportId>,
    /// What a kind server would say next.
    answers: VecDeque<String>,
    /// WebSockets on which it was asked whether the session may move there.
    probed: BTreeSet<TransportId>,
    /// Pings without a pong.
    pinged: BTreeSet<TransportId>,
    numbers: u64,
    buffer_size: usize,
    buffer_bytes: usize,
    keeps: VecDeque<u64>,
    kept: BTreeSet<u64>,
    reserve: Option<u64>,
    resolves: Vec<ResolveId>,
    resyncs: Vec<ResyncId>,
    saved: Option<SavedSession>,
    /// The store was opened, or given up.
    store_known: bool,
    trace: bool,
}

impl Shell {
    pub(super) fn new(
        manager: Manager<Json>,
        sockets: Vec<SocketId>,
        buffer_size: usize,
        buffer_bytes: usize,
    ) -> Self {
        Self {
            manager,
            sockets,
            now: Instant::from_millis(1),
            wild: false,
            pings: true,
            wanted_acks: Vec::new(),
            questions: Vec::new(),
            judge: Judge::default(),
            links: BTreeMap::new(),
            dead: Vec::new(),
            answers: VecDeque::new(),
            probed: BTreeSet::new(),
            pinged: BTreeSet::new(),
            numbers: 0,
            buffer_size,
            buffer_bytes,
            keeps: VecDeque::new(),
            kept: BTreeSet::new(),
            reserve: None,
            resolves: Vec::new(),
            resyncs: Vec::new(),
            saved: None,
            store_known: false,
            trace: std::env::var_os("TRACE").is_some(),
        }
    }
}

/// The application's wishes.
impl Shell {
    pub(super) const fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn emit(&mut self, socket: SocketId, payload: Payload, options: EmitOptions<'_>) {
        let resent = socket == self.sockets[RESENT] || socket == self.sockets[STORED];
        let Ok(emit) = self.manager.emit(socket, payload, options, self.now) else { return };
        self.tell(&(socket, emit, options));
        let promise = match self.manager.fate(socket, emit) {
            Some(Fate::Dropped) if options.ack && options.quiet_drop => Promise::Perhaps,
            _ if options.ack || resent && !options.volatile => Promise::Ack,
            _ => Promise::Nothing,
        };
        assert!(self.judge.open.insert((socket, emit), promise).is_none(), "a ticket twice");
    }

    pub(super) fn observe_fates(&mut self, socket: SocketId, on: bool) {
        self.manager.observe_fates(socket, on);
        self.judge.observes(socket, on);
    }

    pub(super) fn cancel(&mut self, pick: u8) {
        let at = usize::from(pick) % self.judge.open.len().max(1);
        let Some((&(socket, emit), _)) = self.judge.open.iter().nth(at) else { return };
        if self.manager.cancel(socket, emit) {
            assert_eq!(self.manager.fate(socket, emit).map(Fate::is_final), Some(true));
        }
    }

    pub(super) fn flush(&mut self, socket: SocketId) {
        if let Flush::Pending(emit) = self.manager.flush(socket) {
            self.judge.flushes.insert((socket, emit));
        }
    }

    pub(super) fn left(&mut self, socket: SocketId) {
        self.resyncs.retain(|resync| resync.parts().0 != socket);
    }

    pub(super) fn set_resync(&mut self, socket: SocketId, on: bool) {
        if on {
            self.judge.resyncing.insert(socket);
        }
        self.manager.set_resync(socket, on);
    }

    pub(super) fn resynced(&mut self) {
        if let Some(resync) = self.resyncs.pop() {
            self.manager.resynced(resync);
        }
    }

    pub(super) fn save(&mut self, socket: SocketId) {
        self.saved = self.manager.saved_session(socket).or(self.saved.take());
    }

    pub(super) fn restore_session(&mut self, socket: SocketId) {
        self.manager.restore_session(socket, self.saved.clone());
    }
}

/// The store.
impl Shell {
    pub(super) fn restore(&mut self, restored: Restored<Payload>) {
        if !std::mem::replace(&mut self.store_known, true) {
            self.judge.restored.extend(restored.emits.iter().map(|emit| emit.key));
            self.kept.extend(restored.emits.iter().map(|emit| emit.key));
            self.manager.restore(self.sockets[STORED], restored, self.now);
        }
    }

    pub(super) fn kept(&mut self, result: Result<(), String>) {
        let Some(key) = self.keeps.pop_front() else { return };
        // What could not be stored may be there all the same.
        self.kept.insert(key);
        self.manager.kept(self.sockets[STORED], key, result, self.now);
    }

    pub(super) fn reserved(&mut self) {
        if let Some(up_to) = self.reserve.take() {
            self.manager.reserved(self.sockets[STORED], up_to, self.now);
        }
    }

    pub(super) fn not_reserved(&mut self) {
        if self.reserve.take().is_some() {
            self.manager.not_reserved(self.sockets[STORED], "full", self.now);
        }
    }

    pub(super) fn give_up_store(&mut self, refusal: Option<&str>) {
        let (socket, now) = (self.sockets[STORED], self.now);
        self.store_known = true;
        match refusal {
            Some(cause) => self.manager.refuse_store(socket, cause, now),
            None => self.manager.go_without_store(socket, now),
        }
    }

    pub(super) fn resolved(&mut self, source: &mut Source<'_>) {
        let Some(id) = self.resolves.pop() else { return };
        let address = match source.below(4) {
            0 => Err(socketio_client_core::UrlError { url: "x".into(), cause: "fuzz" }),
            1 => socketio_client_core::Address::parse("https://three").map(Some),
            _ => Ok(None),
        };
        self.manager.resolved(id, address, vec![("a".into(), source.text())], self.now);
    }
}

/// The world.
impl Shell {
    pub(super) fn link(&self, pick: u8) -> Option<TransportId> {
        let at = usize::from(pick) % self.links.len().max(1);
        self.links.keys().nth(at).copied()
    }

    pub(super) fn is_open(&self, transport: TransportId) -> bool {
        self.links.get(&transport) == Some(&Link::Open)
    }

    fn input(&mut self, input: Input<Json>) {
        self.tell(&input);
        self.manager.handle_input(input, self.now);
    }

    pub(super) fn opened(&mut self, pick: u8) {
        let Some(transport) = self.link(pick) else { return };
        let Some(link @ Link::Opening) = self.links.get_mut(&transport) else { return };
        *link = Link::Open;
        self.input(Input::Opened { transport });
    }

    /// A WebSocket message, or the body of a GET.
    pub(super) fn says(&mut self, pick: u8, text: String) {
        self.tell(&text);
        let Some(transport) = self.link(pick) else { return };
        match self.links.get_mut(&transport) {
            Some(Link::Open) => {
                self.input(Input::Message { transport, message: Message::Text(text.into()) });
            }
            Some(Link::Polling { getting: getting @ true, .. }) => {
                *getting = false;
                self.input(Input::Got { transport, body: text.into() });
            }
            _ => {}
        }
    }

    pub(super) fn binary(&mut self, pick: u8, bytes: Bytes) {
        if let Some(transport) = self.link(pick).filter(|transport| self.is_open(*transport)) {
            self.input(Input::Message { transport, message: Message::Binary(bytes) });
        }
    }

    pub(super) fn posted(&mut self, pick: u8) {
        let Some(transport) = self.link(pick) else { return };
        if let Some(Link::Polling { posting: posting @ true, .. }) = self.links.get_mut(&transport) {
            *posting = false;
            self.input(Input::Posted { transport });
        }
    }

    pub(super) fn pong(&mut self, pick: u8) {
        if let Some(transport) = self.link(pick).filter(|transport| self.pinged.remove(transport)) {
            self.input(Input::Pong { transport });
        }
    }

    pub(super) fn close_link(&mut self, pick: u8, error: TransportError) {
        let Some(transport) = self.link(pick) else { return };
        if self.is_open(transport) {
            self.manager.never_left(transport, usize::from(pick));
        }
        self.bury(transport);
        self.input(Input::Closed { transport, error });
    }

    /// The shell need not be in time.
    pub(super) fn for_dead(&mut self, pick: u8) {
        let at = usize::from(pick) % self.dead.len().max(1);
        let Some(&transport) = self.dead.get(at) else { return };
        let before = self.manager.state();
        match pick % 5 {
            0 => self.input(Input::Opened { transport }),
            1 => self.input(Input::Message { transport, message: Message::Text(server::HANDSHAKE.into()) }),
            2 => self.input(Input::Pong { transport }),
            3 => self.input(Input::Got { transport, body: "1".into() }),
            _ => self.input(Input::Closed { transport, error: TransportError::Offline }),
        }
        assert_eq!(self.manager.state(), before, "a transport that is gone is heard");
    }

    pub(super) fn unsent(&mut self, pick: u8, bytes: u8) {
        if let Some(transport) = self.link(pick).filter(|transport| self.is_open(*transport)) {
            self.manager.unsent(transport, bytes.into());
        }
    }

    fn bury(&mut self, transport: TransportId) {
        self.links.remove(&transport);
        self.pinged.remove(&transport);
        self.dead.push(transport);
    }

    /// Answers of a kind server that nobody has heard.
    pub(super) fn answers(&self) -> usize {
        self.answers.len()
    }

    /// The next thing that a kind server and network would do to a transport, with as many answers at hand.
    pub(super) fn kind_word(&mut self, pick: u8, answers: usize) {
        let Some(transport) = self.link(pick) else { return };
        let silent = self.manager.transport().is_none();
        match self.links.get_mut(&transport) {
            Some(Link::Opening) => {
                self.opened(pick);
                if silent {
                    self.says(pick, server::HANDSHAKE.into());
                }
            }
            Some(Link::Open) => {
                if self.pinged.contains(&transport) {
                    self.pong(pick);
                } else if silent {
                    self.says(pick, server::HANDSHAKE.into());
                } else if self.probed.remove(&transport) {
                    self.says(pick, "3probe".into());
                } else if self.manager.transport() == Some(TransportKind::WebSocket)
                    && answers > 0
                    && let Some(answer) = self.answers.pop_front()
                {
                    self.says(pick, answer);
                }
            }
            Some(Link::Polling { getting: true, .. }) if silent => self.says(pick, server::HANDSHAKE.into()),
            // A GET is not kept waiting by POSTs, of which there may be no end until it is answered.
            Some(Link::Polling { getting: true, .. }) if answers > 0 => {
                let count = answers.min(server::PACKETS);
                let body = self.answers.drain(..count).collect::<Vec<_>>().join("\u{1e}");
                self.says(pick, body);
            }
            Some(Link::Polling { posting: true, .. }) => self.posted(pick),
            Some(Link::Polling { getting: true, .. }) => self.says(pick, "6".into()),
            _ => {}
        }
    }

    /// In steps, or late and at once.
    pub(super) fn pass_time(&mut self, jump: Duration, late: bool, mut source: Option<&mut Source<'_>>) {
        let until = self.now + jump;
        let mut calls = 0;
        while let Some(deadline) = self.manager.poll_timeout().filter(|deadline| *deadline <= until) {
            calls = if deadline > self.now { 0 } else { calls + 1 };
            assert!(calls < CALLS, "time does not pass: {:?}", self.manager);
            self.now = if late { until } else { self.now.max(deadline) };
            self.manager.handle_timeout(self.now);
            self.drain(source.as_deref_mut().unwrap_or(&mut Source(&[])));
        }
        self.now = until;
    }
}

/// The end.
impl Shell {
    /// The application leaves: nothing may be left to be done.
    pub(super) fn leave(&mut self) {
        let mut nothing = Source(&[]);
        self.manager.set_online(true, self.now);
        for socket in self.sockets.clone() {
            self.left(socket);
            self.manager.disconnect(socket, self.now);
        }
        self.manager.close_connection(self.now);
        self.drain(&mut nothing);
        self.pass_time(Duration::from_secs(200), false, None);
        self.drain(&mut nothing);
        assert!(self.links.is_empty(), "left open: {:?}", self.links);
        assert!(self.judge.connected.is_empty(), "still connected");
        assert_eq!(self.manager.poll_timeout(), None, "something to wait for: {:?}", self.manager);
    }

    /// A kind world: every emit settles.
    pub(super) fn make_up(&mut self) {
        self.manager.set_reconnection(true);
        self.answers.clear();
        for socket in self.sockets.clone() {
            self.manager.set_resync(socket, false);
            self.manager.connect(socket, self.now);
        }
        self.restore(Restored { delivery: Some("D".into()), next: 200, emits: Vec::new() });
        for _ in 0..300 {
            self.drain(&mut Source(&[]));
            // All that there is to be said: of emits that are sent again and again, a word a turn would answer attempts that
            // are long forgotten. What is sent meanwhile is answered in the next turn: a late answer must do.
            let mut due = self.answers.len();
            for pick in 0..u8::try_from(self.links.len()).unwrap_or(u8::MAX) {
                let words = due + 1;
                for _ in 0..words {
                    let answers = self.answers.len();
                    self.kind_word(pick, due);
                    due -= answers - self.answers.len();
                    self.drain(&mut Source(&[]));
                }
            }
            while !self.keeps.is_empty() {
                self.kept(Ok(()));
            }
            self.reserved();
            for request in std::mem::take(&mut self.questions) {
                self.manager.authenticate(request, Ok(None), self.now);
            }
            if let Some(id) = self.resolves.pop() {
                self.manager.resolved(id, Ok(None), Vec::new(), self.now);
            }
            // A limit of attempts may have been reached.
            if self.links.is_empty() {
                self.manager.reconnect_now(self.now);
            }
            if self.is_quiet() {
                break;
            }
            self.pass_time(Duration::from_millis(100), false, None);
        }
        // What the last words of that turn led to.
        self.drain(&mut Source(&[]));
        self.judge.all_settled();
    }

    fn is_quiet(&self) -> bool {
        self.answers.is_empty()
            && self.keeps.is_empty()
            && self.judge.connected.len() == self.sockets.len()
            && self.sockets.iter().all(|socket| {
                self.manager.queued(*socket) == 0 && self.manager.pending_acks(*socket).next().is_none()
            })
            && self.judge.flushes.is_empty()
            && self.judge.held().is_none()
    }
}
