//! A TCP proxy that does to connections what networks and the machines on the way do.
//!
//! It does one thing at a time, when it is told to ([`Proxy::set`]), and passes everything on otherwise.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Which bytes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Of the client, to the server.
    Up,
    /// Of the server, to the client.
    Down,
}

/// How a connection ends, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides get an orderly end.
    Close,
    /// Both sides get a reset.
    Reset,
    /// Who receives gets an orderly end; what it sends itself still passes.
    HalfClose,
    /// Nothing passes in this direction any more; the other one goes on.
    Stall,
}

/// Where a byte is changed: by its highest bit, or three bits of a frame's first byte, so that the text or frame is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first byte of a WebSocket frame.
    FrameHeader,
    /// The last byte of a short text in a WebSocket frame.
    FramePayload,
    /// The first byte of an HTTP body.
    Body,
}

/// What is done to connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// So many more bytes pass in this direction, of all connections together; then the connection that has the next one
    /// ends. Happens once.
    Cut(Direction, u64, End),
    /// One byte is changed, the first that fits. Happens once.
    Flip(Direction, Place),
    /// Nothing passes, and neither side learns what becomes of the other. New connections are accepted.
    BlackHole,
    /// Each byte takes so long.
    Drip(Duration),
    /// Every request on a new connection gets this answer, and the connection ends. Those that were there are reset.
    Answer(Vec<u8>),
    /// The first bytes that come on a new connection get this answer, and it ends. Those that were there are reset.
    Garbage(Vec<u8>),
    /// New connections go to this port. Those that were there are reset.
    Elsewhere(u16),
}

/// A proxy on a free port of 127.0.0.1, two threads per connection; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Since it was set.
    fired: u64,
    accepted: Vec<Instant>,
    answered: Vec<Instant>,
    /// Bytes so far: up, down.
    passed: [u64; 2],
    links: Vec<Weak<Link>>,
}

/// A connection and the one that is made for it, which close when both threads have let go of them.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Reset: nothing is to be said on it any more.
    over: AtomicBool,
    /// The sides learn nothing of each other any more.
    parted: AtomicBool,
    /// The server has accepted the WebSocket: what follows are frames.
    websocket: AtomicBool,
}

impl Proxy {
    /// Starts one in front of this port.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("cannot listen: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let shared = Arc::new(Shared { target, ended: AtomicBool::new(false), state: Mutex::default() });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { port, shared }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Does this from now on, in place of what it did.
    pub fn set(&self, fault: Fault) {
        let mut state = self.shared.state();
        if matches!(fault, Fault::Answer(_) | Fault::Garbage(_) | Fault::Elsewhere(_)) {
            state.reset_links();
        }
        state.fault = Some(fault);
        state.fired = 0;
    }

    /// Passes everything on again. A connection of which bytes were swallowed stays as it is.
    pub fn lift(&self) {
        self.shared.state().fault = None;
    }

    /// How often the fault has happened since it was set: cuts and changed bytes, or requests and connections that met it.
    pub fn fired(&self) -> u64 {
        self.shared.state().fired
    }

    /// When connections came.
    pub fn accepted(&self) -> Vec<Instant> {
        self.shared.state().accepted.clone()
    }

    /// When [`Fault::Answer`] was given.
    pub fn answered(&self) -> Vec<Instant> {
        self.shared.state().answered.clone()
    }

    /// How many bytes have passed in this direction.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.state().passed[direction as usize]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        self.shared.state().reset_links();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reset_links(&mut self) {
        for link in self.links.drain(..).filter_map(|link| link.upgrade()) {
            link.reset();
        }
    }
}

impl Link {
    fn close(&self) {
        for side in [&self.client, &self.server] {
            let _ = side.shutdown(Shutdown::Both);
        }
    }

