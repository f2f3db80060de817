//! The tables that `tests/run full` publishes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::rows::{Course, Row};
use crate::servers::Kind;
use crate::subject::Account;
use crate::sweep::{MEASURED, Sum};

pub(crate) fn write(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".work");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
}

fn cell(words: &[String]) -> String {
    let text = words.join("; ").replace('|', "\\|").replace('<', "&lt;");
    if text.is_empty() { "–".to_owned() } else { text }
}

fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

pub(crate) fn faults(lines: &[(Row, Duration, Account, Account)]) -> String {
    let mut text = String::from(
        "What a native client is told of a fault, and what becomes of its emits and of the server's events. Times count from \
         the end of a fault that lasts, else from its beginning; `retries`: acknowledged of those emitted.\n\n\
         | fault | server | transport | told | works again after | `retries` | plain: delivered, uncertain, lost | events: heard, missed, gaps told |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (row, took, plain, reliable) in lines {
        let mut words = plain.words.clone();
        words.extend(reliable.words.iter().filter(|word| !plain.words.contains(word)).cloned());
        let took = match row.course {
            Course::Works => format!("works meanwhile, after {}", millis(*took)),
            Course::Told | Course::Asked(_) => millis(*took),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {took} | {} of {} | {}, {}, {} | {}, {}, {} |",
            row.name,
            row.kind.name(),
            row.transport(),
            cell(&words),
            reliable.acknowledged,
            reliable.emits,
            plain.delivered,
            plain.uncertain,
            plain.lost,
            plain.events + reliable.events,
            plain.missed + reliable.missed,
            plain.gaps + reliable.gaps,
        );
    }
    text
}

pub(crate) fn cuts(all: &[(Kind, Vec<Sum>)], seed: u64) -> String {
    let mut text = format!(
        "Cuts of handshakes and upgrades, by an orderly end or a reset, each of a client of its own, at offsets in the longest of {MEASURED} exchanges; who is done before its byte goes on calling until it comes; seed {seed}:\n\n\
         | server | what | direction | bytes | offsets tried | cut | within the exchange | emits: delivered, uncertain, lost | longest until it worked | told |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for (kind, sum) in all.iter().flat_map(|(kind, sums)| sums.iter().map(move |sum| (kind, sum))) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {}, {}, {} | {} | {} |",
            kind.name(),
            sum.way,
            sum.direction,
            sum.bytes,
            sum.tried,
            sum.cut,
            sum.within,
            sum.accounts.delivered,
            sum.accounts.uncertain,
            sum.accounts.lost,
            millis(sum.longest),
            cell(&sum.kinds),
        );
    }
    text
}
