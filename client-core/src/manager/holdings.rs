//! How much a client keeps, for tests that hold it to its bounds.

use super::ghost::MOST as MOST_GHOSTS;
use super::{Lingering, Manager, Phase};
use crate::bounded::bounds;
use crate::codec::Codec;
use crate::event::SocketId;
use crate::known::MOST as MOST_KNOWN;

/// What has a bound.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bounded {
    /// With those that wait for an answer.
    Emits,
    EmitBytes,
    /// Events before the answer to CONNECT.
    Early,
    EarlyBytes,
    /// Events while what was missed is made good.
    Resync,
    ResyncBytes,
    /// Events that are known again.
    Known,
    /// Attachments of half a packet.
    Attachments,
    /// Connections that are gone.
    Ghosts,
}

/// Something that is kept, and how much of it may be.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    pub what: Bounded,
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
                (Bounded::Emits, emits + target.acks.in_flight(), config.buffer_size),
                (Bounded::EmitBytes, emit_bytes, config.buffer_bytes),
                (Bounded::Early, early.events.len(), events),
                (Bounded::EarlyBytes, early.bytes, bytes),
                (Bounded::Resync, resync.map_or(0, |held| held.events.len()), events),
                (Bounded::ResyncBytes, resync.map_or(0, |held| held.bytes), bytes),
                (Bounded::Known, known, MOST_KNOWN),
            ]
        });
        let engine = match (&self.phase, &self.lingering) {
            (Phase::Open(engine), _) | (_, Some(Lingering { engine, .. })) => Some(engine),
            _ => None,
        };
        let missing = engine.map_or(0, |engine| engine.missing(&self.codec));
        let of_all = [
            (Bounded::Attachments, missing, config.limits.attachments),
            (Bounded::Ghosts, self.ghosts.len(), MOST_GHOSTS),
        ];
        let all = of_socket.into_iter().flatten().chain(of_all);
        all.map(|(what, much, most)| Holding { what, much, most })
    }
}
