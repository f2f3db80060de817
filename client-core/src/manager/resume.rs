//! Waking up: the machine slept, a page was hidden, the network is another one.

use core::time::Duration;

use super::{Manager, Phase};
use crate::codec::{Codec, Message};
use crate::config::{Receipts, TransportKind};
use crate::engine::packet::control;
use crate::engine::{Engine, Receipt};
use crate::io::{Frame, TransportId};
use crate::time::Instant;

/// Between two attempts that start because something may have changed.
const SHORTCUT: Duration = Duration::from_millis(1000);
/// Time for the answer to a probe; and as long, an end of the session counts as found out by waking up.
const PATIENCE: Duration = Duration::from_millis(2000);

impl<C: Codec> Manager<C> {
    /// Tells that the connection may be gone without a word: the machine slept, a page is seen again, the network has
    /// changed. One that is open is probed where that is possible, and ended if no answer comes within two seconds; a wait
    /// for the next attempt ends, though not more than once a second. To be called after input that waited has been handed
    /// in.
    pub fn resume(&mut self, now: Instant) {
        self.tell_time(now);
        self.resumed_until = now + PATIENCE;
        match &mut self.phase {
            Phase::Waiting { .. } => self.hurry(now),
            Phase::Open(engine) if engine.heartbeat_missed(now) => {}
            Phase::Open(engine) if engine.kind() == TransportKind::WebSocket => {
                if self.config.websocket_ping || self.config.receipts == Receipts::Namespace {
                    engine.probe =
                        Some(Probe { deadline: now + PATIENCE, asked: engine.receipt == Receipt::Asked });
                } else {
                    // It ends a connection over which no answer comes.
                    self.socket_ids().for_each(|socket| self.probe_middleware(socket));
                }
            }
            // A GET that waits says nothing, and its end is noticed.
            Phase::Idle
            | Phase::Resolving { .. }
            | Phase::TakingOver(_)
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
    }

    /// Starts the next attempt at once instead of when it is due, though not more than once a second, and not while the
    /// server has asked to be left alone.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Phase::Waiting { attempt, .. } = self.phase
            && self.next_shortcut <= now
            && !self.backoff.is_asked_to_wait(now)
        {
            self.next_shortcut = now + SHORTCUT;
            self.start(attempt, now);
        }
    }

    /// The probe, if one is due on this transport.
    pub(super) fn resume_probe(&mut self, transport: TransportId) -> Option<Frame<C>> {
        let receipts = self.gives_receipts(transport);
        let Phase::Open(engine) = &mut self.phase else { return None };
        // Between a packet and its attachments it would cover what has not left.
        if engine.transport() != transport || engine.receipt != Receipt::None || !engine.messages.is_empty() {
            return None;
        }
        let probe = engine.probe.as_mut().filter(|probe| !probe.asked)?;
        probe.asked = true;
        if receipts {
            super::receipts::cover(&mut self.sockets);
        }
        engine.cover(Receipt::Asked);
        Some(if self.config.websocket_ping {
            Frame::Ping
        } else {
            Frame::Message(Message::Text(self.codec.control(control::FENCE)))
        })
    }
}

/// Whether the connection lives is being found out.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) deadline: Instant,
    asked: bool,
}

impl<C: Codec> Engine<C> {
    /// No answer came.
    pub(super) fn probe_failed(&self, now: Instant) -> bool {
        self.probe.is_some_and(|probe| now >= probe.deadline)
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use alloc::vec::Vec;

    use bytes::Bytes;

    use super::*;
    use crate::codec::{Json, Payload};
    use crate::{Command, Config, EmitOptions, Input, SocketOptions};

    #[test]
    fn a_probe_does_not_come_between_a_packet_and_its_attachment() {
        for receipts in [Receipts::Auto, Receipts::Namespace] {
            let now = Instant::from_millis(0);
            let mut config = Config::new("http://localhost").unwrap();
            config.transports = [TransportKind::WebSocket].into();
            config.websocket_ping = receipts == Receipts::Auto;
            config.receipts = receipts;
            let mut manager = Manager::new(Json, config, 1);
            let socket = manager.socket("/", SocketOptions::default());
            manager.connect(socket, now);
            let Some(Command::Open { transport, .. }) = manager.poll_command() else { panic!() };
            manager.handle_input(Input::Opened { transport }, now);
            for text in
                [r#"0{"sid":"E","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#, r#"40{"sid":"S"}"#]
            {
                let message = Message::Text(text.into());
                manager.handle_input(Input::Message { transport, message }, now);
                while manager.poll_message(transport).is_some() {}
            }
            let payload = Payload::event("photo", &Bytes::from_static(b"\xff")).unwrap();
            manager.emit(socket, payload, EmitOptions::default(), now).unwrap();
            let kind = |frame: Frame<Json>| match frame {
                Frame::Message(Message::Text(text)) if text.starts_with("451-") => "packet",
                Frame::Message(Message::Binary(_)) => "attachment",
                Frame::Message(Message::Text(_)) | Frame::Ping => "probe",
            };
            let mut frames: Vec<_> = manager.poll_message(transport).map(kind).into_iter().collect();
            manager.resume(now);
            frames.extend(core::iter::from_fn(|| manager.poll_message(transport)).map(kind));
            assert_eq!(frames[..3], ["packet", "attachment", "probe"], "{receipts:?}");
        }
    }
}
