//! A server that is a script, written by hand: HTTP heads, WebSocket frames, polling bodies.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;
use socketio_client_native::Limits;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a session announces.
pub(crate) const HANDSHAKE: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

const COMPRESSES: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// After that a write that does not end is one that is held back.
const STALL: Duration = Duration::from_millis(200);

/// What is done to a client, on each connection that it opens.
#[derive(Clone, Copy)]
pub(crate) enum Attack {
    /// In place of an answer to the first request.
    Opening(fn(&mut Peer) -> io::Result<()>),
    /// In place of the Engine.IO handshake, over a WebSocket that is open.
    Handshake(fn(&mut Peer) -> io::Result<()>),
    /// Over a WebSocket, in a session whose CONNECT has not been answered.
    Joining(fn(&mut Peer) -> io::Result<()>),
    /// Over a WebSocket, with the namespace connected.
    WebSocket(fn(&mut Peer) -> io::Result<()>),
    /// The same, and the server says that it compresses.
    Compressed(fn(&mut Peer) -> io::Result<()>),
    /// The answer to each GET, with the namespace connected; counted from 0.
    Polling(fn(&mut Peer, usize) -> io::Result<()>),
    /// Over the WebSocket to which a polling session would move.
    Probe(fn(&mut Peer) -> io::Result<()>),
}

impl Attack {
    /// Whether the session polls, and is offered a WebSocket.
    pub(crate) const fn upgrades(self) -> bool {
        matches!(self, Self::Probe(_))
    }
}

/// Where the server breaks off by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// After so many writes.
    pub(crate) after: usize,
    /// In no orderly way.
    pub(crate) reset: bool,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    /// To which connections are passed on, instead; 0 while it is hostile.
    good: AtomicU16,
    /// What the script has to say is said.
    done: AtomicBool,
    gets: AtomicUsize,
    /// A polling session was asked for a namespace, and has answered.
    asked: AtomicBool,
    joined: AtomicBool,
    /// Writes of the longest connection.
    steps: AtomicUsize,
    /// The client does not read any more.
    stalled: AtomicBool,
    /// It went from what has no end.
    enough: AtomicBool,
    /// The client's.
    limits: Limits,
    cut: Mutex<Option<Cut>>,
    streams: Mutex<BTreeMap<u64, TcpStream>>,
}

