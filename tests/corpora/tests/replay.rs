//! Inputs that are kept: those that fuzzers have found to reach something of their own, and those that broke something once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files below a folder of `tests/fuzz`, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

fn replay(name: &str) {
    let run = corpora::target(name);
    let (mut count, mut bytes) = (0, 0);
    let begin = Instant::now();
    for file in files(&format!("corpus/{name}")).into_iter().chain(files(&format!("found/{name}"))) {
        let input = fs::read(&file).expect("a readable file");
        (count, bytes) = (count + 1, bytes + input.len());
        // Of a test that passes nothing is printed: what was printed last names what failed.
        println!("{}", file.display());
        run(&input);
    }
    assert!(count > 0, "no inputs of {name} are kept");
    println!("figures: {count} inputs, {bytes} bytes, {} ms", begin.elapsed().as_millis());
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let names = corpora::TARGETS.map(|(name, _)| name);
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

tests!(engine polling packet args event handshake offset url record store machine);
