//! Events as numbers, for the module: `kind + 32 * more + 64 * value`, where `more` says whether there is another, and
//! `value` is the namespace's number, plus 2^14 times whatever else the kind names. `src/report.js` has the same list.

use std::time::Duration;

use socketio_client_core::{
    AckError, AuthRequest, ConnectFailure, DecodeError, EmitError, Event, Fate, Gap, OpenError, ResyncId,
    SocketId, TransportError,
};

use super::{Inner, Step};
use crate::saved::millis;
use crate::slots::{Payload, Slot, Slots};

/// Kinds.
mod kind {
    /// An event whose payload is the one that was handed in just now. Value: the session.
    pub(super) const EVENT_HERE: u8 = 1;
    /// An event; `slot` and `number` (the ack id) tell more. Value: the session.
    pub(super) const EVENT: u8 = 2;
    /// An ack whose payload is the one that was handed in just now. Value: the ticket.
    pub(super) const ACK_HERE: u8 = 3;
    /// An ack; `slot`. Value: the ticket.
    pub(super) const ACK: u8 = 4;
    /// No ack; `number` is the reason. Value: the ticket.
    pub(super) const NO_ACK: u8 = 5;
    /// `slot` is the id. Value: 1 if recovered, plus twice the number of events that follow and come before `connect`.
    pub(super) const CONNECTED: u8 = 6;
    /// Value: the reason, by its place in `DisconnectReason`.
    pub(super) const DISCONNECTED: u8 = 7;
    /// `number` tells how; `slot` holds the server's word.
    pub(super) const CONNECT_ERROR: u8 = 8;
    /// `number` is to be handed back.
    pub(super) const AUTHENTICATE: u8 = 9;
    /// `slot`.
    pub(super) const SENT: u8 = 10;
    /// `number` is the reason, `slot` what was to be sent. Value: the ticket.
    pub(super) const NOT_SENT: u8 = 11;
    pub(super) const OPENED: u8 = 12;
    /// `number` tells how.
    pub(super) const OPEN_FAILED: u8 = 13;
    /// `number` tells how. Value: the reason.
    pub(super) const CLOSED: u8 = 14;
    pub(super) const WAITING: u8 = 15;
    /// `number`: which.
    pub(super) const ATTEMPT: u8 = 16;
    /// `number`: which attempt.
    pub(super) const RECONNECTED: u8 = 17;
    pub(super) const RECONNECT_FAILED: u8 = 18;
    pub(super) const PING: u8 = 19;
    pub(super) const UPGRADED: u8 = 20;
    /// `number` tells how.
    pub(super) const UPGRADE_FAILED: u8 = 21;
    pub(super) const UPGRADING: u8 = 22;
    /// `number`: the fate by its place in `Fate`, plus 16 times the attempts; of an uncertain one the next two are when it was
    /// last sent, in Unix milliseconds, and its ack id, NaN where they are not known. `slot`: what was never sent. Value: the
    /// ticket.
    pub(super) const FATE: u8 = 23;
    /// The server has no middleware for `exactlyOnce`.
    pub(super) const UNSUPPORTED: u8 = 24;
    /// An emit that was adopted is settled. `number` as of `FATE`, but behind it stands the answer's slot, below 0: none. `slot`:
    /// what was to be sent. Value: its ack id.
    pub(super) const SETTLED: u8 = 25;
    /// Events may be missing. Value: the reason by its place in `GapReason`, and flags (`gap_flags`). `number`: of the time in which
    /// events wait, or below 0; the next ones are since when and until when, how long, and when the last event came, in Unix
    /// milliseconds, then how many are missing; NaN where that is not known. `slot`: the last known place in the server's
    /// events, if there is one.
    pub(super) const GAP: u8 = 26;
    /// Nothing that the module has to know.
    pub(super) const OTHER: u8 = 31;
}

/// What a number does not tell.
#[derive(Debug, Default)]
pub(super) struct Details {
    slot: Option<u32>,
    /// The last question of each namespace, with its number.
    questions: Vec<(u32, f64, AuthRequest)>,
    asked: f64,
    pub(super) numbers: [f64; 6],
}

impl Details {
    /// Gives a payload to the module. True if it is the one that was handed in just now, and nobody else has it.
    fn keep(&mut self, payload: Payload, heard: Option<u32>) -> bool {
        let slot = payload.slot();
        let given = payload.hand_over();
        if heard == Some(slot) && given == slot {
            return true;
        }
        self.slot = Some(given);
        false
    }

    fn tell_gap(&mut self, gap: &Gap, resync: Option<ResyncId>) {
        let millis = |time: Option<Duration>| time.map_or(f64::NAN, |time| exact(millis(time)));
        self.numbers = [
            resync.map_or(-1.0, |id| f64::from(id.parts().1)),
            millis(Some(gap.since)),
            millis(Some(gap.until)),
            millis(Some(gap.outage)),
            millis(gap.last_event_at),
            gap.possibly_missed.map_or(f64::NAN, exact),
        ];
        self.slot = gap.last_offset.map(|offset| Slot::text(&offset.to_text()).leave().0);
    }

