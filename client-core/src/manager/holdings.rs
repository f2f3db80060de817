//! How much a client keeps, for tests that hold it to its bounds.

use super::ghost::MOST as MOST_GHOSTS;
use super::{Lingering, Manager, Phase};
use crate::bounded::bounds;
use crate::codec::Codec;
use crate::event::SocketId;
use crate::known::MOST as MOST_KNOWN;

/// Something that is kept, and how much of it may be.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    pub what: &'static str,
    pub much: usize,
    pub most: usize,
}

impl<C: Codec> Manager<C> {
    /// All that is kept of a namespace, or for all of them, and has a bound.
    #[doc(hidden)]
    pub fn holdings(&self, socket: SocketId) -> impl Iterator<Item = Holding> {
        let config = &self.config;
        let (events, bytes) = bounds(config);
        let of_socket = self.sockets.get(socket.0 as usize).map(|target| {
            let (emits, emit_bytes) = target.outbox.load();
            let recovery = &target.recovery;
            let (early, resync) = (&recovery.early, recovery.resync.as_ref().map(|resync| &resync.held));
            let known = recovery.session.as_ref().map_or(0, |session| session.known.len());
            [
                ("emits and unanswered ones", emits + target.acks.in_flight(), config.buffer_size),
                ("bytes of emits", emit_bytes, config.buffer_bytes),
                ("events before the answer to CONNECT", early.events.len(), events),
                ("bytes of these", early.bytes, bytes),
                (
                    "events while what was missed is made good",
                    resync.map_or(0, |held| held.events.len()),
                    events,
                ),
                ("bytes of those", resync.map_or(0, |held| held.bytes), bytes),
                ("events that are known again", known, MOST_KNOWN),
            ]
        });
        let engine = match (&self.phase, &self.lingering) {
            (Phase::Open(engine), _) | (_, Some(Lingering { engine, .. })) => Some(engine),
            _ => None,
        };
        let missing = engine.map_or(0, |engine| engine.missing(&self.codec));
        let of_all = [
            ("attachments of half a packet", missing, config.limits.attachments),
            ("connections that are gone", self.ghosts.len(), MOST_GHOSTS),
        ];
        let all = of_socket.into_iter().flatten().chain(of_all);
        all.map(|(what, much, most)| Holding { what, much, most })
    }
}
