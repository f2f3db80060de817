//! The calls that take and give numbers only, by number: an export of its own would cost as much as what most of them do.
//! `js/src/calls.js` has the same lists.

use core::time::Duration;

use socketio_client_core::{
    Auth, EmitId, Input, Instant, Message, RestoredEmit, ResyncId, Saved, SocketId, SocketOptions,
    TransportError, TransportId, UrlError,
};

use super::options::Terms;
use super::report::{exact, whole};
use super::{Inner, options};
use crate::saved;
use crate::slots::{Binary, Part, Payload, Slot, Slots, Text};

/// What the application wants.
mod act {
    pub(super) const OPEN: u32 = 0;
    /// Closes the connection and plans no other.
    pub(super) const CLOSE: u32 = 1;
    /// Ends the session in good order.
    pub(super) const DROP_SESSION: u32 = 2;
    /// Whether to connect again by itself.
    pub(super) const RECONNECTION: u32 = 3;
    /// Whether there is a network.
    pub(super) const ONLINE: u32 = 4;
    /// Sends a binary Engine.IO message of the application's own: slot and length.
    pub(super) const MESSAGE: u32 = 5;
    /// Changes until when a ping has to come, in Unix milliseconds, which only tests want.
    pub(super) const PING_DEADLINE: u32 = 6;
    /// Connects to a namespace. This and the others: its number first.
    pub(super) const CONNECT: u32 = 7;
    /// Leaves it; at once where the second is not 0.
    pub(super) const DISCONNECT: u32 = 8;
    /// Answers its last question for authentication data: the question, slot and length; a slot below 0: there are none.
    pub(super) const AUTHENTICATE: u32 = 9;
    /// Answers `resolve` of the host where that failed: so does the attempt.
    pub(super) const UNRESOLVED: u32 = 10;
    /// Takes an emit back: its ticket. Its fate tells what came of it.
    pub(super) const CANCEL: u32 = 11;
    /// Another tab has the outbox.
    pub(super) const FOLLOW: u32 = 12;
    /// There is no outbox after all.
    pub(super) const WITHOUT: u32 = 13;
    /// Ids below this one are reserved.
    pub(super) const RESERVED: u32 = 14;
    /// Sends an emit that is in the outbox: its ack id, slot and length, on the terms that were noted.
    pub(super) const ADOPT: u32 = 15;
    /// What was missed is made good: the number of the time in which events wait.
    pub(super) const RESYNCED: u32 = 16;
    /// Events of a namespace that nobody listened to were thrown away: how long ago the oldest of them came, in milliseconds.
    pub(super) const DROPPED: u32 = 18;
    /// The connection may be gone without a word.
    pub(super) const RESUME: u32 = 17;
}

/// What is noted, and nothing follows from at once.
mod note {
    /// An option: its place in `options.rs`, and its value.
    pub(super) const OPTION: u32 = 0;
    /// Whether a session has moved to WebSocket before (`rememberUpgrade`), as was learned elsewhere.
    pub(super) const UPGRADED_BEFORE: u32 = 1;
    /// One of the binary parts of what is emitted or answered next: slot and length.
    pub(super) const PART: u32 = 2;
    /// Whether outgoing packets are to be told. This and the others: a namespace's number first.
    pub(super) const OBSERVE: u32 = 3;
    /// Forgets an emit that is held: its ticket.
    pub(super) const DISCARD: u32 = 4;
    /// Nobody waits for the ack of an emit: its ticket.
    pub(super) const FORGET: u32 = 5;
    /// Whether the fates of all emits are to be told.
    pub(super) const FATES: u32 = 6;
    /// Of the next emit: how long it may be held, in milliseconds. No namespace.
    pub(super) const MAX_AGE: u32 = 7;
    /// Of the next one that is adopted: the time for its ack, and whether another tab or page may have sent it. No namespace.
    pub(super) const TERMS: u32 = 8;
    /// Whether events wait after each gap that is told.
    pub(super) const RESYNC: u32 = 9;
}

