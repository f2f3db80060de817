//! Telling the server that a connection is gone, before it is asked to resume what it carried.
//!
//! A server that has not noticed the end of a connection refuses to resume its session, or resumes it and goes deaf when it
//! notices. A reset or the end of a TCP stream proves nothing: a proxy may have cut this side alone. So the server is asked:
//! a polling session is ended with a close packet, and a WebSocket's place is taken by another one, as if the session moved
//! there, which is then closed. The server hears of that end on its own time, so it is asked until it has no such session.
//! Where neither is possible, a request that no session would allow tells whether the server still has it.

use alloc::string::String;
use core::time::Duration;

use super::ghost::Ghost;
use super::{Attempt, Manager, Opening, Phase};
use crate::codec::{Codec, Message};
use crate::config::TransportKind;
use crate::engine::packet::control;
use crate::engine::upgrade::Moved;
use crate::engine::url::request;
use crate::engine::{Engine, Link, PacketType};
use crate::error::TransportError;
use crate::io::{Command, TransportId};
use crate::recovery::{Lost, Notice};
use crate::saved::{Carrier, SavedLink};
use crate::time::Instant;

/// The server is being told.
pub(super) struct Takeover {
    /// The connection that is gone: its name in the namespaces, and the server's.
    ghost: TransportId,
    sid: String,
    carrier: Carrier,
    transport: TransportId,
    step: Step,
    until: Instant,
    /// The server has said that it has the session.
    held: bool,
    /// When the server is asked again, and how much longer it has the time after.
    again: Option<Instant>,
    pause: Duration,
    /// Of the attempt that goes on afterwards, and how much time it has then.
    attempt: Attempt,
    left: Duration,
}

impl Takeover {
    pub(super) fn until(&self) -> Instant {
        self.again.map_or(self.until, |again| again.min(self.until))
    }

    pub(super) const fn transport(&self) -> TransportId {
        self.transport
    }

    pub(super) const fn attempt(&self) -> Attempt {
        self.attempt
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A GET, to which a session over WebSocket answers that it is one. Then what to do about it.
    Asking,
    /// The close packet of a polling session.
    Closing,
    /// A WebSocket in place of the one that is gone.
    Opening,
    Opened,
    Probing,
    Answered,
    /// It was taken over, and left again: whether the server has noticed.
    Checking,
    /// It could not be taken over: whether that is because the server has noticed by itself meanwhile.
    Doubting,
}

/// What the server knows.
enum Answer {
    /// The connection is gone.
    Noticed,
    /// It has no such session, or it is another server.
    Unknown,
    /// The connection is there, for all that it knows.
    Held,
    /// Nothing could be found out.
    None,
}

impl Answer {
    fn of(error: &TransportError) -> Self {
        let TransportError::Status { status: 400, body, .. } = error else { return Self::None };
        // `{"code":1,"message":"Session ID unknown"}`, of which a WebSocket is told the message alone, and some shells the
        // code; and 3 for a request that does not fit its session's transport.
        if body.contains(r#""code":1,"#) || body.contains("Session ID unknown") {
            Self::Unknown
        } else if body.contains(r#""code":3,"#) {
            Self::Held
        } else {
            Self::None
        }
    }
}

/// How much later than the heartbeat allows a server may notice.
const SLACK: Duration = Duration::from_secs(1);

/// A server that has not noticed yet is asked again after that; then after twice as long.
const PAUSE: Duration = Duration::from_millis(5);

impl<C: Codec> Manager<C> {
    /// When the server finds out by itself that a session has lost its connection. Anything that it hears after its ping
    /// makes it wait once more for as long.
    pub(super) fn noticed_by(engine: &Engine<C>) -> Instant {
        engine.heartbeat + engine.grace + SLACK
    }

