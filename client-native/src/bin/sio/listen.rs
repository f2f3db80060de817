//! `sio listen`: events as lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::args::Connection;
use crate::exit::Exit;
use crate::lines::Line;
use crate::session::{Session, arguments};
use crate::value::JsonList;

pub(crate) async fn run(
    connection: Connection,
    events: Vec<String>,
    count: Option<u64>,
    period: Option<Duration>,
) -> Result<Exit, Exit> {
    let session = Session::open(&connection, None, true)?;
    let seen = Arc::new(AtomicU64::new(0));
    let events: Arc<[String]> = events.into();
    // Nobody can answer here, so an ack is only shown to be wanted.
    let asked = Arc::new(AtomicU64::new(0));
    for socket in session.sockets() {
        let (shared, seen, events, asked) =
            (Arc::clone(session.shared()), Arc::clone(&seen), Arc::clone(&events), Arc::clone(&asked));
        let namespace = socket.namespace().to_owned();
        socket.on_any(move |message| {
            if !events.is_empty() && events.iter().all(|event| event != message.event()) {
                return;
            }
            // Handlers run one after the other.
            let before = seen.fetch_add(1, Ordering::Relaxed);
            if count.is_some_and(|count| before >= count) {
                return;
            }
            let ack = message.wants_ack().then(|| asked.fetch_add(1, Ordering::Relaxed) + 1);
            match arguments(&message) {
                Ok(args) => {
                    let args = JsonList(&args);
                    shared.write(&Line::Event {
                        namespace: &namespace,
                        event: message.event(),
                        args,
                        ack,
                        replayed: message.is_replayed(),
                    });
                }
                Err(message) => shared.write(&Line::Error { message: &message }),
            }
            if count == Some(before + 1) {
                shared.done();
            }
        });
    }
    session.start();

    let over = async {
        match period {
            Some(period) => tokio::time::sleep(period).await,
            None => std::future::pending().await,
        }
    };
    let exit = tokio::select! {
        biased;
        exit = session.ended() => exit,
        () = over => match (session.was_connected(), count) {
            (false, _) => session.no_connection_yet(),
            (true, None) => Exit::Done,
            (true, Some(count)) => {
                let seen = seen.load(Ordering::Relaxed);
                Exit::NotInTime(format!("{seen} of {count} events came within {:?}", period.unwrap_or_default()))
            }
        },
    };
    session.leave(false).await;
    session.closed().await;
    Ok(exit)
}