/// What the application says with a text.
mod say {
    /// Sends a text, an Engine.IO message of the application's own.
    pub(super) const MESSAGE: u32 = 0;
    /// The path of requests.
    pub(super) const PATH: u32 = 1;
    /// What the cache-buster is called.
    pub(super) const TIMESTAMP_PARAM: u32 = 2;
    /// Answers `resolve` of the host with where to connect: the host, whether it is secure, and the port.
    pub(super) const ADDRESS: u32 = 3;
    /// The name for `exactlyOnce`, which is empty where there is none, a comma, and a namespace, made if need be, or out of
    /// use and for which nothing waits: `retries`, below 0: none, and the window, 0: none is given, 2048 more if it has an
    /// outbox, and 4096 more if its session outlives the page. They are counted from 0.
    pub(super) const NAMESPACE: u32 = 4;
    /// Of the next emit: the key of those that it replaces.
    pub(super) const COALESCE: u32 = 5;
    /// This tab has the outbox, which has this name: the namespace's number, and the first ack id that is not used up.
    pub(super) const LEAD: u32 = 6;
    /// The next one of several servers (`urls`), as `ADDRESS`.
    pub(super) const SERVER: u32 = 7;
    /// The session of a page that is gone, as it was stored: the namespace's number. Before it is connected.
    pub(super) const RESTORE: u32 = 8;
}

/// What the module's transports heard.
mod hear {
    /// The WebSocket is open.
    pub(super) const OPENED: u32 = 0;
    /// The texts that were left for transport 0 are the answer to a GET.
    pub(super) const GOT: u32 = 1;
    /// A POST was answered.
    pub(super) const POSTED: u32 = 2;
    /// The transport ended: by the server's close frame with this code, else below 0: -2 and -3 for the answer 400 with the
    /// server's codes 1 and 3, from `ASKED_TO_WAIT` downwards for a refusal with `Retry-After`; and how many bytes never
    /// left, which is 0 where that is not known.
    pub(super) const ENDED: u32 = 3;
    /// Less so many seconds.
    pub(super) const ASKED_TO_WAIT: f64 = -4.0;
    /// A binary message: slot and length.
    pub(super) const BINARY: u32 = 4;
}

/// What may be looked up.
mod look {
    /// A number of the event that was read last, by its place.
    pub(super) const NUMBER: u32 = 0;
    /// Its payload, which is the module's now; or below 0.
    pub(super) const SLOT: u32 = 1;
    /// Whether a session has moved to WebSocket before (`rememberUpgrade`).
    pub(super) const UPGRADED_BEFORE: u32 = 2;
    /// Until when a ping has to come, in Unix milliseconds; 0 without a session.
    pub(super) const PING_DEADLINE: u32 = 3;
    /// Whether a namespace is, or will be by itself, connected.
    pub(super) const ACTIVE: u32 = 4;
    /// How many emits of a namespace with `retries` are not settled.
    pub(super) const QUEUED: u32 = 5;
    /// How many of its emits wait for the connection (`sendBuffer`). The next two are about them, by their place.
    pub(super) const HELD: u32 = 6;
    pub(super) const HELD_TICKET: u32 = 7;
    pub(super) const HELD_SLOT: u32 = 8;
    /// The ticket of the last emit that was adopted; below 0: it was not.
    pub(super) const ADOPTED: u32 = 9;
    /// The next ack id of a namespace, which is used up with that.
    pub(super) const TAKE_ID: u32 = 10;
    /// The session of a namespace, as it is to be stored now: its slot; or below 0.
    pub(super) const SAVED: u32 = 11;
    /// Whether a namespace is connected.
    pub(super) const CONNECTED: u32 = 12;
    /// As `SAVED`, while events of it wait for a listener: no further than it was then.
    pub(super) const SAVED_BEFORE: u32 = 13;
}

/// Numbers of namespaces, transports, slots and lengths are whole, and below 0 only where that has a meaning.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
pub(super) const fn index(number: f64) -> u32 {
    number as u32
}

fn binary(slot: f64, length: f64) -> Binary {
    Binary { slot: Slot::adopt(index(slot)), length: index(length) as usize }
}