    pub(super) fn slot(&mut self) -> i32 {
        self.slot.take().and_then(|slot| i32::try_from(slot).ok()).unwrap_or(-1)
    }

    /// A namespace's question, if it is still its last.
    pub(super) fn request(&mut self, socket: u32, number: f64) -> Option<AuthRequest> {
        let at = self.questions.iter().position(|(of, last, _)| (*of, *last) == (socket, number))?;
        Some(self.questions.swap_remove(at).2)
    }
}

/// The reason, and from 16 on whether the session was resumed, nothing is missing, the server knew, and whether it is told.
fn gap_flags(gap: &Gap, told: bool) -> u64 {
    let flags = [gap.recovered, gap.exact, gap.server_knew, told];
    flags.iter().rev().fold(0, |sum, flag| sum * 2 + u64::from(*flag)) * 16 + gap.reason as u64
}

/// Tickets and ack ids stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "they count what happened")]
pub(super) const fn exact(number: u64) -> f64 {
    number as f64
}

/// An ack id from the wire, of at most 15 digits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 2^53")]
pub(super) const fn whole(number: f64) -> u64 {
    number as u64
}

/// Why an emit was refused, below 0.
pub(super) const fn refused(error: &EmitError) -> f64 {
    match error {
        EmitError::BufferFull { .. } => -2.0,
        EmitError::TooLarge { .. } => -3.0,
        EmitError::TooManyAttachments { .. } => -4.0,
        EmitError::Stale => -5.0,
        EmitError::Expired => -6.0,
        EmitError::Displaced => -7.0,
        _ => -1.0,
    }
}

/// How a transport failed, for a module that knows what its own transports said.
const fn transport(error: &TransportError) -> f64 {
    match error {
        TransportError::Offline => 2.0,
        TransportError::Timeout => 3.0,
        TransportError::Protocol(error) => decode(error),
        // The server's close packet; a WebSocket's close has a code.
        TransportError::Closed { code: None, .. } => 4.0,
        // The module's transport has told it.
        _ => 1.0,
    }
}

const fn decode(error: &DecodeError) -> f64 {
    match error {
        DecodeError::Engine { .. } | DecodeError::Base64 => 10.0,
        DecodeError::Handshake { .. } => 11.0,
        DecodeError::Header { .. } => 12.0,
        DecodeError::Payload { .. } => 13.0,
        DecodeError::AttachmentsMissing { .. } => 14.0,
        DecodeError::UnexpectedBinary => 15.0,
        DecodeError::Limit { .. } => 16.0,
        _ => 17.0,
    }
}

const fn open(error: &OpenError) -> f64 {
    match error {
        OpenError::Transport { error, .. } => transport(error),
        OpenError::Timeout => 3.0,
        OpenError::NoTransports => 5.0,
        _ => 1.0,
    }
}

/// By its place, and how often the emit was sent.
const fn fate(fate: Fate) -> f64 {
    let (place, attempts) = match fate {
        Fate::Held => (0, 0),
        Fate::InFlight { attempt } => (1, attempt),
        Fate::Delivered => (2, 0),
        Fate::Acknowledged => (3, 0),
        Fate::Refused => (4, 0),
        Fate::Expired => (5, 0),
        Fate::Dropped => (6, 0),
        Fate::Cancelled => (7, 0),
        Fate::Uncertain { attempts, .. } => (8, attempts),
        _ => (9, 0),
    };
    place as f64 + 16.0 * attempts as f64
}

impl Inner {
    /// What the manager wants next.
    pub(super) fn step(&mut self) -> Option<Step> {
        let Self { manager, links, .. } = self;
        for link in links.iter().filter(|link| link.open && !link.full) {
            if let Some(frame) = manager.poll_message(link.id) {
                return Some(Step::Frame(link.id, frame));
            }
        }
        // A message that was not there may still have queued a command.
        manager.poll_command().map(Step::Command)
    }

