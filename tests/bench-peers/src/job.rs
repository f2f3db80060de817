//! What a contestant is asked to do, and what it answers.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::Done;
use crate::meter::percentile;

/// One row of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// A flood of events, each parsed into two fields.
    Receive,
    /// A burst of emits.
    Send,
    /// Emits with acknowledgement, one after another.
    Ack1,
    /// Emits with acknowledgement, 64 in flight.
    Ack64,
    /// Fresh connections over WebSocket, one after another.
    ConnectWs,
    /// The same with polling first, then upgrade.
    ConnectUpgrade,
    /// Connections that do nothing, side by side.
    Idle,
}

impl Case {
    /// All, in the order of the result.
    pub const ALL: [Self; 7] = [
        Self::Receive,
        Self::Send,
        Self::Ack1,
        Self::Ack64,
        Self::ConnectWs,
        Self::ConnectUpgrade,
        Self::Idle,
    ];

    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Ack1 => "ack1",
            Self::Ack64 => "ack64",
            Self::ConnectWs => "connect-ws",
            Self::ConnectUpgrade => "connect-upgrade",
            Self::Idle => "idle",
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|case| case.name() == name)
            .ok_or_else(|| format!("no case is called {name}"))
    }
}

/// One measurement: `CASE URL WARM-UP COUNT` on the command line of a contestant.
#[derive(Debug, Clone)]
pub struct Job {
    /// What to do.
    pub case: Case,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Messages or connections before the clock starts.
    pub warmup: u64,
    /// Messages or connections that are measured.
    pub count: u64,
}

impl Job {
    fn from_args(args: &[String]) -> Result<Self, String> {
        let [case, url, warmup, count] = args else {
            return Err("usage: CASE URL WARM-UP COUNT".to_owned());
        };
        let number = |text: &String| text.parse().map_err(|_| format!("{text} is not a number"));
        Ok(Self { case: case.parse()?, url: url.clone(), warmup: number(warmup)?, count: number(count)? })
    }
}

/// What one process measured; absent where the case has no such figure.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// CPU time of the client within the measured part, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Elapsed time of the measured part, in nanoseconds.
    pub wall_ns: Option<u64>,
    /// CPU time of the server within the measured part, in nanoseconds.
    pub server_cpu_ns: Option<u64>,
    /// Half of the round trips or connects took at most this long, in nanoseconds.
    pub p50_ns: Option<u64>,
    /// 99 of 100 took at most this long, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// Half of the upgrades were complete this long after the start of the connect, in nanoseconds.
    pub upgraded_p50_ns: Option<u64>,
    /// Anonymous memory per connection, in KiB.
    pub kib: Option<f64>,
    /// Why the measurement does not count.
    pub error: Option<String>,
}

impl Measured {
    /// With the server's share.
    #[must_use]
    pub fn server(self, done: Done) -> Self {
        Self { server_cpu_ns: Some(done.cpu_ns), ..self }
    }

    /// With the percentiles of round trips or connects, in nanoseconds.
    #[must_use]
    pub fn times(self, mut times: Vec<u64>) -> Self {
        Self { p50_ns: percentile(&mut times, 0.5), p99_ns: percentile(&mut times, 0.99), ..self }
    }
}

/// Runs a contestant's case in a runtime of one thread, prints the result as one line of JSON and leaves.
pub fn run<F>(contestant: impl FnOnce(Job) -> F) -> !
where
    F: Future<Output = Result<Measured, String>>,
{
    let args: Vec<String> = std::env::args().skip(1).collect();
    let job = Job::from_args(&args).unwrap_or_else(|error| report(Err(error)));
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        // Reported inside: a contestant may not come back from the end of its runtime.
        Ok(runtime) => runtime.block_on(async { report(contestant(job).await) }),
        Err(error) => report(Err(error.to_string())),
    }
}

fn report(measured: Result<Measured, String>) -> ! {
    let status = i32::from(measured.is_err());
    let measured = measured.unwrap_or_else(|error| Measured { error: Some(error), ..Measured::default() });
    match serde_json::to_string(&measured) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("{error}"),
    }
    // Straight out: what a contestant does at its end is not measured.
    std::process::exit(status)
}
