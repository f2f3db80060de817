//! A server on a port of its own, in a thread of its own, so that what runs in the test's runtime is the client's alone.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Serves until the process ends.
pub(crate) fn start() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (running, runs) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            running.send(()).unwrap();
            let sessions = Arc::default();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&sessions)));
            }
        });
    });
    // Its runtime has files open too.
    runs.recv().unwrap();
    address
}

static CUTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[derive(Default)]
struct Sessions {
    count: usize,
    open: HashMap<String, Arc<Session>>,
}

/// Acknowledges, answers `ask` with two `news`, and ends at each `cut`, once.
struct Session {
    sid: String,
    packets: Mutex<Vec<String>>,
    more: Notify,
}

impl Session {
    fn open(sessions: &Mutex<Sessions>, upgrades: &str) -> Arc<Self> {
        let mut sessions = sessions.lock().unwrap();
        sessions.count += 1;
        let sid = format!("e{}", sessions.count);
        let session = Arc::new(Self { sid: sid.clone(), packets: Mutex::default(), more: Notify::new() });
        session.say(format!(
            r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        ));
        sessions.open.insert(sid, Arc::clone(&session));
        session
    }

    fn say(&self, packet: String) {
        self.packets.lock().unwrap().push(packet);
        self.more.notify_one();
    }

    /// All that is to be said, once there is something.
    async fn said(&self) -> Vec<String> {
        loop {
            let packets = std::mem::take(&mut *self.packets.lock().unwrap());
            if !packets.is_empty() {
                return packets;
            }
            self.more.notified().await;
        }
    }

    /// Nothing if that ends it.
    fn hear(&self, packet: &str) -> Option<()> {
        if packet.starts_with("40") {
            self.say(format!(r#"40{{"sid":"s{0}","pid":"p{0}"}}"#, self.sid));
        } else if let Some(event) = packet.strip_prefix("42") {
            let id: String = event.chars().take_while(char::is_ascii_digit).collect();
            let payload = &event[id.len()..];
            // Sent again, it was heard.
            if payload.starts_with(r#"["cut""#) && CUTS.lock().unwrap().insert(payload.to_owned()) {
                return None;
            }
            if event.contains(r#"["ask""#) {
                self.say(r#"42["news",1]"#.to_owned());
                self.say(r#"42["news",2]"#.to_owned());
            }
            if !id.is_empty() {
                self.say(format!("43{id}[1]"));
            }
        }
        (packet != "1").then_some(())
    }
}

struct Request {
    post: bool,
    sid: Option<String>,
    key: Option<String>,
    body: String,
}

async fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let field = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line[name.len()..].trim().to_owned())
    };
    let mut body = vec![0; field("content-length:").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let (_, after) = head.split_once("sid=").unzip();
    let sid = after.map(|after| after.chars().take_while(char::is_ascii_alphanumeric).collect());
    let key = field("sec-websocket-key:");
    Some(Request { post: head.starts_with("POST"), sid, key, body: String::from_utf8(body).ok()? })
}

async fn serve(mut stream: TcpStream, sessions: Arc<Mutex<Sessions>>) -> Option<()> {
    loop {
        let Request { post, sid, key, body } = request(&mut stream).await?;
        let known = sid.as_ref().and_then(|sid| sessions.lock().unwrap().open.get(sid).cloned());
        if let Some(key) = key {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.ok()?;
            let ws = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            let session = known.clone().unwrap_or_else(|| Session::open(&sessions, ""));
            speak(ws, &session, known.is_some()).await;
            sessions.lock().unwrap().open.remove(&session.sid);
            return None;
        }
        let (status, answer) = match (known, post) {
            (Some(session), true) => {
                if body.split('\x1e').any(|packet| session.hear(packet).is_none()) {
                    sessions.lock().unwrap().open.remove(&session.sid);
                    session.say("1".to_owned());
                }
                ("200 OK", "ok".to_owned())
            }
            (Some(session), false) => {
                let mut more = [0];
                let packets = tokio::select! {
                    packets = session.said() => packets,
                    // The client has gone.
                    _ = stream.peek(&mut more) => return None,
                };
                ("200 OK", packets.join("\x1e"))
            }
            (None, false) if sid.is_none() => {
                ("200 OK", Session::open(&sessions, r#""websocket""#).said().await.join("\x1e"))
            }
            _ => ("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#.to_owned()),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(head.as_bytes()).await.ok()?;
    }
}

/// Until the session ends. `probed`: it was over polling before.
async fn speak(mut ws: WebSocketStream<TcpStream>, session: &Session, probed: bool) -> Option<()> {
    if probed {
        ws.next().await?.ok()?;
        ws.send(Message::text("3probe")).await.ok()?;
        // The GET that waits ends.
        session.say("6".to_owned());
        ws.next().await?.ok()?;
    }
    loop {
        tokio::select! {
            message = ws.next() => {
                if let Message::Text(text) = message?.ok()? {
                    session.hear(&text)?;
                }
            }
            packets = session.said() => {
                for packet in packets {
                    // An end that was due to be said over polling.
                    if packet == "1" {
                        return None;
                    }
                    ws.send(Message::text(packet)).await.ok()?;
                }
            }
        }
    }
}
