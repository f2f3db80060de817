//! The same servers for other clients, in a process of their own, which `js/hostile/servers.mjs` starts.
//!
//! Its arguments are the client's limits: bytes of a message, attachments, their bytes, and packets. It prints the rows, each as
//! `{"row":0,"name":"…","transport":"…","bound":"…"}`, then `{"rows":90}`. Lines on standard input begin with a number that its
//! answer has as `id`, once it is done; beside it, `{"value":0}`, the port of what was started, or the writes that were reached:
//!
//! ```text
//! 1 start ROW            a server for a row, on a new port
//! 2 mend PORT GOOD       which from now on is what speaks on the port GOOD, or for 0 is hostile again
//! 3 reach PORT WRITES    has written so often to one client
//! 4 left PORT            a client has gone from what has no end: 1
//! 5 end PORT
//! ```

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]
#![expect(dead_code, reason = "the native client that the rows are judged by")]

mod bomb;
mod opening;
mod polling;
mod rows;
mod server;
mod subject;
mod websocket;

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use socketio_client_native::Limits;
use tests::PATIENCE;

use self::server::Server;

fn limits() -> Limits {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let [message, attachments, attachment_bytes, packets] = numbers[..] else { panic!("four limits") };
    Limits { message, attachments, attachment_bytes, packets, ..Limits::default() }
}

fn answer(id: usize, value: usize) {
    println!("{}", json!({ "id": id, "value": value }));
}

/// Answers with the value once it is wanted, on a thread of its own: others are served meanwhile.
fn wait(server: &Arc<Server>, id: usize, value: fn(&Server) -> usize, wanted: usize) {
    let server = Arc::clone(server);
    std::thread::spawn(move || {
        let begin = Instant::now();
        while value(&server) < wanted && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        answer(id, value(&server));
    });
}

fn main() {
    let limits = limits();
    let rows = rows::all();
    for (number, row) in rows.iter().enumerate() {
        let bound = format!("{:?}", row.bound);
        println!(
            "{}",
            json!({ "row": number, "name": row.name, "transport": row.transport(), "bound": bound })
        );
    }
    println!("{}", json!({ "rows": rows.len() }));
    let mut servers = BTreeMap::<usize, Arc<Server>>::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |place: usize| words[place].parse::<usize>().unwrap();
        let (id, of) = (number(0), number(2));
        match words[1] {
            "start" => {
                let server = Server::start(rows[of].attack, limits.clone(), None);
                answer(id, server.port.into());
                servers.insert(server.port.into(), Arc::new(server));
            }
            "mend" => {
                servers[&of].mend(u16::try_from(number(3)).unwrap());
                answer(id, 0);
            }
            "reach" => wait(&servers[&of], id, Server::steps, number(3)),
            "left" => wait(&servers[&of], id, |server| server.is_enough().into(), 1),
            _ => {
                servers.remove(&of);
                answer(id, 0);
            }
        }
    }
}
