//! What the client and its namespaces tell: lines, and what the session knows of them.

use std::sync::Arc;

use socketio_client_native::{Arguments, Client, ClientEvent, ConnectError, DisconnectReason, Socket, Value};

use crate::exit::{one_line, say};
use crate::lines::Line;
use crate::session::{Place, Shared};
use crate::value::{Json, JsonList};

/// Has what happens to the connection told.
pub(crate) fn client(client: &Client, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    client.on_event(move |event| match event {
        ClientEvent::OpenError(error) => {
            let cause = one_line(&error.to_string());
            shared.status.send_modify(|status| status.cause = Some(cause));
        }
        ClientEvent::Close { reason, .. } => {
            let cause = format!("the connection was lost ({reason})");
            // Those that were connected are told as disconnected after this.
            if reason != DisconnectReason::ForcedClose {
                shared.not_connected(&cause);
            }
            shared.status.send_modify(|status| status.cause = Some(cause));
        }
        ClientEvent::ReconnectAttempt { attempt, delay } => {
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            shared.tell(&Line::ReconnectAttempt { attempt, delay_ms });
        }
        ClientEvent::Reconnect { .. } => shared.tell(&Line::Reconnect),
        // It was held, and is larger than the server that was found accepts.
        ClientEvent::NotSent { error, .. } => {
            shared.tell(&Line::Error { message: &format!("an event was not sent: {error}") });
        }
        ClientEvent::NotAcknowledged { error, .. } => {
            shared.tell(&Line::Error { message: &format!("an event was not acknowledged: {error}") });
        }
        ClientEvent::OutboxSettled { seq, fate, event, answer } => {
            let args = answer.and_then(|answer| answer.parse::<Arguments<Vec<Value>>>().ok());
            let args = args.as_ref().map(|Arguments(args)| JsonList(args));
            shared.tell(&Line::OutboxSettled { seq, fate: fate.as_str(), event: event.event_name(), args });
        }
        ClientEvent::OutboxError { cause, kept, lost } => {
            shared.tell(&Line::OutboxError { message: &cause, kept, lost });
            if !shared.verbose {
                say(&cause);
            }
        }
        ClientEvent::DeliveryUnsupported => shared.tell(&Line::DeliveryUnsupported),
        ClientEvent::ReconnectFailed => {
            shared.tell(&Line::ReconnectFailed);
            shared.status.send_modify(|status| status.gave_up = true);
        }
        _ => {}
    });
}

/// Has what happens to the namespace told that comes at this place.
pub(crate) fn socket(socket: &Socket, at: usize, shared: &Arc<Shared>) {
    socket.on_connect({
        let (shared, namespace) = (Arc::clone(shared), socket.namespace().to_owned());
        move || {
            let Some(socket) = shared.socket(at) else { return };
            let id = socket.id().unwrap_or_default();
            shared.tell(&Line::Connect { namespace: &namespace, id: &id, recovered: socket.recovered() });
            shared.place(at, Place::Connected);
        }
    });
    socket.on_gap({
        let (shared, namespace) = (Arc::clone(shared), socket.namespace().to_owned());
        move |gap| shared.tell(&Line::gap(&namespace, &gap))
    });
    socket.on_disconnect({
        let (shared, namespace) = (Arc::clone(shared), socket.namespace().to_owned());
        move |reason| {
            shared.tell(&Line::Disconnect { namespace: &namespace, reason: reason.as_str() });
            shared.place(
                at,
                match reason {
                    DisconnectReason::ServerDisconnect => Place::Ended,
                    DisconnectReason::ClientDisconnect => Place::Left,
                    _ => Place::Waiting,
                },
            );
        }
    });
    socket.on_connect_error({
        let (shared, namespace) = (Arc::clone(shared), socket.namespace().to_owned());
        move |error| {
            let (message, data) = match &error {
                ConnectError::Refused { message, data } => (message.clone(), data.clone()),
                other => (other.to_string(), None),
            };
            let data = data.unwrap_or_default();
            shared.tell(&Line::ConnectError { namespace: &namespace, message: &message, data: Json(&data) });
            let again = matches!(error, ConnectError::Transport { .. } | ConnectError::Timeout);
            if again {
                shared.status.send_modify(|status| status.cause = Some(one_line(&message)));
            } else {
                shared.place(at, Place::Refused(one_line(&message)));
            }
        }
    });
}