impl Inner {
    pub(super) fn act(&mut self, what: u32, [a, b, c, d]: [f64; 4], now: Instant) {
        let (socket, on) = (SocketId::from_number(index(a)), a.abs() > 0.0);
        let manager = &mut self.manager;
        match what {
            act::OPEN => manager.open_connection(now),
            act::CLOSE => manager.close_connection(now),
            act::DROP_SESSION => manager.drop_connection(now),
            act::RECONNECTION => manager.set_reconnection(on),
            act::ONLINE => manager.set_online(on, now),
            act::MESSAGE => manager.write(Message::Binary(binary(a, b)), now),
            act::PING_DEADLINE => manager.set_heartbeat_deadline(self.timer.at(a)),
            act::CONNECT => manager.connect(socket, now),
            act::DISCONNECT if b.abs() > 0.0 => manager.disconnect_at_once(socket, now),
            act::DISCONNECT => manager.disconnect(socket, now),
            act::CANCEL => {
                manager.cancel(socket, EmitId::from_number(whole(b)));
            }
            act::AUTHENTICATE => {
                let data = (c >= 0.0).then(|| Payload::plain(index(c), index(d)));
                if let Some(request) = self.details.request(index(a), b) {
                    manager.authenticate(request, Ok(data), now);
                }
            }
            act::FOLLOW => manager.follow(socket, now),
            act::WITHOUT => manager.go_without_store(socket, now),
            act::RESERVED => manager.reserved(socket, whole(b), now),
            act::ADOPT => {
                let payload = self.payload(index(c), index(d));
                let Terms { max_age, timeout, maybe_sent, .. } = std::mem::take(&mut self.terms);
                let expires = max_age.map(|age| now + age);
                let emit = RestoredEmit { key: whole(b), payload, attempts: 0, expires };
                let adopted = self.manager.adopt(socket, emit, timeout, maybe_sent, now);
                self.adopted = adopted.map_or(-1.0, |emit| exact(emit.number()));
            }
            act::RESYNCED => manager.resynced(ResyncId::from_parts(socket, index(b))),
            act::DROPPED => {
                let age = options::duration(b);
                let since = Instant::from_epoch(now.since_epoch().saturating_sub(age));
                manager.dropped(socket, since, now);
            }
            act::RESUME => manager.resume(now),
            act::UNRESOLVED => {
                let Some(id) = self.resolve.take() else { return };
                manager.resolved(id, Err(UrlError { url: String::new(), cause: "" }), Vec::new(), now);
            }
            _ => {}
        }
    }

    pub(super) fn note(&mut self, what: u32, a: f64, b: f64) {
        let (socket, emit) = (SocketId::from_number(index(a)), EmitId::from_number(whole(b)));
        let manager = &mut self.manager;
        match what {
            note::OPTION => options::set(manager.config_mut(), index(a), b),
            note::UPGRADED_BEFORE => manager.set_upgraded_before(a.abs() > 0.0),
            note::PART => self.parts.push(binary(a, b)),
            note::OBSERVE => manager.observe(socket, b.abs() > 0.0),
            note::DISCARD => manager.discard(socket, emit),
            note::FORGET => manager.forget_ack(socket, emit),
            note::FATES => manager.observe_fates(socket, b.abs() > 0.0),
            note::TERMS => {
                (self.terms.timeout, self.terms.maybe_sent) = (options::optional(a), b.abs() > 0.0);
            }
            note::RESYNC => manager.set_resync(socket, b.abs() > 0.0),
            note::MAX_AGE => self.terms.max_age = Some(options::duration(a)),
            _ => {}
        }
    }