    pub(super) fn has_event(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.manager.poll_event();
        }
        self.next.is_some()
    }

    /// Tells of one event. `heard` is the payload that was handed in just now.
    pub(super) fn report(&mut self, heard: Option<u32>) -> f64 {
        if !self.has_event() {
            return 0.0;
        }
        let Some(event) = self.next.take() else { return 0.0 };
        let (kind, value) = self.describe(event, heard);
        let more = f64::from(u8::from(self.has_event()));
        f64::from(kind) + 32.0 * more + 64.0 * value
    }

    fn describe(&mut self, event: Event<Slots>, heard: Option<u32>) -> (u8, f64) {
        let details = &mut self.details;
        // A payload that the module did not ask for is forgotten.
        drop(details.slot.take().map(Slot::adopt));
        let of = |socket: SocketId, more: u64| f64::from(socket.number()) + 16384.0 * exact(more);
        match event {
            Event::Message { socket, payload, ack } => {
                let parts = ack.map(socketio_client_core::AckId::parts);
                let session = parts.map_or(0, |(_, session, _)| u64::from(session));
                let at_hand = details.keep(payload, heard);
                details.numbers[0] = parts.map_or(-1.0, |(_, _, id)| exact(id));
                (if at_hand { kind::EVENT_HERE } else { kind::EVENT }, of(socket, session))
            }
            Event::Ack { socket, emit, result: Ok(payload) } => {
                let at_hand = details.keep(payload, heard);
                (if at_hand { kind::ACK_HERE } else { kind::ACK }, of(socket, emit.number()))
            }
            Event::Ack { socket, emit, result: Err(error) } => {
                details.numbers[0] = match error {
                    AckError::Timeout => 1.0,
                    AckError::Disconnected => 2.0,
                    AckError::Dropped => 3.0,
                    AckError::Cancelled => 4.0,
                    AckError::NotSent(error) => refused(&error),
                    _ => 0.0,
                };
                (kind::NO_ACK, of(socket, emit.number()))
            }
            Event::Connected { socket, recovered, early, .. } => {
                let id = self.manager.status(socket).id.unwrap_or_default();
                details.slot = Some(Slot::text(id).leave().0);
                (kind::CONNECTED, of(socket, u64::from(recovered) + 2 * early as u64))
            }
            Event::Disconnected { socket, reason, .. } => (kind::DISCONNECTED, of(socket, reason as u64)),
            Event::ConnectError { socket, error } => {
                details.numbers[0] = match error {
                    ConnectFailure::Open(error) => open(&error),
                    ConnectFailure::Refused(payload) => {
                        details.slot = Some(payload.hand_over());
                        20.0
                    }
                    ConnectFailure::NoSid => 21.0,
                    ConnectFailure::Timeout => 22.0,
                    ConnectFailure::InvalidNamespace => 23.0,
                    _ => 24.0,
                };
                (kind::CONNECT_ERROR, of(socket, 0))
            }
            Event::Authenticate { socket, request } => {
                details.asked += 1.0;
                details.numbers[0] = details.asked;
                details.questions.retain(|(of, ..)| *of != socket.number());
                details.questions.push((socket.number(), details.asked, request));
                (kind::AUTHENTICATE, of(socket, 0))
            }
            Event::Sent { socket, payload } => {
                details.slot = Some(payload.hand_over());
                (kind::SENT, of(socket, 0))
            }
            Event::NotSent { socket, emit, error, payload } => {
                details.numbers[0] = refused(&error);
                details.slot = Some(payload.hand_over());
                (kind::NOT_SENT, of(socket, emit.number()))
            }
            Event::Fate { socket, emit, fate: now, payload } => {
                details.numbers[..3].copy_from_slice(&[fate(now), f64::NAN, f64::NAN]);
                if let Fate::Uncertain { last_sent, key, .. } = now {
                    details.numbers[1] = last_sent.map_or(f64::NAN, |at| self.timer.wall(at));
                    details.numbers[2] = key.map_or(f64::NAN, exact);
                }
                details.slot = payload.map(Payload::hand_over);
                (kind::FATE, of(socket, emit.number()))
            }
            Event::OutboxSettled { socket, key, fate: end, payload, result } => {
                let result = result.map_or(-1.0, |result| f64::from(result.hand_over()));
                details.numbers[..2].copy_from_slice(&[fate(end), result]);
                details.slot = Some(payload.hand_over());
                (kind::SETTLED, of(socket, key))
            }
            Event::Gap { socket, gap, told, resync } => {
                details.tell_gap(&gap, resync);
                (kind::GAP, of(socket, gap_flags(&gap, told)))
            }
            Event::DeliveryUnsupported { socket } => (kind::UNSUPPORTED, of(socket, 0)),
            Event::Opened { .. } => (kind::OPENED, 0.0),
            Event::OpenFailed { error } => {
                details.numbers[0] = open(&error);
                (kind::OPEN_FAILED, 0.0)
            }
            Event::Closed { reason, error } => {
                details.numbers[0] = error.as_ref().map_or(0.0, transport);
                (kind::CLOSED, exact(reason as u64))
            }
            Event::Waiting { .. } => (kind::WAITING, 0.0),
            Event::ReconnectAttempt { attempt, .. } => {
                details.numbers[0] = f64::from(attempt);
                (kind::ATTEMPT, 0.0)
            }
            Event::Reconnected { attempt } => {
                details.numbers[0] = f64::from(attempt);
                (kind::RECONNECTED, 0.0)
            }
            Event::ReconnectFailed => (kind::RECONNECT_FAILED, 0.0),
            Event::Ping => (kind::PING, 0.0),
            Event::Upgraded { .. } => (kind::UPGRADED, 0.0),
            Event::Upgrading { .. } => (kind::UPGRADING, 0.0),
            Event::UpgradeFailed { error } => {
                details.numbers[0] = transport(&error);
                (kind::UPGRADE_FAILED, 0.0)
            }
            _ => (kind::OTHER, 0.0),
        }
    }
}
