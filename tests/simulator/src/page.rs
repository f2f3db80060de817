//! What is written into a README between the markers of its table, and of what run it is.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// # Errors
/// If there are no markers.
pub fn put(page: &Path, name: &str, table: &str) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", page.display());
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- end of {name} -->"));
    let text = fs::read_to_string(page).map_err(told)?;
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{}: no {begin} and {end}", page.display()))?;
    fs::write(page, format!("{before}{begin}\n\n{table}\n{end}{after}")).map_err(told)
}

/// The first line that a program says; nothing if there is none.
#[must_use]
pub fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
