//! Medians, ratios and the text that people read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::conditions::Conditions;
use crate::plan::{Figure, Mark, Row, Server};
use crate::process::Measurement;

const START: &str = "<!-- results: rewritten by ./run -->";
const END: &str = "<!-- end of results -->";

/// One contestant in one figure of one row.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    case: &'static str,
    figure: &'static str,
    contestant: &'static str,
    reference: &'static str,
    mark: Mark,
    /// Absent where a round failed.
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    ratio: Option<f64>,
    failed_rounds: usize,
}

impl Cell {
    fn text(&self) -> String {
        if self.failed_rounds > 0 {
            return "FAILED".to_owned();
        }
        let (Some(median), Some(min), Some(max)) = (self.median, self.min, self.max) else {
            return "–".to_owned();
        };
        let spread = format!("{} ({}–{})", number(median), number(min), number(max));
        match self.ratio {
            Some(ratio) if self.contestant != self.reference => format!("{spread} {}x", number(ratio)),
            _ => spread,
        }
    }

    fn verdict(&self) -> &'static str {
        let met = match self.mark {
            _ if self.failed_rounds > 0 => return "FAILED",
            Mark::Ratio(mark) => self.ratio.map(|ratio| ratio <= mark),
            Mark::Value(mark) => self.median.map(|median| median <= mark),
            Mark::None => None,
        };
        match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "–",
        }
    }
}

pub(crate) fn results(rows: &[Row], measurements: &[Measurement]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for figure in &row.figures {
            let of = |name| -> Vec<&Measurement> {
                measurements.iter().filter(|m| m.row == index && m.contestant == name).collect()
            };
            let reference = sorted(&of(row.reference), figure);
            for contestant in &row.contestants {
                let runs = of(contestant.name);
                let failed_rounds = runs.iter().filter(|m| m.measured.error.is_some()).count();
                let values = if failed_rounds == 0 { sorted(&runs, figure) } else { Vec::new() };
                let median = median(&values);
                cells.push(Cell {
                    case: row.name,
                    figure: figure.label,
                    contestant: contestant.name,
                    reference: row.reference,
                    mark: figure.mark,
                    median,
                    min: values.first().copied(),
                    max: values.last().copied(),
                    ratio: median.zip(self::median(&reference)).map(|(own, reference)| own / reference),
                    failed_rounds,
                });
            }
        }
    }
    cells
}

fn sorted(runs: &[&Measurement], figure: &Figure) -> Vec<f64> {
    let mut values: Vec<f64> = runs.iter().filter_map(|m| (figure.value)(&m.measured, m.count)).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + upper) / 2.0 } else { *upper })
}

fn number(value: f64) -> String {
    match value {
        v if v >= 1000.0 => format!("{:.1}k", v / 1000.0),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

pub(crate) fn text(rows: &[Row], cells: &[Cell], measurements: &[Measurement], at: &Conditions) -> String {
    let mut names: Vec<&str> = Vec::new();
    for cell in cells {
        if !names.contains(&cell.contestant) {
            names.push(cell.contestant);
        }
    }
    let mut out = String::new();
    let quick = if at.quick { ", quick" } else { "" };
    let _ = writeln!(
        out,
        "{}, commit {}, {} rounds{quick}; {}; {}, node {}; load {} before, {} after.\n",
        at.date, at.commit, at.rounds, at.machine, at.rustc, at.node, at.load[0], at.load[1]
    );
    let mut table = vec![vec!["case".to_owned(), "figure".to_owned(), "mark".to_owned(), "ours".to_owned()]];
    table[0].extend(names.iter().map(|&name| name.to_owned()));
    table[0][3] = "verdict".to_owned();
    for row in rows {
        for figure in &row.figures {
            let find = |name| {
                cells.iter().find(|c| (c.case, c.figure) == (row.name, figure.label) && c.contestant == name)
            };
            let mark = match figure.mark {
                Mark::Ratio(mark) => format!("{mark:.1}x"),
                Mark::Value(mark) => format!("{mark}"),
                Mark::None => "–".to_owned(),
            };
            let verdict = find("ours").map_or("–", Cell::verdict);
            let mut line = vec![row.name.to_owned(), figure.label.to_owned(), mark, verdict.to_owned()];
            line.extend(names.iter().map(|&name| find(name).map_or_else(|| "–".to_owned(), Cell::text)));
            table.push(line);
        }
    }
    out += &layout(&table);
    out += &limits(rows, measurements);
    let failures = failures(measurements);
    if !failures.is_empty() {
        let _ = writeln!(out, "\nFailed:\n\n{failures}");
    }
    out.trim_end().to_owned() + "\n"
}

/// What was busy: a client at 100 % is what limits the case.
fn limits(rows: &[Row], measurements: &[Measurement]) -> String {
    let mut table =
        vec![["case", "contestant", "client %", "server %", "foreign cores"].map(str::to_owned).to_vec()];
    for (index, row) in rows.iter().enumerate() {
        for contestant in &row.contestants {
            let runs: Vec<&Measurement> =
                measurements.iter().filter(|m| m.row == index && m.contestant == contestant.name).collect();
            let middle = |value: &dyn Fn(&Measurement) -> Option<f64>| {
                let mut values: Vec<f64> = runs.iter().filter_map(|m| value(m)).collect();
                values.sort_by(f64::total_cmp);
                median(&values)
            };
            let percent = |part: Option<u64>, whole: Option<u64>| Some(part? as f64 / whole? as f64 * 100.0);
            let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.0}"));
            let foreign = middle(&|m| Some(m.foreign_cores)).unwrap_or_default();
            table.push(vec![
                row.name.to_owned() + if row.server == Server::Node { " (node)" } else { "" },
                contestant.name.to_owned(),
                show(middle(&|m| percent(m.measured.cpu_ns, m.measured.wall_ns))),
                show(middle(&|m| percent(m.measured.server_cpu_ns, m.measured.wall_ns))),
                format!("{foreign:.2}"),
            ]);
        }
    }
    format!("\nWhat was busy (medians):\n\n{}", layout(&table))
}

fn failures(measurements: &[Measurement]) -> String {
    let mut seen: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for m in measurements {
        if let Some(error) = &m.measured.error {
            seen.entry((m.case, m.contestant)).or_default().push(error);
        }
    }
    let mut out = String::new();
    for ((case, contestant), errors) in seen {
        let _ = writeln!(out, "- {case}, {contestant}: {} rounds, the first: {}", errors.len(), errors[0]);
    }
    out
}

fn layout(table: &[Vec<String>]) -> String {
    let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
    let mut out = String::new();
    for (index, line) in table.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(out, "| {cell:width$} ");
        }
        out += "|\n";
        if index == 0 {
            for width in &widths {
                let _ = write!(out, "|{}", "-".repeat(width + 2));
            }
            out += "|\n";
        }
    }
    out
}

/// Puts the text between the two markers.
pub(crate) fn write_readme(path: &Path, text: &str) -> Result<(), String> {
    let readme = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let parts = readme.split_once(START).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) =
        parts.ok_or_else(|| format!("{}: the markers of the results are missing", path.display()))?;
    std::fs::write(path, format!("{head}{START}\n\n{text}\n{END}{tail}")).map_err(|e| e.to_string())
}