    /// What is closed without lingering is reset. The threads, which are woken by an end of what they read, close it.
    fn reset(&self) {
        self.over.store(true, SeqCst);
        for side in [&self.client, &self.server] {
            let _ = SockRef::from(side).set_linger(Some(Duration::ZERO));
            let _ = side.shutdown(Shutdown::Read);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().flatten() {
        if shared.ended.load(SeqCst) {
            return;
        }
        let fault = {
            let mut state = shared.state();
            state.accepted.push(Instant::now());
            state.fault.clone()
        };
        let _ = client.set_nodelay(true);
        match fault {
            Some(Fault::Answer(answer)) => serve(client, answer, true, shared),
            Some(Fault::Garbage(answer)) => serve(client, answer, false, shared),
            Some(Fault::Elsewhere(port)) => {
                shared.state().fired += 1;
                link(client, port, shared);
            }
            _ => link(client, shared.target, shared),
        }
    }
}

/// Answers in place of the server.
fn serve(mut client: TcpStream, answer: Vec<u8>, request: bool, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let _ = client.set_read_timeout(Some(crate::PATIENCE));
        let (mut seen, mut part) = (Vec::new(), [0; 4096]);
        while seen.len() < 1 << 20 {
            match client.read(&mut part) {
                Ok(count @ 1..) => seen.extend_from_slice(&part[..count]),
                _ => return,
            }
            if !request || seen.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
        // Before the client has it.
        {
            let mut state = shared.state();
            state.fired += 1;
            state.answered.push(Instant::now());
        }
        let _ = client.write_all(&answer);
        let _ = client.shutdown(Shutdown::Write);
        // Closed with unread bytes it would be reset, and the answer lost.
        while client.read(&mut part).is_ok_and(|count| count > 0) {}
    });
}

fn link(client: TcpStream, port: u16, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let _ = server.set_nodelay(true);
    let [over, parted, websocket] = [(); 3].map(|()| AtomicBool::new(false));
    let link = Arc::new(Link { client, server, over, parted, websocket });
    shared.state().links.push(Arc::downgrade(&link));
    for direction in [Direction::Up, Direction::Down] {
        let (link, shared) = (Arc::clone(&link), Arc::clone(shared));
        thread::spawn(move || copy(direction, &link, &shared));
    }
}

/// What becomes of a chunk.
enum Step {
    Pass,
    /// So many bytes of it pass, and then this happens.
    End(usize, End),
    Drip(Duration),
}

fn copy(direction: Direction, link: &Link, shared: &Shared) {
    let (mut from, mut to) = match direction {
        Direction::Up => (&link.client, &link.server),
        Direction::Down => (&link.server, &link.client),
    };
    let mut buffer = [0; 65536];
    // Nothing passes, whatever comes.
    let mut swallow = false;
    loop {
        let read = from.read(&mut buffer);
        if link.over.load(SeqCst) {
            return;
        }
        shared.part(link);
        let quiet = swallow || link.parted.load(SeqCst);
        let chunk = match read {
            Ok(count @ 1..) => &mut buffer[..count],
            Ok(_) => {
                if !quiet {
                    let _ = to.shutdown(Shutdown::Write);
                }
                return;
            }
            Err(_) => {
                if !quiet {
                    link.reset();
                }
                return;
            }
        };
        if quiet {
            continue;
        }
        let done = match shared.step(direction, link, chunk) {
            Step::Pass => to.write_all(chunk).is_ok(),
            Step::Drip(each) => drip(chunk, to, each, shared),
            Step::End(passes, end) => {
                let _ = to.write_all(&chunk[..passes]);
                match end {
                    End::Close => return link.close(),
                    End::Reset => return link.reset(),
                    End::HalfClose => drop(to.shutdown(Shutdown::Write)),
                    End::Stall => {}
                }
                swallow = true;
                true
            }
        };
        if !done {
            return link.reset();
        }
    }
}

/// Byte by byte while that is what is done.
fn drip(chunk: &[u8], mut to: &TcpStream, each: Duration, shared: &Shared) -> bool {
    let mut at = 0;
    while at < chunk.len() && shared.state().fault == Some(Fault::Drip(each)) {
        thread::sleep(each);
        if to.write_all(&chunk[at..=at]).is_err() {
            return false;
        }
        at += 1;
    }
    to.write_all(&chunk[at..]).is_ok()
}

impl Shared {
    /// In a black hole even an end does not pass.
    fn part(&self, link: &Link) {
        let mut state = self.state();
        if state.fault == Some(Fault::BlackHole) {
            link.parted.store(true, SeqCst);
            state.fired += 1;
        }
    }

    fn step(&self, direction: Direction, link: &Link, chunk: &mut [u8]) -> Step {
        let mut state = self.state();
        let state = &mut *state;
        let http = !link.websocket.load(SeqCst);
        let accepts = http && direction == Direction::Down && chunk.starts_with(b"HTTP/1.1 101 ");
        if accepts {
            link.websocket.store(true, SeqCst);
        }
        let step = match &mut state.fault {
            Some(Fault::Cut(cut, left, end)) if *cut == direction => {
                let count = chunk.len() as u64;
                if let Some(rest) = left.checked_sub(count) {
                    *left = rest;
                    Step::Pass
                } else {
                    Step::End(usize::try_from(*left).unwrap_or_default(), *end)
                }
            }
            Some(Fault::Flip(flip, place)) if *flip == direction => {
                let place = *place;
                if let Some(byte) = find(chunk, place, http, accepts) {
                    *byte ^= if place == Place::FrameHeader { 0x70 } else { 0x80 };
                    state.fired += 1;
                    state.fault = None;
                }
                Step::Pass
            }
            Some(Fault::Drip(each)) => {
                state.fired += 1;
                Step::Drip(*each)
            }
            _ => Step::Pass,
        };
        let passes = match step {
            Step::End(passes, _) => {
                state.fired += 1;
                state.fault = None;
                passes
            }
            Step::Pass | Step::Drip(_) => chunk.len(),
        };
        state.passed[direction as usize] += passes as u64;
        step
    }
}

/// The byte that is to be changed, if this chunk has it. Small messages come in a chunk of their own.
fn find(chunk: &mut [u8], place: Place, http: bool, accepts: bool) -> Option<&mut u8> {
    let body = |chunk: &[u8]| chunk.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4);
    match place {
        Place::Body => {
            let headless =
                !chunk.starts_with(b"HTTP/") && !chunk.starts_with(b"GET ") && !chunk.starts_with(b"POST ");
            let from = if headless { 0 } else { body(chunk)? };
            // The answer to a POST, which says nothing.
            let said = http && !accepts && !chunk.get(from..)?.eq_ignore_ascii_case(b"ok");
            chunk.get_mut(from).filter(|_| said)
        }
        Place::FrameHeader | Place::FramePayload => {
            let from = match (http, accepts) {
                (false, _) => 0,
                (true, true) => body(chunk)?,
                (true, false) => return None,
            };
            let frames = chunk.get_mut(from..)?;
            let [first, second, ..] = *frames else { return None };
            if place == Place::FrameHeader {
                return frames.first_mut();
            }
            let (text, length, mask) =
                (first == 0x81, usize::from(second & 0x7f), 4 * usize::from(second >> 7));
            frames.get_mut(1 + mask + length).filter(|_| text && (1..126).contains(&length))
        }
    }
}