/// One listener, one thread for each connection; ends when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(attack: Attack, limits: Limits, cut: Option<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // What is not read does not wait here.
        SockRef::from(&listener).set_recv_buffer_size(16 << 10).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { limits, cut: Mutex::new(cut), ..Shared::default() });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for (stream, number) in listener.incoming().flatten().zip(0..) {
                if accepting.ended.load(SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                lock(&shared.streams).insert(2 * number, stream.try_clone().unwrap());
                std::thread::spawn(move || match shared.good.load(SeqCst) {
                    0 => serve(stream, 2 * number, attack, shared),
                    port => pass_on(&stream, 2 * number, port, &shared),
                });
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// From now on it is a good server: what speaks on this port. Or, for 0, a hostile one again.
    pub(crate) fn mend(&self, port: u16) {
        self.shared.good.store(port, SeqCst);
        self.hang_up();
    }

    pub(crate) fn steps(&self) -> usize {
        self.shared.steps.load(SeqCst)
    }

    /// Whether the script has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.shared.done.load(SeqCst)
    }

    /// Whether the client has left something unread for a while.
    pub(crate) fn is_stalled(&self) -> bool {
        self.shared.stalled.load(SeqCst)
    }

    /// Whether a client has gone from what has no end.
    #[allow(dead_code, reason = "for clients in other processes")]
    pub(crate) fn is_enough(&self) -> bool {
        self.shared.enough.load(SeqCst)
    }

    fn hang_up(&self) {
        for stream in std::mem::take(&mut *lock(&self.shared.streams)).into_values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.hang_up();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass_on(client: &TcpStream, number: u64, port: u16, shared: &Shared) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    lock(&shared.streams).insert(number + 1, server.try_clone().unwrap());
    let copy = |from: &TcpStream, to: &TcpStream| {
        let (mut from, mut to) = (from, to);
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
    lock(&shared.streams).retain(|other, _| other / 2 != number / 2);
}

fn serve(stream: TcpStream, number: u64, attack: Attack, shared: Arc<Shared>) {
    let _ = stream.set_write_timeout(Some(STALL)).and_then(|()| stream.set_read_timeout(Some(STALL)));
    let _ = stream.set_nodelay(true);
    let mut peer = Peer { stream, shared, written: 0, reset: false, polled: false };
    // Whatever ends it: the client has gone, or the row is over.
    let _ = peer.serve(attack);
    if !peer.reset {
        let _ = peer.stream.shutdown(Shutdown::Both);
    }
    // The last copy: a reset happens now.
    lock(&peer.shared.streams).remove(&number);
}

/// The head of a request.
struct Request {
    line: String,
    key: Option<String>,
}

/// One connection of a client.
pub(crate) struct Peer {
    stream: TcpStream,
    shared: Arc<Shared>,
    written: usize,
    reset: bool,
    /// It asked for what the session has to say, and was answered.
    polled: bool,
}

impl Peer {
    fn serve(&mut self, attack: Attack) -> io::Result<()> {
        while let Some(Request { line, key }) = self.request()? {
            if let Attack::Opening(opening) = attack {
                opening(self)?;
                return self.finish();
            }
            if line.starts_with("POST ") {
                self.shared.asked.store(true, SeqCst);
                self.answer("200 OK", "", b"ok")?;
                continue;
            }
            if let Some(key) = key {
                let says = if let Attack::Compressed(_) = attack { COMPRESSES } else { "" };
                self.accept(&key, says)?;
                return self.websocket(attack);
            }
            match attack {
                _ if !line.contains("sid=") => {
                    let offered = if attack.upgrades() {
                        HANDSHAKE.replace("[]", "[\"websocket\"]")
                    } else {
                        HANDSHAKE.to_owned()
                    };
                    self.shared.asked.store(false, SeqCst);
                    self.shared.joined.store(false, SeqCst);
                    self.body(&offered)?;
                }
                _ if !self.shared.joined.load(SeqCst) => {
                    while !self.shared.asked.load(SeqCst) && !self.shared.ended.load(SeqCst) {
                        // As below.
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    self.body(r#"40{"sid":"n"}"#)?;
                    // A browser asks again where its connection was gone.
                    self.shared.joined.store(true, SeqCst);
                }
                Attack::Polling(answer) => {
                    let number = self.shared.gets.fetch_add(1, SeqCst);
                    answer(self, number)?;
                    self.polled = true;
                }
                // The session lives, by its heartbeat, and it is known that it does.
                _ if self.shared.done.load(SeqCst) => self.idle()?,
                _ => self.wait()?,
            }
        }
        Ok(())
    }

    fn websocket(&mut self, attack: Attack) -> io::Result<()> {
        match attack {
            Attack::Handshake(attack) | Attack::Probe(attack) => attack(self)?,
            Attack::Joining(attack) => {
                self.text(HANDSHAKE)?;
                attack(self)?;
            }
            Attack::WebSocket(attack) | Attack::Compressed(attack) => {
                self.text(HANDSHAKE)?;
                self.text(r#"40{"sid":"n","pid":"p"}"#)?;
                attack(self)?;
            }
            Attack::Opening(_) | Attack::Polling(_) => {}
        }
        self.finish()
    }

    /// All is said: the client hears so if it is still there, and hangs up if it likes.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.shared.done.store(true, SeqCst);
        while self.read(&mut [0; 4096])? > 0 {}
        Ok(())
    }

    /// Answers a GET once the script has ended elsewhere.
    fn wait(&mut self) -> io::Result<()> {
        while !self.shared.done.load(SeqCst) {
            // It is on another thread, and has no one to tell.
            std::thread::sleep(Duration::from_millis(2));
        }
        self.idle()
    }

    /// The answer to a GET of a session in which the client is to have survived.
    pub(crate) fn idle(&mut self) -> io::Result<()> {
        self.shared.done.store(true, SeqCst);
        self.body(r#"42["done"]"#)?;
        // The next one waits for the end of the row.
        self.request()?;
        self.finish()
    }

    fn request(&mut self) -> io::Result<Option<Request>> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if self.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let of = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
            Some(line[name.len()..].trim().to_owned())
        };
        let length = of("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0_u64);
        for _ in 0..length {
            self.read(&mut byte)?;
        }
        self.polled = false;
        let line = head.lines().next().unwrap_or_default().to_owned();
        Ok(Some(Request { line, key: of("sec-websocket-key:") }))
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(bytes) {
                Err(error) if is_late(&error) => {
                    // It does not ask for more.
                    self.shared.stalled.fetch_or(self.polled, SeqCst);
                }
                read => return read,
            }
        }
    }

    /// Bytes as they are: one step, unless the script breaks off before it.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(Cut { after, reset }) = *lock(&self.shared.cut)
            && self.written >= after
        {
            if reset {
                self.reset = true;
                SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
            }
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.written += 1;
        self.shared.steps.fetch_max(self.written, SeqCst);
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(wrote) => rest = &rest[wrote..],
                Err(error) if is_late(&error) => self.shared.stalled.store(true, SeqCst),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What its client allows.
    pub(crate) fn limits(&self) -> Limits {
        self.shared.limits.clone()
    }

    /// Agrees to a WebSocket, with these lines besides.
    pub(crate) fn accept(&mut self, key: &str, more: &str) -> io::Result<()> {
        let accept = derive_accept_key(key.as_bytes());
        self.raw(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
            )
            .as_bytes(),
        )
    }

    /// A frame with any first byte.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = header(first, payload.len() as u64);
        // What the server holds is counted too: no copy of much.
        if payload.len() > 32 << 10 {
            self.raw(&frame)?;
            return self.raw(payload);
        }
        frame.extend_from_slice(payload);
        self.raw(&frame)
    }

    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.frame(0x81, text.as_bytes())
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frame(0x82, bytes)
    }

    /// So many frames of text, in few writes.
    pub(crate) fn flood(&mut self, count: usize, text: impl Fn(usize) -> String) -> io::Result<()> {
        let mut frames = Vec::new();
        for number in 0..count {
            let text = text(number);
            frames.extend(header(0x81, text.len() as u64));
            frames.extend_from_slice(text.as_bytes());
            if frames.len() > 32 << 10 || number + 1 == count {
                self.raw(&frames)?;
                frames.clear();
            }
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, status: &str, more: &str, body: &[u8]) -> io::Result<()> {
        let mut answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        self.raw(&answer)
    }

    pub(crate) fn body(&mut self, text: &str) -> io::Result<()> {
        self.answer("200 OK", "", text.as_bytes())
    }

    /// The same bytes until the client has had enough.
    pub(crate) fn without_end(&mut self, bytes: &[u8]) -> io::Result<()> {
        let ended = self.repeat(bytes, usize::MAX);
        self.shared.enough.store(true, SeqCst);
        ended
    }

    /// The same bytes so many times, without having them all.
    pub(crate) fn repeat(&mut self, bytes: &[u8], times: usize) -> io::Result<()> {
        let at_once = ((32 << 10) / bytes.len()).clamp(1, times);
        let many = bytes.repeat(at_once);
        for _ in 0..times / at_once {
            self.raw(&many)?;
        }
        self.raw(&many[..bytes.len() * (times % at_once)])
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A frame's header for a payload of this length, whether it will come or not.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..126 => header.push(length as u8),
        126..0x1_0000 => {
            header.push(126);
            header.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header.push(127);
            header.extend_from_slice(&length.to_be_bytes());
        }
    }
    header
}