    /// A session ends here. Whether the server knows is for the namespaces that it carried.
    pub(super) fn lost(&mut self, engine: &Engine<C>, error: Option<&TransportError>) -> Lost {
        let (transport, by) = (engine.transport(), Self::noticed_by(engine));
        // Also one that the server knows to be gone: it says where sessions are.
        let address = Some(self.config.address.clone());
        self.keep_ghost(Ghost::new(transport, engine.sid.clone(), engine.carrier(), address));
        // Only the server itself says goodbye. 1006 stands for the lack of one. Before anything came on a WebSocket to which the
        // session was to move, that may mean the WebSocket alone.
        let closed = matches!(error, Some(TransportError::Closed { code, .. }) if *code != Some(1006));
        let said = closed && engine.moved != Moved::Unanswered;
        let notice = if said { Notice::Given } else { Notice::Expected { by, ghost: transport } };
        let link = engine.saved(self.config.unix(by));
        Lost { transport, heard: self.config.unix(engine.heard), notice, link }
    }

    fn keep_ghost(&mut self, ghost: Ghost) {
        let Self { ghosts, sockets, .. } = self;
        let asked = |id| sockets.iter().any(|socket| socket.recovery.needs_notice(id));
        let needed = |id| asked(id) || sockets.iter().any(|socket| socket.recovery.home() == Some(id));
        ghosts.push(ghost, needed, asked);
    }

    /// A process that is gone had this connection.
    pub(super) fn restore_link(&mut self, link: SavedLink) -> Notice {
        let SavedLink { sid, carrier, noticed_by } = link;
        let unix = self.config.unix(Instant::default());
        let by = Instant::from_epoch(noticed_by.saturating_sub(unix));
        if let Some(Ghost { id, .. }) = self.ghosts.with_sid(&sid) {
            return Notice::Expected { by, ghost: *id };
        }
        let id = self.transport_id();
        self.keep_ghost(Ghost::new(id, sid, carrier, None));
        Notice::Expected { by, ghost: id }
    }

    /// Tells the server, if that helps a namespace. True if the attempt goes on afterwards.
    pub(super) fn take_over_first(&mut self, attempt: Attempt, deadline: Instant, now: Instant) -> bool {
        self.ghosts.ask_anew();
        self.take_over(attempt, deadline, now)
    }

    /// The server is reached, on this transport, and could not be told before: then now. True if the attempt goes on
    /// afterwards, without that transport.
    pub(super) fn take_over_after_all(&mut self, reached: TransportId, now: Instant) -> bool {
        let Phase::Opening(Opening { attempt, .. }) = self.phase else { return false };
        if !self.ghosts.ask_again() {
            return false;
        }
        // Asking in vain may have taken all the time for that, and reaching the server all of the attempt's.
        self.takeover_left = self.config.recovery_takeover_timeout;
        let begun = self.take_over(attempt, now + self.config.timeout, now);
        if begun {
            self.close_transport(reached);
        }
        begun
    }

    fn take_over(&mut self, attempt: Attempt, deadline: Instant, now: Instant) -> bool {
        let Self { config, ghosts, sockets, online, .. } = self;
        if !config.recovery || !config.recovery_takeover || !*online || now >= deadline {
            return false;
        }
        if self.takeover_left.is_zero() {
            ghosts.not_asked(&config.address);
            return false;
        }
        let helps = |id| sockets.iter().any(|s| s.is_active() && s.recovery.needs_notice(id));
        let Some(ghost) = ghosts.ask(&config.address, helps) else { return false };
        let (ghost, sid, carrier) = (ghost.id, ghost.sid.clone(), ghost.carrier);
        let step = match carrier {
            Carrier::Polling => Step::Closing,
            Carrier::WebSocket if self.config.tells_status => Step::Opening,
            Carrier::WebSocket | Carrier::Upgraded => Step::Asking,
        };
        let until = now + self.takeover_left;
        // The server is reached or not in the time for that, whatever this takes.
        let left = deadline.since(now);
        let transport = self.begin_step(step, &sid);
        self.phase = Phase::TakingOver(Takeover {
            ghost,
            sid,
            carrier,
            transport,
            step,
            until,
            held: false,
            again: None,
            pause: PAUSE,
            attempt,
            left,
        });
        true
    }

