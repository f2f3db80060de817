//! Where and under what load the figures were taken.

use std::process::Command;

use serde::Serialize;

use crate::plan::Options;

#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) machine: String,
    pub(crate) rustc: String,
    pub(crate) node: String,
    /// One-minute load average before and after.
    pub(crate) load: [String; 2],
}

pub(crate) fn collect(options: &Options, before: String) -> Conditions {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = format!("{cores} x {}, Linux {}", model.unwrap_or("unknown"), output("uname", &["-r"]));
    let dirty =
        if output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "+" };
    Conditions {
        date: output("date", &["-u", "+%Y-%m-%d"]),
        commit: output("git", &["rev-parse", "--short=10", "HEAD"]) + dirty,
        rounds: options.rounds,
        quick: options.quick,
        machine,
        rustc: output("rustc", &["--version"]),
        node: output("node", &["--version"]),
        load: [before, load()],
    }
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map_or_else(|_| "unknown".to_owned(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

/// The one-minute load average.
pub(crate) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Scheduler ticks that programs other than this one and those it has waited for have used.
pub(crate) fn foreign_ticks() -> u64 {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let numbers =
        |text: &str| -> Vec<u64> { text.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect() };
    // user nice system idle iowait irq softirq
    let all = numbers(read("/proc/stat").lines().next().unwrap_or_default().trim_start_matches("cpu"));
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|&i| all.get(i)).sum();
    // utime stime cutime cstime, counted behind the name in brackets.
    let own = read("/proc/self/stat");
    let own: u64 = numbers(own.rsplit(')').next().unwrap_or_default()).iter().skip(11).take(4).sum();
    busy.saturating_sub(own)
}
