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

    /// What must not be missing, and is; and what must not be there.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<_> =
            self.coverage.unknown().map(|way| format!("not in the list of transitions: {way}")).collect();
        let count = self.seeds.end - self.seeds.start;
        if count < ENOUGH {
            return wrong;
        }
        // One world alone does not go every way.
        if self.kinds == Kind::ALL {
            let never = self.coverage.never(count);
            wrong.extend(never.map(|way| format!("never seen in {:?}: {way}", self.seeds)));
        }
        for (column, figures) in self.figures.iter().enumerate() {
            for (kind, figures) in self.kinds.iter().zip(figures) {
                let lacks = kind.needed().iter().filter(|what| figures.of(what) == 0);
                wrong.extend(
                    lacks.map(|what| format!("{}: no {what:?} in {:?}", kind.name(), self.column(column))),
                );
            }
        }
        wrong
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
            let seen = self.figures.iter().flat_map(|of| of[at].kinds());
            let whats: BTreeSet<_> = seen.chain(kind.needed().iter().copied()).collect();
            for what in whats {
                let mark = if kind.needed().contains(&what) { "" } else { " (may be 0)" };
                let _ = write!(text, "| {} | {what}{mark} |", kind.name());
                for figures in &self.figures {
                    let _ = write!(text, " {} |", figures[at].of(what));
                }
                text.push('\n');
            }
        }
        let never: Vec<_> = self.coverage.never(u64::MAX).collect();
        let never = if never.is_empty() { "none".into() } else { never.join("; ") };
        let _ = write!(text, "\n{}\nTransitions that were never seen: {never}.", self.coverage);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Part;

    /// Everything happened once.
    fn full(count: u64, kinds: &[Kind]) -> Report {
        let mut report = Report::empty(0..count, kinds);
        for column in &mut report.figures {
            for (kind, figures) in kinds.iter().zip(column) {
                kind.needed().iter().for_each(|what| figures.count(what));
            }
        }
        report.coverage = Coverage::full();
        report
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(full(2 * ENOUGH, &Kind::ALL).wrong(), Vec::<String>::new());

        let mut report = full(2 * ENOUGH, &Kind::ALL);
        report.figures[1][0] = Figures::default();
        let wrong = report.wrong();
        assert_eq!(wrong.len(), Kind::Emits.needed().len());
        assert!(wrong.contains(&r#"emits: no "cuts" in 200..400"#.into()), "{wrong:?}");

        report = full(ENOUGH, &Kind::ALL);
        report.coverage = Coverage::default();
        let wrong = report.wrong();
        assert!(wrong.contains(&"never seen in 0..200: namespace, waiting to joined".into()), "{wrong:?}");
        // All but those that are rare.
        let all = Coverage::default().share().1;
        assert_eq!(wrong.len(), all - 1, "{wrong:?}");
        let many = Report { coverage: Coverage::default(), ..full(10 * ENOUGH, &Kind::ALL) };
        assert_eq!(many.wrong().len(), all);
        // Fewer seeds need not have everything in them, nor one world alone all of the other's.
        assert_eq!(Report { seeds: 0..ENOUGH - 1, ..report }.wrong(), Vec::<String>::new());
        let alone = Report { coverage: Coverage::default(), ..full(ENOUGH, &[Kind::Incoming]) };
        assert_eq!(alone.wrong(), Vec::<String>::new());
    }

    #[test]
    fn a_transition_that_is_not_in_the_list_is_named() {
        let mut report = full(1, &[Kind::Emits]);
        report.coverage.add(Part::Fate, "delivered", "held");
        assert_eq!(report.wrong(), ["not in the list of transitions: fate of an emit, delivered to held"]);
    }

    #[test]
    fn what_is_needed_has_a_row_though_it_never_happened() {
        let tables = Report::empty(0..1, &Kind::ALL).tables();
        assert!(tables.contains("| emits | cuts | 0 |\n"), "{tables}");
        assert!(tables.contains("| incoming | full | 0 |\n"), "{tables}");
    }
}
