//! Requests and handshakes, upgrades, and the ends of connections.

use super::super::wire::{Conn, Kind};
use super::sessions::{JOIN, NOOPS, Session, UPGRADE};
use super::{Doing, MAX_PAYLOAD, Server};
use crate::dice::Dice;
use crate::packet::Message;

/// Why a request is refused, in the order of the codes that say so.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Transport,
    Session,
    Method,
    Request,
    Version = 5,
}

impl Refusal {
    const fn message(self) -> &'static str {
        match self {
            Self::Transport => "Transport unknown",
            Self::Session => "Session ID unknown",
            Self::Method => "Bad handshake method",
            Self::Request => "Bad request",
            Self::Version => "Unsupported protocol version",
        }
    }
}

/// A parameter of a URL.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    parameters.find_map(|(of, value)| (of == name).then_some(value))
}

impl Server {
    fn session(&mut self, sid: &str) -> Option<(u32, &mut Session)> {
        let id = sid.strip_prefix('E')?.parse().ok()?;
        Some((id, self.sessions.get_mut(&id)?))
    }

    fn begin(&mut self, session: Session, now: u64) -> String {
        let (interval, patience) = self.plan.heartbeat;
        let id = self.name();
        let upgrades = if session.polling { r#""websocket""# } else { "" };
        let (ping_at, join_until) = (Some(now + interval), Some(now + JOIN));
        self.sessions.insert(id, Session { ping_at, join_until, ..session });
        format!(
            r#"0{{"sid":"E{id}","upgrades":[{upgrades}],"pingInterval":{interval},"pingTimeout":{patience},"maxPayload":{MAX_PAYLOAD}}}"#
        )
    }

    fn refuse(&mut self, conn: Conn, kind: Kind, refusal: Refusal) {
        let (code, message) = (refusal as u8, refusal.message());
        let body = match kind {
            Kind::WebSocket => message.into(),
            Kind::Get | Kind::Post => format!(r#"{{"code":{code},"message":"{message}"}}"#),
        };
        self.doings.push(Doing::Answer(conn, 400, body));
    }

    /// Why a request is refused, if it is.
    fn verify(&mut self, kind: Kind, url: &str) -> Option<Refusal> {
        let transport = parameter(url, "transport");
        if !matches!(transport, Some("polling" | "websocket")) {
            return Some(Refusal::Transport);
        }
        let is_socket = transport == Some("websocket");
        let Some(sid) = parameter(url, "sid") else {
            return match kind {
                Kind::Post => Some(Refusal::Method),
                Kind::Get if is_socket => Some(Refusal::Request),
                _ if parameter(url, "EIO") != Some("4") => Some(Refusal::Version),
                _ => None,
            };
        };
        match self.session(sid) {
            None => Some(Refusal::Session),
            Some((_, session)) if kind != Kind::WebSocket && session.polling == is_socket => {
                Some(Refusal::Request)
            }
            Some(_) => None,
        }
    }

    pub(in crate::incoming) fn request(
        &mut self,
        conn: Conn,
        kind: Kind,
        url: &str,
        body: &str,
        now: u64,
        dice: &mut Dice,
    ) {
        if let Some(refusal) = self.verify(kind, url) {
            // A session may be gone, or have moved.
            if !matches!(refusal, Refusal::Session | Refusal::Request) {
                self.wrong = Some(format!("{kind:?} of {url}: {}", refusal.message()));
            }
            return self.refuse(conn, kind, refusal);
        }
        let Some((id, session)) = parameter(url, "sid").and_then(|sid| self.session(sid)) else {
            return self.shake_hands(conn, kind == Kind::Get, now);
        };
        match kind {
            Kind::WebSocket if session.upgraded || session.probing.is_some() => {
                self.doings.extend([Doing::Accept(conn), Doing::Close(conn)]);
            }
            Kind::WebSocket => {
                (session.probing, session.probe_until) = (Some(conn), Some(now + UPGRADE));
                self.doings.push(Doing::Accept(conn));
            }
            Kind::Get if session.get.is_some() => {
                self.doings.push(Doing::Answer(conn, 400, String::new()));
                self.close(id, now);
            }
            Kind::Get => {
                session.get = Some(conn);
                self.poll(id, now);
            }
            Kind::Post => {
                if body.len() > MAX_PAYLOAD {
                    self.wrong = Some(format!("a POST of {} bytes", body.len()));
                }
                for packet in body.split('\u{1e}') {
                    match Message::of_body(packet) {
                        Some(message) => {
                            self.note_read(id, &message);
                            self.packet(id, &message, true, now, dice);
                        }
                        None => self.wrong = Some(format!("a POST of {packet}")),
                    }
                }
                self.doings.push(Doing::Answer(conn, 200, "ok".into()));
            }
        }
    }

    fn shake_hands(&mut self, conn: Conn, polling: bool, now: u64) {
        let socket = (!polling).then_some(conn);
        let handshake = self.begin(Session { socket, polling, ..Session::default() }, now);
        if polling {
            self.doings.push(Doing::Answer(conn, 200, handshake));
        } else {
            self.doings.extend([Doing::Accept(conn), Doing::Send(conn, handshake.into())]);
        }
    }

    /// A POST that ends in the middle ends its session.
    pub(in crate::incoming) fn broke_off(&mut self, sid: Option<&str>, now: u64) {
        if let Some((id, _)) = sid.and_then(|sid| self.session(sid)) {
            self.close(id, now);
        }
    }

    pub(in crate::incoming) fn message(&mut self, conn: Conn, message: &Message, now: u64, dice: &mut Dice) {
        let of = |session: &Session| session.socket == Some(conn) || session.probing == Some(conn);
        let Some((id, session)) = self.sessions.iter_mut().find(|(_, session)| of(session)) else { return };
        let id = *id;
        if session.socket == Some(conn) {
            if message.size() > MAX_PAYLOAD {
                self.wrong = Some(format!("a message of {} bytes", message.size()));
            }
            self.note_read(id, message);
            return self.packet(id, message, false, now, dice);
        }
        match message {
            Message::Text(text) if text == "2probe" => {
                session.noop_at = session.polling.then_some(now + NOOPS);
                self.doings.push(Doing::Send(conn, Message::Text("3probe".into())));
            }
            Message::Text(text) if text == "5" => {
                self.takeovers += u64::from(!session.polling);
                (session.probing, session.probe_until, session.noop_at) = (None, None, None);
                // So a ping that waits for its answer is forgotten, and another one never comes without that answer.
                session.dead_at = None;
                session.upgraded = true;
                session.polling = false;
                let old = session.socket.replace(conn);
                self.doings.extend(old.map(Doing::Close));
                self.doings.extend(session.get.take().map(|get| Doing::Answer(get, 200, "1".into())));
                let ending = session.ending;
                self.flush(id);
                if ending {
                    self.close(id, now);
                }
            }
            other => {
                self.wrong = Some(format!("{other:?} on a transport that is probed"));
                (session.probing, session.probe_until, session.noop_at) = (None, None, None);
                self.doings.push(Doing::Close(conn));
            }
        }
    }

    /// The server learns that a connection is closed.
    pub(in crate::incoming) fn gone(&mut self, conn: Conn, now: u64) {
        let mut of = None;
        for (id, session) in &mut self.sessions {
            if session.probing == Some(conn) {
                (session.probing, session.probe_until, session.noop_at) = (None, None, None);
            }
            if session.socket == Some(conn) || session.get == Some(conn) {
                of = Some(*id);
            }
        }
        if let Some(id) = of {
            self.close(id, now);
        }
    }
}
