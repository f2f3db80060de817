//! Defects of other clients that are absent here, one test each, in virtual time.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod javascript;
#[path = "../face/json.rs"]
mod json;
mod rust;

use json::JsonFace;
use scenarios::Sim;
use socketio_client_core::{Config, TransportKind};

pub(crate) fn websocket_only(config: &mut Config) {
    config.transports = vec![TransportKind::WebSocket];
}

pub(crate) fn polling_only(config: &mut Config) {
    config.transports = vec![TransportKind::Polling];
}

pub(crate) fn polling_first(config: &mut Config) {
    config.transports = vec![TransportKind::Polling, TransportKind::WebSocket];
}

/// Connected over polling, with a GET waiting.
pub(crate) fn polling(
    change: impl FnOnce(&mut Config),
) -> (Sim<'static, JsonFace>, socketio_client_core::SocketId) {
    let mut sim = Sim::with(&JsonFace, change);
    let socket = sim.connect("/");
    sim.open_polling("p1", &["websocket"]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.lines();
    sim.events();
    (sim, socket)
}

/// The delay that the last outage ended in.
pub(crate) fn last_delay(sim: &mut Sim<'_, JsonFace>) -> u64 {
    let events = sim.events();
    let waiting = events.iter().rev().find_map(|event| event.strip_prefix("waiting ")).unwrap();
    waiting.split(' ').nth(1).unwrap().parse().unwrap()
}
