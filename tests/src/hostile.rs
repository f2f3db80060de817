//! Servers that are not Socket.IO servers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a [`Hostile`] server does with each connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Behaviour {
    /// Accepts, reads, says nothing.
    Silent,
    /// Accepts and closes at once.
    Close,
    /// Answers every request with 200 and `hello`.
    Hello,
    /// Answers every request with this status and a short page.
    Status(u16),
    /// Answers with bytes that are no HTTP, then closes.
    Garbage,
    /// Announces a body of 100,000 bytes, sends five and closes.
    HalfAnswer,
    /// Sends header lines without end.
    EndlessHeader,
    /// Sends a body without end.
    EndlessBody,
    /// Answers every request with these bytes, as they are, then closes.
    Raw(Vec<u8>),
}

/// A TCP server on a free port of 127.0.0.1, one thread per connection; ends when dropped.
#[derive(Debug)]
pub struct Hostile {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    connections: AtomicU64,
    sent: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

impl Hostile {
    /// Starts a server.
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("cannot listen: {e}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &behaviour, &shared)
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many bytes it could write so far: the most that any client can have read.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for stream in self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, behaviour: &Behaviour, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if let Ok(copy) = stream.try_clone() {
            shared.streams.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
        }
        let (behaviour, shared) = (behaviour.clone(), Arc::clone(shared));
        std::thread::spawn(move || serve(stream, &behaviour, &shared));
    }
}

fn serve(mut stream: TcpStream, behaviour: &Behaviour, shared: &Shared) {
    let head = |status: &str, rest: &str| format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{rest}");
    let write = |stream: &mut TcpStream, bytes: &[u8]| {
        let done = stream.write_all(bytes).is_ok();
        if done {
            shared.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        done
    };
    match behaviour {
        Behaviour::Close => {}
        Behaviour::Silent => while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {},
        Behaviour::Hello | Behaviour::Status(_) => {
            let (status, body) = match behaviour {
                Behaviour::Status(status) => (format!("{status} Something"), "something went wrong"),
                _ => ("200 OK".to_owned(), "hello"),
            };
            let answer = head(&status, &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
            while request(&mut stream) && write(&mut stream, answer.as_bytes()) {}
        }
        Behaviour::Garbage => {
            request(&mut stream);
            let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            write(&mut stream, &noise);
        }
        Behaviour::HalfAnswer => {
            request(&mut stream);
            write(&mut stream, head("200 OK", "Content-Length: 100000\r\n\r\nhello").as_bytes());
        }
        Behaviour::EndlessHeader => {
            request(&mut stream);
            write(&mut stream, head("200 OK", "").as_bytes());
            let line = format!("X-More: {}\r\n", "m".repeat(1000));
            while write(&mut stream, line.as_bytes()) {}
        }
        Behaviour::EndlessBody => {
            request(&mut stream);
            write(&mut stream, head("200 OK", "Transfer-Encoding: chunked\r\n\r\n").as_bytes());
            let chunk = format!("1000\r\n{}\r\n", "m".repeat(0x1000));
            while write(&mut stream, chunk.as_bytes()) {}
        }
        Behaviour::Raw(bytes) => {
            request(&mut stream);
            write(&mut stream, bytes);
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Reads until the end of a request's head. A body is not told apart: it is read with the head, or by the next call.
fn request(stream: &mut TcpStream) -> bool {
    let (mut seen, mut part, started) = (Vec::new(), [0; 4096], Instant::now());
    while started.elapsed() < Duration::from_secs(60) && seen.len() < 1 << 20 {
        match stream.read(&mut part) {
            Ok(n @ 1..) => seen.extend_from_slice(&part[..n]),
            _ => return false,
        }
        if seen.windows(4).any(|end| end == b"\r\n\r\n") {
            return true;
        }
    }
    false
}
