//! `sio emit`: one event, until the server has it.

use crate::args::{Connection, Event};
use crate::exit::Exit;
use crate::session::Session;
use crate::value;
use socketio_client_native::{Arguments, Socket, Value};

pub(crate) async fn run(connection: Connection, event: Event) -> Result<Exit, Exit> {
    let args = arguments(&event.args)?;
    once(&connection, async |session, sockets| {
        for socket in sockets {
            if let Err(error) = socket.emit(&event.name, &Arguments(&args)) {
                return Exit::Usage(format!("not sent: {error}"));
            }
        }
        match session.flushed().await {
            true => Exit::Done,
            // It will be known in a moment why.
            false => session.ended().await,
        }
    })
    .await
}

/// The command line's ARGs as values.
pub(crate) fn arguments(args: &[String]) -> Result<Vec<Value>, Exit> {
    args.iter().map(|arg| value::argument(arg)).collect::<Result<_, _>>().map_err(Exit::Usage)
}

/// Connects, does `work` on the namespaces that the server lets in, disconnects; all within `--timeout`.
pub(crate) async fn once(
    connection: &Connection,
    work: impl AsyncFnOnce(&Session, Vec<&Socket>) -> Exit,
) -> Result<Exit, Exit> {
    // Whoever wants one event sent wants to know at once that it cannot be.
    let session = Session::open(connection, Some(0), false)?;
    session.start();
    let work = async {
        session.settled().await;
        let (sockets, refused) = session.admitted();
        if sockets.is_empty() {
            return session.ended().await;
        }
        match (work(&session, sockets).await, refused) {
            (Exit::Done, Some(refused)) => Exit::NotInTime(format!("not sent to {refused}")),
            (exit, _) => exit,
        }
    };
    let exit = tokio::select! {
        biased;
        exit = work => exit,
        exit = session.ended() => exit,
        () = tokio::time::sleep(connection.timeout) => session.out_of_time(connection, "no answer"),
    };
    session.leave(false).await;
    session.closed().await;
    Ok(exit)
}