    fn begin_step(&mut self, step: Step, sid: &str) -> TransportId {
        let transport = self.transport_id();
        let kind = match step {
            Step::Asking | Step::Closing => TransportKind::Polling,
            Step::Checking | Step::Doubting if !self.config.tells_status => TransportKind::Polling,
            _ => TransportKind::WebSocket,
        };
        let url = request(&self.config, kind, Some(sid), &mut self.rng);
        self.commands.push_back(match (step, kind) {
            (Step::Closing, _) => Command::Post { transport, url, body: self.codec.control(control::CLOSE) },
            (_, TransportKind::Polling) => Command::Get { transport, url },
            (_, TransportKind::WebSocket) => Command::Open { transport, url },
        });
        transport
    }

    /// The WebSocket is open.
    pub(super) fn takeover_opened(&mut self, transport: TransportId) {
        let Phase::TakingOver(takeover) = &mut self.phase else { return };
        if takeover.transport != transport {
            return;
        }
        match takeover.step {
            Step::Opening => takeover.step = Step::Opened,
            Step::Checking => self.check_later(),
            Step::Doubting => self.takeover_ended(&Answer::Held, self.now),
            _ => {}
        }
    }

    /// Asks whether the server has the session, on another transport.
    fn check(&mut self, step: Step) {
        let Phase::TakingOver(Takeover { transport, sid, .. }) = &self.phase else { return };
        let (old, sid) = (*transport, sid.clone());
        self.close_transport(old);
        self.go_on(step, &sid);
    }

    /// It still has it.
    fn check_later(&mut self) {
        if let Phase::TakingOver(takeover) = &mut self.phase {
            takeover.again = Some(self.now + takeover.pause);
            takeover.pause *= 2;
        }
    }

    fn go_on(&mut self, step: Step, sid: &str) {
        let next = self.begin_step(step, sid);
        if let Phase::TakingOver(takeover) = &mut self.phase {
            (takeover.transport, takeover.step) = (next, step);
        }
    }

    /// What is written to that WebSocket.
    pub(super) fn takeover_message(&mut self, transport: TransportId) -> Option<Message<C>> {
        let Phase::TakingOver(takeover) = &mut self.phase else { return None };
        if takeover.transport != transport {
            return None;
        }
        match takeover.step {
            Step::Opened => {
                takeover.step = Step::Probing;
                Some(Message::Text(self.codec.control(control::PROBE)))
            }
            Step::Answered => {
                self.check(Step::Checking);
                Some(Message::Text(self.codec.control(control::UPGRADE)))
            }
            Step::Asking
            | Step::Closing
            | Step::Opening
            | Step::Probing
            | Step::Checking
            | Step::Doubting => None,
        }
    }

    /// What comes on it.
    pub(super) fn takeover_heard(&mut self, message: &Message<C>, now: Instant) {
        let Phase::TakingOver(takeover) = &mut self.phase else { return };
        let is_answer = matches!(message, Message::Text(text)
            if matches!(self.codec.packet_type(text), Ok(PacketType::ProbePong)));
        if is_answer && takeover.step == Step::Probing {
            takeover.step = Step::Answered;
        } else if takeover.again.is_none() {
            self.takeover_ended(&Answer::None, now);
        }
    }

    /// A request was answered with success: the close packet was taken; to what is asked only an error is an answer.
    pub(super) fn takeover_answered(&mut self, transport: TransportId, now: Instant) {
        if let Phase::TakingOver(takeover) = &self.phase
            && takeover.transport == transport
        {
            let answer = if takeover.step == Step::Closing { Answer::Noticed } else { Answer::None };
            self.takeover_ended(&answer, now);
        }
    }

    /// The transport failed, which may be the answer.
    pub(super) fn takeover_failed(&mut self, error: &TransportError, now: Instant) {
        let Phase::TakingOver(Takeover { step, until, again, sid, carrier, .. }) = &self.phase else {
            return;
        };
        // What was asked last is answered: a server closes a WebSocket for which it has no use.
        if again.is_some() && self.online {
            return;
        }
        let (step, carrier, in_time) = (*step, *carrier, now < *until);
        let sid = sid.clone();
        let is_answer = matches!(error, TransportError::Status { .. });
        if !is_answer {
            self.asked_in_vain();
        }
        match (carrier, step, Answer::of(error)) {
            (Carrier::WebSocket, Step::Asking, Answer::Held) if in_time => {
                self.go_on(Step::Opening, &sid);
                if let Phase::TakingOver(takeover) = &mut self.phase {
                    takeover.held = true;
                }
            }
            (_, Step::Checking, Answer::Held) => self.check_later(),
            // The answer itself was lost.
            (_, Step::Checking | Step::Doubting, Answer::None) if self.online && !is_answer => {
                self.check_later()
            }
            // It had it until now.
            (_, Step::Checking | Step::Doubting, Answer::Unknown) => {
                self.takeover_ended(&Answer::Noticed, now)
            }
            (_, Step::Opened | Step::Probing | Step::Answered, _) if in_time && self.online => {
                self.check(Step::Doubting)
            }
            (_, _, answer) => self.takeover_ended(&answer, now),
        }
    }

