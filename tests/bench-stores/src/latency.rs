//! A durable append: how long it takes, one at a time and in groups, while about 1,000 records wait.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Task, contestants, values};

const WAITING: u64 = 1000;

/// Prints for each group size the median and the 99th percentile in microseconds, then the size on disk.
pub(crate) fn run(task: &Task) -> Result<(), String> {
    let Task { kind, dir, number, .. } = task;
    let mut db = contestants::open(kind, dir)?;
    println!("{kind} new_bytes {}", on_disk(dir));
    let mut next = 1;
    let mut erased = 1;
    for group in [1, 16, 256] {
        // What comes first fills caches and files.
        let warm = number / 10;
        let mut times = Vec::new();
        for round in 0..warm + number {
            let records = values(next, group);
            let begin = Instant::now();
            db.append(next, &records)?;
            if round >= warm {
                times.push(begin.elapsed());
            }
            next += group;
            if next - erased > WAITING + group {
                db.erase(erased, group)?;
                erased += group;
            }
        }
        times.sort();
        let at =
            |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(Duration::MAX).as_micros();
        println!("{kind} group {group} p50_us {} p99_us {}", at(50), at(99));
    }
    println!("{kind} open_bytes {} records {}", on_disk(dir), next - erased);
    drop(db);
    println!("{kind} closed_bytes {}", on_disk(dir));
    let begin = Instant::now();
    let waiting = contestants::open(kind, dir)?.all()?.len();
    println!("{kind} reopen_us {} records {waiting}", begin.elapsed().as_micros());
    Ok(())
}

/// Bytes that the file system has given to it, in blocks: files may have holes.
fn on_disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => on_disk(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
