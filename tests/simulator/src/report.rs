//! Many seeds on all cores, and what came of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::coverage::Coverage;
use crate::figures::Figures;
use crate::run::{ENOUGH, Failure, Kind};

/// Ranges that a report has columns for.
const COLUMNS: u64 = 5;

/// What came of a range of seeds.
#[derive(Debug)]
pub(crate) struct Report {
    seeds: Range<u64>,
    kinds: Vec<Kind>,
    /// Of each world in each part of the range.
    figures: Vec<Vec<Figures>>,
    coverage: Coverage,
    simulated: u64,
    seconds: f64,
    pub(crate) failures: Vec<(Kind, u64, Failure)>,
}

impl Report {
    fn empty(seeds: Range<u64>, kinds: &[Kind]) -> Self {
        let count = seeds.end - seeds.start;
        let columns = (count / ENOUGH).clamp(1, COLUMNS) as usize;
        Self {
            seeds,
            kinds: kinds.to_vec(),
            figures: vec![vec![Figures::default(); kinds.len()]; columns],
            coverage: Coverage::default(),
            simulated: 0,
            seconds: 0.0,
            failures: Vec::new(),
        }
    }

    /// Runs each of these worlds with each of these seeds.
    pub(crate) fn of(seeds: &Range<u64>, kinds: &[Kind], threads: usize) -> Self {
        let begin = Instant::now();
        let next = AtomicU64::new(seeds.start);
        let mut all = Self::empty(seeds.clone(), kinds);
        std::thread::scope(|scope| {
            let run = || {
                let mut mine = Self::empty(seeds.clone(), kinds);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return mine;
                    }
                    mine.run(seed);
                }
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            for worker in workers {
                all.add(worker.join().expect("what a run does is caught"));
            }
        });
        all.failures.sort_by_key(|(_, seed, _)| *seed);
        all.seconds = begin.elapsed().as_secs_f64();
        all
    }

    fn run(&mut self, seed: u64) {
        let columns = self.figures.len() as u64;
        let column = (seed - self.seeds.start) * columns / (self.seeds.end - self.seeds.start);
        for (at, kind) in self.kinds.iter().enumerate() {
            match kind.try_seed(seed) {
                Ok(outcome) => {
                    self.figures[column as usize][at] += outcome.figures;
                    self.coverage += outcome.coverage;
                    self.simulated += outcome.simulated;
                }
                Err(failure) => self.failures.push((*kind, seed, failure)),
            }
        }
    }

    fn add(&mut self, other: Self) {
        for (mine, theirs) in self.figures.iter_mut().flatten().zip(other.figures.into_iter().flatten()) {
            *mine += theirs;
        }
        self.coverage += other.coverage;
        self.simulated += other.simulated;
        self.failures.extend(other.failures);
    }

    /// Where the part of a range begins and ends.
    fn column(&self, at: usize) -> Range<u64> {
        let (columns, count) = (self.figures.len() as u64, self.seeds.end - self.seeds.start);
        let from = |at: u64| self.seeds.start + (count * at).div_ceil(columns);
        from(at as u64)..from(at as u64 + 1)
    }

    /// Kinds of things that a part of the range should have and has not.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.seeds.end - self.seeds.start < ENOUGH {
            return missing;
        }
        for (column, figures) in self.figures.iter().enumerate() {
            for (kind, figures) in self.kinds.iter().zip(figures) {
                let lacks = kind.needed().iter().filter(|what| figures.of(what) == 0);
                missing.extend(
                    lacks.map(|what| format!("{}: no {what:?} in {:?}", kind.name(), self.column(column))),
                );
            }
        }
        missing
    }

    /// How much of it there was, in one line.
    pub(crate) fn summary(&self) -> String {
        let count = self.seeds.end - self.seeds.start;
        let (seen, ways) = self.coverage.share();
        format!(
            "seeds {:?} in {:.0} s: {:.0} seeds a second, {} simulated hours, {seen} of {ways} transitions seen, {} failed",
            self.seeds,
            self.seconds,
            count as f64 / self.seconds,
            self.simulated / 3_600_000,
            self.failures.len()
        )
    }

    /// What happened, by range; which states were seen, and which ways never were.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::from("| world | what |");
        for column in 0..self.figures.len() {
            let _ = write!(text, " {:?} |", self.column(column));
        }
        let _ = writeln!(text, "\n|---|---{}|", "|---".repeat(self.figures.len()));
        for (at, kind) in self.kinds.iter().enumerate() {
            let whats: BTreeSet<_> = self.figures.iter().flat_map(|of| of[at].kinds()).collect();
            for what in whats {
                let mark = if kind.needed().contains(&what) { "" } else { " (may be 0)" };
                let _ = write!(text, "| {} | {what}{mark} |", kind.name());
                for figures in &self.figures {
                    let _ = write!(text, " {} |", figures[at].of(what));
                }
                text.push('\n');
            }
        }
        let never: Vec<_> = self.coverage.never().map(|(from, to)| format!("{from} to {to}")).collect();
        let never = if never.is_empty() { "none".into() } else { never.join(", ") };
        let _ = write!(text, "\n{}\nTransitions that were never seen: {never}.", self.coverage);
        text
    }
}