    pub(super) fn say(&mut self, what: u32, text: &str, a: f64, b: f64, now: Instant) {
        let manager = &mut self.manager;
        match what {
            say::MESSAGE => manager.write(Message::Text(Text::Part(Part::plain(text))), now),
            say::PATH => manager.config_mut().path = text.to_owned(),
            say::TIMESTAMP_PARAM => manager.config_mut().timestamp_param = text.to_owned(),
            say::ADDRESS => {
                let Some(id) = self.resolve.take() else { return };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
                let address = options::arrival(
                    manager.config_mut(),
                    options::address(a != 0.0, text.to_owned(), b as u16),
                );
                manager.resolved(id, Ok(Some(address)), Vec::new(), now);
            }
            say::RESTORE => {
                let (socket, session) = (SocketId::from_number(index(a)), saved::read(text));
                if let Some(session) = session.clone() {
                    self.marks.store(socket, Saved::Session(session), false);
                }
                manager.restore_session(socket, session);
            }
            say::SERVER => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
                let address = options::address(a != 0.0, text.to_owned(), b as u16);
                manager.config_mut().others.push(address);
            }
            say::NAMESPACE => {
                let Some((delivery, namespace)) = text.split_once(',') else { return };
                let options = options::socket(delivery, a, index(b));
                let (auth, saves) = (Auth::Ask, options.saves);
                let socket =
                    manager.socket(namespace, SocketOptions { auth, saves, ..SocketOptions::default() });
                manager.set_options(socket, &options);
            }
            say::LEAD => manager.lead(SocketId::from_number(index(a)), Some(text.to_owned()), whole(b), now),
            say::COALESCE => self.terms.key = Some(text.to_owned()),
            _ => {}
        }
    }

    pub(super) fn heard(&mut self, what: u32, [transport, a, b]: [f64; 3]) -> Option<Input<Slots>> {
        let transport = TransportId::from_number(index(transport));
        Some(match what {
            hear::OPENED => {
                if let Some(link) = self.links.iter_mut().find(|link| link.id == transport) {
                    link.open = true;
                }
                Input::Opened { transport }
            }
            hear::GOT => Input::Got { transport, body: self.inbox.body() },
            hear::POSTED => Input::Posted { transport },
            hear::ENDED => {
                self.links.retain(|link| link.id != transport);
                self.manager.never_left(transport, index(b) as usize);
                let error = if a <= hear::ASKED_TO_WAIT {
                    let retry_after = Some(Duration::from_secs(u64::from(index(hear::ASKED_TO_WAIT - a))));
                    TransportError::Status { status: 503, body: String::new(), retry_after }
                } else if a < -1.0 {
                    let code = if a < -2.0 { r#""code":3,"# } else { r#""code":1,"# };
                    TransportError::Status { status: 400, body: code.to_owned(), retry_after: None }
                } else if a < 0.0 {
                    TransportError::Http { cause: String::new() }
                } else {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "it saturates"
                    )]
                    TransportError::Closed { code: Some(a as u16), reason: String::new() }
                };
                Input::Closed { transport, error }
            }
            hear::BINARY => Input::Message { transport, message: Message::Binary(binary(a, b)) },
            _ => return None,
        })
    }

    pub(super) fn look(&mut self, what: u32, a: f64) -> f64 {
        let socket = SocketId::from_number(index(a));
        let held = self.held.get(index(a) as usize);
        match what {
            look::NUMBER => self.details.numbers.get(index(a) as usize).copied().unwrap_or(0.0),
            look::SLOT => f64::from(self.details.slot()),
            look::UPGRADED_BEFORE => f64::from(self.manager.upgraded_before()),
            look::PING_DEADLINE => self.manager.heartbeat_deadline().map_or(0.0, |at| self.timer.wall(at)),
            look::ACTIVE => f64::from(self.manager.status(socket).active),
            look::QUEUED => exact(self.manager.queued(socket) as u64),
            look::HELD => {
                self.held.clear();
                for (emit, payload, _) in self.manager.held(socket) {
                    self.held.push((emit, payload.slot()));
                }
                exact(self.held.len() as u64)
            }
            look::HELD_TICKET => held.map_or(-1.0, |(emit, _)| exact(emit.number())),
            look::HELD_SLOT => held.map_or(-1.0, |(_, slot)| f64::from(*slot)),
            look::ADOPTED => self.adopted,
            look::SAVED | look::SAVED_BEFORE => {
                let Some(session) = self.manager.saved_session(socket) else { return -1.0 };
                let stored = self.marks.store(socket, Saved::Session(session), what == look::SAVED_BEFORE);
                f64::from(Slot::text(&saved::text(&stored)).leave().0)
            }
            look::CONNECTED => f64::from(self.manager.status(socket).connected),
            look::TAKE_ID => self.manager.take_id(socket).map_or(-1.0, exact),
            _ => 0.0,
        }
    }
}
