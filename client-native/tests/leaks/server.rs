//! A server on a port of its own, in a thread of its own, so that what runs in the test's runtime is the client's alone.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

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
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream));
            }
        });
    });
    // Its runtime has files open too.
    runs.recv().unwrap();
    address
}

/// Acknowledges, answers `ask` with two `news`, ends the connection at `cut`, and forgets every session.
async fn serve(stream: TcpStream) -> Option<()> {
    static SESSIONS: AtomicU32 = AtomicU32::new(0);
    let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
    let mut ws = tokio_tungstenite::accept_async(stream).await.ok()?;
    let open = format!(
        r#"0{{"sid":"e{session}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
    );
    ws.send(Message::text(open)).await.ok()?;
    while let Message::Text(text) = ws.next().await?.ok()? {
        let mut answers = Vec::new();
        if text.starts_with("40") {
            answers.push(format!(r#"40{{"sid":"s{session}","pid":"p{session}"}}"#));
        } else if let Some(event) = text.strip_prefix("42") {
            let id: String = event.chars().take_while(char::is_ascii_digit).collect();
            if event.contains(r#"["cut""#) {
                return None;
            }
            if event.contains(r#"["ask""#) {
                answers.extend([1, 2].map(|n| format!(r#"42["news",{n}]"#)));
            }
            if !id.is_empty() {
                answers.push(format!("43{id}[1]"));
            }
        }
        for answer in answers {
            ws.send(Message::text(answer)).await.ok()?;
        }
    }
    None
}
