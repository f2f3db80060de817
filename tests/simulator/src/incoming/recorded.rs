//! The Node server of this world, held to recordings of the real one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::NAMESPACES;
use super::engine::{Doing, Emit, How, Server};
use super::plan::Plan;
use super::wire::{Conn, Kind};
use crate::dice::Dice;
use crate::packet::{Message, of_base64};
use crate::recorded::{Model, Said, bytes_line};

#[derive(Debug)]
pub(crate) struct Recorded {
    server: Server,
    dice: Dice,
    /// Sessions of POSTs that have come in part.
    posts: BTreeMap<Conn, Option<String>>,
}

impl Recorded {
    pub(crate) fn new(options: &Value) -> Self {
        let millis = |name: &str| options[name].as_u64().unwrap();
        let recovery = &options["connectionStateRecovery"];
        let plan = Plan {
            heartbeat: (millis("pingInterval"), millis("pingTimeout")),
            keeps: recovery
                .is_object()
                .then(|| recovery["maxDisconnectionDuration"].as_u64().unwrap_or(120_000)),
            skips_middlewares: recovery["skipMiddlewares"] != false,
            refuses: 1,
            ..Plan::plain(0)
        };
        let mut server = Server::new(plan, 0, None);
        server.refuses = false;
        Self { server, dice: Dice::new(0), posts: BTreeMap::new() }
    }

    fn said(&mut self) -> Vec<Said> {
        let line = |doing| match doing {
            Doing::Accept(conn) => (conn, "101".into()),
            Doing::Send(conn, Message::Text(text)) => (conn, format!("TEXT {text}")),
            Doing::Send(conn, Message::Bytes(bytes)) => (conn, bytes_line(&bytes)),
            Doing::Answer(conn, status, body) => (conn, format!("{status} {body}")),
            Doing::Close(conn) => (conn, "CLOSE".into()),
        };
        std::mem::take(&mut self.server.doings).into_iter().map(line).collect()
    }

    fn request(&mut self, conn: Conn, kind: Kind, rest: &str, now: u64) {
        let (query, body) = rest.split_once(' ').unwrap_or((rest, ""));
        self.server.request(conn, kind, &format!("/socket.io/?{query}"), body, now, &mut self.dice);
    }
}

impl Model for Recorded {
    fn client(&mut self, conn: u32, what: &str, rest: &str, now: u64) -> Vec<Said> {
        match what {
            "GET" => self.request(conn, Kind::Get, rest, now),
            "POST" => self.request(conn, Kind::Post, rest, now),
            "OPEN" => self.request(conn, Kind::WebSocket, rest, now),
            "POST-PART" => {
                let sid = rest.split_once("sid=").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
                self.posts.insert(conn, sid);
            }
            "TEXT" => self.server.message(conn, &Message::Text(rest.into()), now, &mut self.dice),
            // The server waits for the rest of the frame.
            "TEXT-PART" => {}
            "BYTES" => {
                let bytes = Message::Bytes(of_base64(rest).unwrap());
                self.server.message(conn, &bytes, now, &mut self.dice);
            }
            "CUT" | "CLOSE" => match self.posts.remove(&conn) {
                Some(sid) => self.server.broke_off(sid.as_deref(), now),
                None => {
                    self.server.gone(conn, now);
                    // Nobody is there to be told.
                    self.server.doings.retain(|doing| !matches!(doing, Doing::Close(of) if *of == conn));
                }
            },
            other => panic!("{other} is nothing that a client does"),
        }
        self.said()
    }

    fn act(&mut self, words: &[&str], now: u64) -> Vec<Said> {
        let space = |name: &str| NAMESPACES.iter().position(|of| *of == name).unwrap();
        match words {
            ["emit", to, number, options @ ..] => {
                let (space, number) = (space(to), number.parse().unwrap());
                let how = match options.first() {
                    Some(&"acked") => How::Acked,
                    Some(&"volatile") => How::Volatile,
                    _ => How::Kept,
                };
                let (to_room, attached) = (options.contains(&"room"), options.contains(&"attached"));
                self.server.emit(Emit { space, number, how, to_room, attached }, now);
            }
            ["refuse", refuses] => self.server.refuses = *refuses == "true",
            ["putout", name] => self.server.throw_out(space(name)),
            ["close"] => self.server.dismiss_all(now),
            other => panic!("{other:?} is nothing that an application does"),
        }
        self.said()
    }

    fn next_time(&self) -> u64 {
        self.server.next_time()
    }

    fn pass_time(&mut self, now: u64) -> Vec<Said> {
        self.server.pass_time(now);
        self.said()
    }
}
