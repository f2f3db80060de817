//! The table in `README.md`, between its markers.

use std::fs;
use std::path::Path;

use super::results::Results;

const BEGIN: &str = "<!-- soak -->";
const END: &str = "<!-- end of soak -->";

/// # Errors
/// If there are no markers.
pub(super) fn write(page: &Path, results: &Results) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = fs::read_to_string(page).map_err(told)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{}: no {BEGIN} and {END}", page.display()))?;
    fs::write(page, format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(results))).map_err(told)
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
