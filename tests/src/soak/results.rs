//! What a run has measured, to be kept and shown.

use serde_json::{Value, json};
use simulator::page::said;

use super::account::{Account, KINDS};
use super::sample::{Medians, Sample};

#[derive(Debug)]
pub(super) struct Results {
    pub(super) seconds: f64,
    pub(super) cuts: Vec<(f64, String)>,
    pub(super) samples: Vec<Sample>,
    /// All other numbers and names.
    pub(super) of: Value,
}

impl Results {
    pub(super) fn new(
        seconds: u32,
        seed: u64,
        account: &Account,
        sent: u64,
        emitted: [u64; 2],
        cuts: Vec<(f64, String)>,
        samples: Vec<Sample>,
    ) -> Self {
        let of = json!({
            "seed": seed,
            "date": said("date", &["-u", "+%F"]),
            "commit": said("git", &["rev-parse", "--short", "HEAD"]),
            "rustc": said("rustc", &["--version"]),
            "node": said("node", &["--version"]),
            "cores": std::thread::available_parallelism().map_or(1, usize::from),
            "sent": sent,
            "heard": account.heard,
            "missed": account.missed,
            "gaps": account.gaps,
            "joins": account.joins,
            "recovered": account.recovered,
            "emitted": emitted,
            "fates": KINDS.iter().enumerate().map(|(kind, _)| account.counts(kind)).collect::<Vec<_>>(),
        });
        Self { seconds: f64::from(seconds), cuts, samples, of }
    }

    pub(super) fn to_json(&self) -> Value {
        let samples: Vec<_> = self.samples.iter().map(|sample| sample.to_json()).collect();
        json!({"seconds": self.seconds, "cuts": self.cuts, "samples": samples, "of": self.of})
    }

    pub(super) fn of_json(value: &Value) -> Self {
        let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let cut = |cut: &Value| {
            (cut[0].as_f64().unwrap_or_default(), cut[1].as_str().unwrap_or_default().to_owned())
        };
        Self {
            seconds: value["seconds"].as_f64().unwrap_or_default(),
            cuts: list("cuts").iter().map(cut).collect(),
            samples: list("samples").iter().map(Sample::of_json).collect(),
            of: value["of"].clone(),
        }
    }

    pub(super) fn medians(&self) -> Medians {
        Medians::of(&self.samples)
    }

    /// Of the client, in seconds.
    pub(super) fn cpu(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.cpu)
    }

    /// Events and emits.
    fn all(&self) -> f64 {
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        number(&self.of["heard"]) + number(&self.of["emitted"][0]) + number(&self.of["emitted"][1])
    }

    /// What became of both kinds of emits, in words.
    pub(super) fn fates(&self) -> [String; 2] {
        [0, 1].map(|kind| {
            let counts = self.of["fates"][kind].as_array().into_iter().flatten();
            let words = counts.map(|count| {
                let name = count[0].as_str().unwrap_or_default();
                match name {
                    "uncertain" => format!("{} {name} (the server ran {})", count[1], count[2]),
                    _ => format!("{} {name}", count[1]),
                }
            });
            words.collect::<Vec<_>>().join(", ")
        })
    }

    /// What stands beside the name of each thing that was measured.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let of = &self.of;
        let Medians { rss, heap, handles } = self.medians();
        let [op, volatile] = self.fates();
        let most = |of: fn(&Sample) -> f64| self.samples.iter().map(of).fold(0.0, f64::max);
        let pair = |[before, after]: [f64; 2]| format!("{before:.0} kB, then {after:.0} kB");
        let turns: usize = self.cuts.len();
        vec![
            (
                "events from the server",
                format!(
                    "{} sent, {} heard once and in order, {} in {} gaps",
                    of["sent"], of["heard"], of["missed"], of["gaps"]
                ),
            ),
            ("emits, exactly once, stored", format!("{}: {op}", of["emitted"][0])),
            ("emits, volatile", format!("{}: {volatile}", of["emitted"][1])),
            (
                "cuts",
                format!("{turns}; connected {} times, {} of them recovered", of["joins"], of["recovered"]),
            ),
            ("memory", format!("{}, {:.0} kB at most", pair(rss), most(|sample| sample.rss))),
            ("allocated", format!("{}, {:.0} kB at most", pair(heap), most(|sample| sample.heap))),
            (
                "open files",
                format!("{}, then {}, {} at most", handles[0], handles[1], most(|sample| sample.handles)),
            ),
            (
                "threads, at most",
                match most(|sample| sample.threads) {
                    0.0 => "not counted".to_owned(),
                    threads => threads.to_string(),
                },
            ),
            ("emits without an end, at most", format!("{}", most(|sample| sample.unsettled))),
            ("CPU time", format!("{:.1} s, {:.0} us an event", self.cpu(), self.cpu() * 1e6 / self.all())),
        ]
    }

    /// The same in a few lines.
    pub(super) fn figures(&self) -> Vec<String> {
        let begin = format!("seed {}, {} s of 2,000 events a second each way", self.of["seed"], self.seconds);
        let lines = self.lines().into_iter().map(|(name, text)| format!("{name}: {text}"));
        std::iter::once(begin).chain(lines).collect()
    }
}