    /// Nothing was heard of the server.
    fn asked_in_vain(&mut self) {
        if let Phase::TakingOver(Takeover { step: Step::Asking | Step::Closing | Step::Opening, .. }) =
            self.phase
        {
            self.ghosts.asked_in_vain(&self.config.address);
        }
    }

    /// The attempt goes on: with another connection about which the server is to be asked, or with the next one.
    fn takeover_ended(&mut self, answer: &Answer, now: Instant) {
        if let Some((attempt, deadline)) = self.take_answer(answer, now)
            && !self.take_over(attempt, deadline, now)
        {
            self.open_first(attempt, deadline, now);
        }
    }

    /// What the server knows is for the namespaces. Returns the attempt.
    fn take_answer(&mut self, answer: &Answer, now: Instant) -> Option<(Attempt, Instant)> {
        let Phase::TakingOver(takeover) = core::mem::replace(&mut self.phase, Phase::Idle) else {
            return None;
        };
        let Takeover { ghost, transport, attempt, left, held, until, .. } = takeover;
        self.takeover_left = until.since(now);
        let answer = if held && matches!(answer, Answer::None) { &Answer::Held } else { answer };
        self.close_transport(transport);
        // A balancer may have asked another node, which knows nothing of it.
        let elsewhere = !self.config.others.is_empty();
        let noticed = |may_be_in_memory| match answer {
            Answer::Noticed => true,
            Answer::Unknown => !(elsewhere && may_be_in_memory),
            Answer::Held | Answer::None => false,
        };
        for socket in &mut self.sockets {
            if noticed(socket.recovery.may_be_in_memory()) {
                socket.recovery.noticed(ghost);
            } else if matches!(answer, Answer::Held) {
                socket.recovery.is_held(ghost);
            }
        }
        Some((attempt, now + left))
    }

    /// It took too long, or the server is asked again.
    pub(super) fn takeover_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::TakingOver(takeover) if now < takeover.until => {
                takeover.again = None;
                let step = takeover.step;
                self.check(step);
            }
            Phase::TakingOver(Takeover {
                step: Step::Asking | Step::Closing | Step::Opening, held, ..
            }) => {
                let silent = !*held;
                self.asked_in_vain();
                // A stopped process is silent, and its sessions outlive the heartbeat: now only its word counts.
                let Some((attempt, deadline)) = self.take_answer(&Answer::Held, now) else { return };
                // Its process may be stopped. Where there are others, the rest of the attempt is theirs.
                if !(silent && self.next_server(attempt, deadline, now)) {
                    self.open_first(attempt, deadline, now);
                }
            }
            // It had it, and nobody says that it has not any more.
            _ => self.takeover_ended(&Answer::Held, now),
        }
    }
}

impl<C: Codec> Engine<C> {
    const fn carrier(&self) -> Carrier {
        match (&self.link, self.moved) {
            // Of one that was to move, a close packet ends it if it is still there; if not, the server refuses that.
            (Link::Polling(_), _) | (Link::WebSocket(_), Moved::Unanswered) => Carrier::Polling,
            (Link::WebSocket(_), Moved::Yes) => Carrier::Upgraded,
            (Link::WebSocket(_), Moved::No) => Carrier::WebSocket,
        }
    }

    /// For another process or page.
    pub(super) fn saved(&self, noticed_by: Duration) -> SavedLink {
        SavedLink { sid: self.sid.clone(), carrier: self.carrier(), noticed_by }
    }
}
