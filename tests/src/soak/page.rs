//! The table in `README.md`, between its markers.

use std::path::Path;

use super::results::Results;

/// # Errors
/// If there are no markers.
pub(super) fn write(page: &Path, results: &Results) -> Result<(), String> {
    simulator::page::put(page, "soak", &table(results))
}

fn table(results: &Results) -> String {
    let of = &results.of;
    let word = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let rustc = word("rustc").split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut lines = vec![
        format!(
            "{}, commit {}, {} cores, {rustc}, Node {}: {} s, seed {}.",
            word("date"),
            word("commit"),
            of["cores"],
            word("node").trim_start_matches('v'),
            results.seconds,
            of["seed"]
        ),
        String::new(),
        "| what | figures |".to_owned(),
        "| --- | --- |".to_owned(),
    ];
    lines.extend(results.lines().iter().map(|(name, text)| format!("| {name} | {text} |")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
