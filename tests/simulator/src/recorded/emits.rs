//! The server of the world of emits, which speaks WebSocket only.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Model, Said};
use crate::network::Link;
use crate::packet::of_base64;
use crate::server::{Doing, Server};

#[derive(Debug)]
pub(super) struct Emits {
    server: Server,
    /// Heartbeats to come.
    beats: Vec<(u64, Link)>,
    /// Handlers that work.
    jobs: VecDeque<u64>,
}

impl Emits {
    pub(super) fn new(options: &Value) -> Self {
        let millis = |name: &str| options[name].as_u64().unwrap();
        let heartbeat = (millis("pingInterval"), millis("pingTimeout"));
        let server = Server::new(options["once"] == true, heartbeat);
        Self { server, beats: Vec::new(), jobs: VecDeque::new() }
    }

    fn obey(&mut self, doings: Vec<Doing>) -> Vec<Said> {
        let mut said = Vec::new();
        for doing in doings {
            match doing {
                Doing::Send(link, text) => said.push((link, format!("TEXT {text}"))),
                Doing::Close(link) => said.push((link, "CLOSE".into())),
                Doing::Beat(link, time) => self.beats.push((time, link)),
                Doing::Handle(job) => self.jobs.push_back(job),
            }
        }
        said
    }
}

impl Model for Emits {
    fn client(&mut self, conn: u32, what: &str, rest: &str, now: u64) -> Vec<Said> {
        let mut said = Vec::new();
        let doings = match what {
            "OPEN" => {
                said.push((conn, "101".into()));
                self.server.opened(conn, now)
            }
            "TEXT" => self.server.message(conn, rest, now),
            "BYTES" => self.server.attached(conn, &of_base64(rest).unwrap(), now),
            "CUT" => {
                self.server.gone(conn);
                vec![]
            }
            other => panic!("{other} is not for this world"),
        };
        said.extend(self.obey(doings));
        said
    }

    fn act(&mut self, words: &[&str], _now: u64) -> Vec<Said> {
        assert_eq!(words, ["handled"]);
        let doings = self.jobs.pop_front().map_or_else(Vec::new, |job| self.server.handled(job));
        self.obey(doings)
    }

    fn next_time(&self) -> u64 {
        self.beats.iter().map(|(time, _)| *time).min().unwrap_or(u64::MAX)
    }

    fn pass_time(&mut self, now: u64) -> Vec<Said> {
        let (due, rest) = std::mem::take(&mut self.beats).into_iter().partition(|(time, _)| *time <= now);
        self.beats = rest;
        let due: Vec<_> = due;
        due.into_iter()
            .flat_map(|(_, link)| {
                let doings = self.server.heartbeat(link, now);
                self.obey(doings)
            })
            .collect()
    }
}
