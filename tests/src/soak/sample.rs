//! What a process takes, and whether it stays so.

use std::fs;

use serde_json::{Value, json};

/// By how much of itself memory may grow, and by how many kilobytes. What is resident is the allocator's business: after each burst
/// it keeps some more pages, and fewer each time. What is allocated is the client's.
const RESIDENT: (f64, f64) = (0.25, 4096.0);
const ALLOCATED: (f64, f64) = (0.05, 256.0);
/// Emits that are on their way while a client keeps up. What waits after an outage is no leak.
const REST: f64 = 3000.0;

/// At one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Seconds since the beginning.
    pub(super) at: f64,
    /// Kilobytes in memory, and of those that are allocated.
    pub(super) rss: f64,
    pub(super) heap: f64,
    /// Open files.
    pub(super) handles: f64,
    /// Seconds of CPU time so far.
    pub(super) cpu: f64,
    /// Emits without an end.
    pub(super) unsettled: f64,
    pub(super) connected: bool,
    pub(super) threads: f64,
}

impl Sample {
    /// Of a process; `line` is what it has said last.
    pub(super) fn take(pid: u32, at: f64, line: &Value) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = read("status");
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        let stat = read("stat");
        // Behind the name, which may have anything in it: user and system time are the twelfth and thirteenth.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let count = |name: &str| {
            let entries = fs::read_dir(format!("/proc/{pid}/{name}")).map_or(0, Iterator::count);
            f64::from(u32::try_from(entries).unwrap_or(u32::MAX))
        };
        let said = |name: &str| line[name].as_f64().unwrap_or_default();
        Self {
            at,
            rss: rss.unwrap_or_default(),
            heap: said("heap") / 1024.0,
            handles: count("fd"),
            // USER_HZ is 100 wherever Linux runs today.
            cpu: ticks / 100.0,
            unsettled: said("unsettled"),
            connected: line["connected"] == true,
            threads: count("task"),
        }
    }

    fn rests(&self) -> bool {
        self.connected && self.unsettled < REST
    }

    pub(super) fn to_json(self) -> Value {
        let Self { at, rss, heap, handles, cpu, unsettled, connected, threads } = self;
        json!([at, rss, heap.round(), handles, cpu, unsettled, connected, threads])
    }

    pub(super) fn of_json(value: &Value) -> Self {
        let number = |at: usize| value[at].as_f64().unwrap_or_default();
        let [at, rss, heap, handles, cpu, unsettled, threads] = [0, 1, 2, 3, 4, 5, 7].map(number);
        Self { at, rss, heap, handles, cpu, unsettled, connected: value[6] == true, threads }
    }
}

/// Of the second quarter and of the last one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Medians {
    pub(super) rss: [f64; 2],
    /// While little waits.
    pub(super) heap: [f64; 2],
    /// While connected.
    pub(super) handles: [f64; 2],
}

impl Medians {
    pub(super) fn of(samples: &[Sample]) -> Self {
        let quarter = samples.len() / 4;
        let quarters = [&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]];
        Self {
            rss: quarters.map(|samples| median(samples, |sample| Some(sample.rss))),
            heap: quarters.map(|samples| median(samples, |sample| sample.rests().then_some(sample.heap))),
            handles: quarters
                .map(|samples| median(samples, |sample| sample.connected.then_some(sample.handles))),
        }
    }

    /// What grows, though it should not.
    pub(super) fn judge(&self) -> Vec<String> {
        let grows = |what: &str, [before, after]: [f64; 2], (share, room): (f64, f64)| {
            let most = before * (1.0 + share) + room;
            // Nothing was measured where the client never came to rest.
            let was_measured = before > 0.0 && after > 0.0;
            let good = was_measured && after <= most;
            let told = || {
                if !was_measured {
                    return format!("{what}: not measured, since the client never came to rest");
                }
                format!(
                    "{what}: {after:.0} kB in the last quarter, {before:.0} kB in the second: above {most:.0} kB"
                )
            };
            (!good).then(told)
        };
        let [before, after] = self.handles;
        let handles = (before != after || before == 0.0)
            .then(|| format!("open files: {after} in the last quarter, {before} in the second"));
        [grows("memory", self.rss, RESIDENT), grows("allocated", self.heap, ALLOCATED), handles]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> f64 {
    let mut values: Vec<f64> = samples.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: impl Fn(f64) -> (f64, f64, f64)) -> Vec<Sample> {
        let at = |n: u32| f64::from(n);
        let sample = |n| {
            let (rss, heap, handles) = of(at(n));
            Sample {
                at: at(n),
                rss,
                heap,
                handles,
                cpu: 0.0,
                unsettled: 0.0,
                connected: n % 5 > 0,
                threads: 4.0,
            }
        };
        (0..120).map(sample).collect()
    }

    #[test]
    fn what_grows_is_seen_and_what_comes_and_goes_is_not() {
        // Outages take memory for a moment.
        let flat =
            |at: f64| (12_000.0 + 900.0 * (at % 10.0), 2000.0, if at % 5.0 == 0.0 { 10.0 } else { 11.0 });
        assert_eq!(Medians::of(&samples(flat)).judge(), [""; 0]);
        let leaks = |at: f64| (12_000.0 + 300.0 * at, 2000.0, 11.0);
        assert_eq!(Medians::of(&samples(leaks)).judge().len(), 1);
        let leaks = |at: f64| (12_000.0, 2000.0 + 12.0 * at, 11.0);
        assert_eq!(Medians::of(&samples(leaks)).judge().len(), 1);
        let leaks = |at: f64| (12_000.0, 2000.0, 11.0 + (at / 30.0).floor());
        assert_eq!(Medians::of(&samples(leaks)).judge().len(), 1);
        assert_eq!(Medians::of(&samples(|_| (0.0, 0.0, 0.0))).judge().len(), 3);
    }

    #[test]
    fn a_sample_is_of_a_process() {
        let sample =
            Sample::take(std::process::id(), 1.0, &json!({"heap": 2048, "unsettled": 3, "connected": true}));
        assert!(sample.rss > 100.0 && sample.handles > 2.0, "{sample:?}");
        assert_eq!((sample.heap, sample.unsettled, sample.connected), (2.0, 3.0, true));
        assert_eq!(Sample::of_json(&sample.to_json()), sample);
    }
}
