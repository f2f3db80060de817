//! What is measured: rows, contestants, counts and marks.

use bench_peers::{Case, Measured};
use serde::Serialize;

/// The command line.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    cases: Vec<String>,
    contestants: Vec<String>,
}

impl Options {
    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            let list = |text: String| text.split(',').map(str::to_owned).collect();
            match arg.as_str() {
                "--rounds" => {
                    options.rounds = value()?.parse().map_err(|_| "--rounds needs a number".to_owned())?
                }
                "--quick" => options.quick = true,
                "--case" => options.cases = list(value()?),
                "--contestant" => options.contestants = list(value()?),
                "--help" => return Err("Our client beside others.".to_owned()),
                _ => return Err(format!("unknown option {arg}")),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 7 };
        }
        Ok(options)
    }

    /// Whether the figures are fit to be kept.
    pub(crate) fn complete(&self) -> bool {
        !self.quick && self.rounds >= 7 && self.cases.is_empty() && self.contestants.is_empty()
    }

    fn wants(list: &[String], name: &str) -> bool {
        list.is_empty() || list.iter().any(|wanted| wanted == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    /// Ours, by hand: never the bottleneck.
    Bare,
    /// The published one.
    Node,
}

#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// The binary, or a script for node.
    pub(crate) program: &'static str,
    pub(crate) env: Option<(&'static str, &'static str)>,
    /// Too slow to connect as often as the others.
    slow_to_connect: bool,
}

/// One figure out of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    pub(crate) value: fn(&Measured, u64) -> Option<f64>,
    /// At most this ratio to the reference, or this value.
    pub(crate) mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    Ratio(f64),
    Value(f64),
    None,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) case: Case,
    pub(crate) server: Server,
    pub(crate) contestants: Vec<Contestant>,
    /// Ratios are to this one.
    pub(crate) reference: &'static str,
    pub(crate) figures: Vec<Figure>,
    warmup: u64,
    count: u64,
}

impl Row {
    /// Warm-up and count for a contestant.
    pub(crate) fn counts(&self, contestant: &Contestant) -> (u64, u64) {
        let connects = matches!(self.case, Case::ConnectWs | Case::ConnectUpgrade);
        if connects && contestant.slow_to_connect {
            (5, self.count.min(30))
        } else {
            (self.warmup, self.count)
        }
    }
}

const BARE: Contestant = Contestant { name: "bare", program: "bare", env: None, slow_to_connect: false };
const BARE_4K: Contestant = Contestant { name: "bare-4k", env: Some(("READ_BUFFER", "4096")), ..BARE };
const OURS: Contestant = Contestant { name: "ours", program: "ours", ..BARE };
const RUST_SOCKETIO: Contestant =
    Contestant { name: "rust_socketio", program: "rust_socketio", slow_to_connect: true, ..BARE };
const JS: Contestant = Contestant { name: "socket.io-client", program: "node/socket.io-client.mjs", ..BARE };

fn cpu(mark: Mark) -> Figure {
    Figure { label: "CPU us/message", value: |m, n| Some(m.cpu_ns? as f64 / 1e3 / n as f64), mark }
}

fn connect_cpu() -> Figure {
    Figure { label: "CPU us/connect", ..cpu(Mark::None) }
}

fn p50(label: &'static str, mark: Mark) -> Figure {
    Figure { label, value: |m, _| Some(m.p50_ns? as f64 / 1e3), mark }
}

/// The rows that are wanted, with the contestants that are wanted and there.
pub(crate) fn rows(options: &Options, there: impl Fn(&Contestant) -> bool) -> Vec<Row> {
    let row = |name, case, server, (warmup, count), contestants: &[Contestant], figures: &[Figure]| Row {
        name,
        case,
        server,
        contestants: contestants.to_vec(),
        reference: if case == Case::ConnectUpgrade { JS.name } else { BARE.name },
        figures: figures.to_vec(),
        warmup,
        count: if options.quick && case != Case::Idle { count / 4 } else { count },
    };
    let rust = [BARE, OURS, RUST_SOCKETIO];
    let ratio = Mark::Ratio;
    let upgraded = Figure {
        label: "p50 us upgraded",
        value: |m, _| Some(m.upgraded_p50_ns? as f64 / 1e3),
        mark: Mark::None,
    };
    let kib = Figure { label: "KiB/connection", value: |m, _| m.kib, mark: Mark::Value(24.0) };
    let mut rows = vec![
        row(
            "receive",
            Case::Receive,
            Server::Bare,
            (50_000, 1_000_000),
            &[BARE, BARE_4K, OURS, RUST_SOCKETIO],
            &[cpu(ratio(2.5))],
        ),
        row("send", Case::Send, Server::Bare, (50_000, 1_000_000), &rust, &[cpu(ratio(3.0))]),
        row(
            "ack1",
            Case::Ack1,
            Server::Bare,
            (1_000, 10_000),
            &rust,
            &[cpu(ratio(1.3)), p50("p50 us", Mark::None)],
        ),
        row("ack64", Case::Ack64, Server::Bare, (10_000, 300_000), &rust, &[cpu(ratio(2.0))]),
        row(
            "connect-ws",
            Case::ConnectWs,
            Server::Bare,
            (50, 1_000),
            &rust,
            &[p50("p50 us", ratio(1.5)), connect_cpu()],
        ),
        row(
            "connect-ws-node",
            Case::ConnectWs,
            Server::Node,
            (100, 400),
            &[BARE, OURS, RUST_SOCKETIO, JS],
            &[p50("p50 us", ratio(1.5)), connect_cpu()],
        ),
        row(
            "connect-upgrade",
            Case::ConnectUpgrade,
            Server::Node,
            (50, 200),
            &[JS, OURS, RUST_SOCKETIO],
            &[p50("p50 us connected", ratio(1.0)), upgraded, connect_cpu()],
        ),
        row("idle", Case::Idle, Server::Bare, (20, 200), &[BARE, BARE_4K, OURS, RUST_SOCKETIO], &[kib]),
    ];
    rows.retain(|row| Options::wants(&options.cases, row.name));
    for row in &mut rows {
        row.contestants.retain(|c| Options::wants(&options.contestants, c.name) && there(c));
    }
    rows
}
