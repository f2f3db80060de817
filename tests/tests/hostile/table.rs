//! The table that `tests/run full` publishes.

use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::subject::Word;

fn say(word: &Word) -> String {
    match word {
        Word::Open(error) => error.to_string(),
        Word::Closed(reason, Some(error)) => format!("{reason}: {error}"),
        Word::Closed(reason, None) => reason.to_string(),
        Word::Upgrade(cause) => format!("no upgrade: {cause}"),
        Word::Done => "–".to_owned(),
    }
}

/// Without what differs each time, and what a table cannot hold.
fn cell(text: &str) -> String {
    let mut short: String = text.chars().take(160).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let mut parts = short.split("127.0.0.1:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("127.0.0.1:…");
        masked.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    masked.replace('|', "\\|").replace('<', "&lt;")
}

fn kilobytes(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

pub(crate) fn write(outcomes: &[Outcome]) {
    let mut text = String::from(
        "What hostile servers send, what a native client tells its application of it, and the most memory that client and server \
         took meanwhile beside the bound that follows from the client's limits (`tests/hostile/rows.rs`):\n\n\
         | sent | transport | told | peak | bound |\n| --- | --- | --- | --- | --- |\n",
    );
    for Outcome { row, peak, words, .. } in outcomes {
        let told = words.iter().find(|word| row.told.is(word)).map(say).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.name,
            row.transport(),
            cell(&told),
            kilobytes(*peak),
            kilobytes(row.bound.bytes()),
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".work");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("hostile.md"), text).unwrap();
}
