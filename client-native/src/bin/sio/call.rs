//! `sio call`: one event, and its answer.

use socketio_client_native::{AckError, Arguments, Value};

use crate::args::{Connection, Event};
use crate::emit::{arguments, once};
use crate::exit::Exit;
use crate::value::JsonList;

pub(crate) async fn run(connection: Connection, event: Event) -> Result<Exit, Exit> {
    let args = arguments(&event.args)?;
    once(&connection, async |session, sockets| {
        let calls = sockets.iter().map(|socket| {
            socket.emit_with_ack::<Arguments<Vec<Value>>>(&event.name, &Arguments(&args)).send()
        });
        for answer in futures_util::future::join_all(calls).await {
            match answer {
                Ok(Arguments(args)) => session.shared().write(&JsonList(&args)),
                Err(AckError::NotSent(error)) => return Exit::Usage(format!("not sent: {error}")),
                // It will be known in a moment why.
                Err(AckError::Disconnected) => return session.ended().await,
                Err(error) => return Exit::NotInTime(format!("no answer to {:?}: {error}", event.name)),
            }
        }
        session.verdict().unwrap_or(Exit::Done)
    })
    .await
}
