//! Recorded exchanges with a real server, replayed to the models of it: what the client did is done again, and what the model
//! answers is to be what the server answered, byte for byte, but for ids: these are replaced by their order of appearance.

mod emits;
mod names;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::incoming::Recorded as Incoming;
use emits::Emits;
use names::Names;

/// What a side does with a connection, or is told on it.
pub(crate) type Said = (u32, String);

/// A server that can be held to a recording.
pub(crate) trait Model {
    /// A client's doing on a connection.
    fn client(&mut self, conn: u32, what: &str, rest: &str, now: u64) -> Vec<Said>;
    /// The application's.
    fn act(&mut self, words: &[&str], now: u64) -> Vec<Said>;
    fn next_time(&self) -> u64;
    fn pass_time(&mut self, now: u64) -> Vec<Said>;
}

/// U+001E, between packets of a body, as recordings show it.
const SEPARATOR: char = '␞';

/// Where a model answers something else than the server did.
#[derive(Debug)]
pub struct Difference {
    /// The line after which it does.
    pub line: usize,
    pub text: String,
    server: Vec<String>,
    model: Vec<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "line {}: {}", self.line, self.text)?;
        let both = |line: &&String| self.server.contains(line) && self.model.contains(line);
        self.server.iter().filter(|line| !both(line)).try_for_each(|line| writeln!(f, "  - {line}"))?;
        self.model.iter().filter(|line| !both(line)).try_for_each(|line| writeln!(f, "  + {line}"))?;
        self.server.iter().filter(both).try_for_each(|line| writeln!(f, "    {line}"))
    }
}

/// What came of a recording.
#[derive(Debug, Default)]
pub struct Outcome {
    pub differences: Vec<Difference>,
    /// What the server said in it, by kind.
    pub answers: BTreeMap<String, u64>,
}

/// Plays the client's side of a recording to the model that its first line names.
///
/// # Panics
/// If it is no recording.
#[must_use]
pub fn replay(recording: &str) -> Outcome {
    let lines: Vec<&str> = recording.lines().collect();
    let options = lines.iter().find_map(|line| line.strip_prefix("server: ")).expect("the server's options");
    let options: Value = serde_json::from_str(options).unwrap();
    let mut model: Box<dyn Model> = match options["model"].as_str() {
        Some("emits") => Box::new(Emits::new(&options)),
        _ => Box::new(Incoming::new(&options)),
    };
    let (mut names, mut now, mut outcome) = (Names::default(), 0, Outcome::default());
    for (at, line) in lines.iter().enumerate() {
        let mut said = if let Some((conn, what)) = line.split_once(" > ") {
            let (what, rest) = what.split_once(' ').unwrap_or((what, ""));
            let rest = names.fill(rest).replace(SEPARATOR, "\u{1e}");
            model.client(conn.parse().unwrap(), what, &rest, now)
        } else if let Some(millis) = line.strip_prefix("! time ") {
            pass_time(&mut *model, &mut now, millis.parse().unwrap())
        } else if let Some(words) = line.strip_prefix("! ") {
            model.act(&words.split(' ').collect::<Vec<_>>(), now)
        } else {
            continue;
        };
        // Order is certain on each connection only.
        said.sort_by_key(|(conn, _)| *conn);
        let told = |(conn, text): &Said| format!("{conn} < {}", text.replace('\u{1e}', "␞"));
        let model: Vec<_> = said.iter().map(told).map(|line| line.trim_end().to_owned()).collect();
        let server: Vec<_> = lines[at + 1..].iter().take_while(|line| line.contains(" < ")).collect();
        for line in &server {
            *outcome.answers.entry(line.split(' ').nth(2).unwrap().into()).or_default() += 1;
        }
        let same = server.len() == model.len()
            && server.iter().zip(&model).all(|(server, model)| names.agree(server, model));
        if !same {
            let server = server.into_iter().map(|line| (*line).to_owned()).collect();
            let model = model.iter().map(|line| names.hide(line)).collect();
            outcome.differences.push(Difference { line: at + 1, text: (*line).to_owned(), server, model });
        }
    }
    outcome
}

/// What becomes due happens, in order.
fn pass_time(model: &mut dyn Model, now: &mut u64, millis: u64) -> Vec<Said> {
    let (end, mut said) = (*now + millis, Vec::new());
    while model.next_time() <= end {
        *now = model.next_time();
        said.extend(model.pass_time(*now));
    }
    *now = end;
    said
}

/// Text of a WebSocket's message of bytes, and of the answer to a request.
pub(crate) fn bytes_line(bytes: &[u8]) -> String {
    let mut line = String::from("BYTES ");
    let _ = write!(line, "{}", crate::packet::base64(bytes));
    line
}
