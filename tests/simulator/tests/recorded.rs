//! The models of servers answer as a real server has answered, in exchanges that `recorded/record.mjs` has recorded.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use simulator::recorded::replay;

/// What the models leave out on purpose: the recording, the line after which they answer something else, and why they may.
///
/// What no line can show: HTTP's headers and the answer to a close frame (the worlds hand on statuses, bodies and messages; shells
/// have tests of these), messages that are too large (a law says that none is sent), compression, and cookies.
const LEFT_OUT: [(&str, &str, &str); 3] = [
    (
        "at-once",
        "3 > GET EIO=4&transport=polling&sid=<sid 1>",
        "a CONNECT takes effect at once: that no client sends before its answer is a law of both worlds",
    ),
    (
        "at-once",
        "6 > POST EIO=4&transport=polling&sid=<sid 2> 40",
        "a request comes whole, or not: that no client has two POSTs on their way is a law of the world",
    ),
    ("at-once", "7 > GET EIO=4&transport=polling&sid=<sid 2>", "what follows from the one before"),
];

#[test]
fn the_models_answer_as_the_real_server_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let (mut wrong, mut answers, mut left_out) = (Vec::new(), BTreeMap::<String, u64>::new(), Vec::new());
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let outcome = replay(&fs::read_to_string(file).unwrap());
        for (kind, count) in outcome.answers {
            *answers.entry(kind).or_default() += count;
        }
        for difference in outcome.differences {
            let is_it = |(of, line, _): &&(&str, &str, &str)| *of == name && *line == difference.text;
            match LEFT_OUT.iter().find(is_it) {
                Some(known) => left_out.push(*known),
                None => wrong.push(format!("{name}, {difference}")),
            }
        }
    }
    assert!(wrong.is_empty(), "- the server, + the model\n{}", wrong.join("\n"));
    let stale: Vec<_> = LEFT_OUT.iter().filter(|known| !left_out.contains(known)).collect();
    assert!(stale.is_empty(), "these are not left out any more: {stale:?}");
    let kinds: Vec<_> = answers.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let (total, count) = (answers.values().sum::<u64>(), left_out.len());
    println!(
        "figures: {} recordings, {total} answers of the server, byte for byte but for {count} left out: {}",
        files.len(),
        kinds.join(", ")
    );
}
