//! A file with one byte changed, or cut short: what happens at the next opening?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::{Random, Task, contestants, value, values};

const RECORDS: u64 = 200;

/// Opens, reads, appends, erases, closes; the status says what came of it.
pub(crate) fn child(task: &Task) -> Result<ExitCode, String> {
    let work = || {
        let mut db = contestants::open(&task.kind, &task.dir)?;
        let all = db.all()?;
        db.append(RECORDS + 1000, &values(RECORDS + 1000, 8))?;
        db.erase(1, RECORDS)?;
        Ok::<_, String>(all)
    };
    let Ok(all) = work() else { return Ok(ExitCode::from(10)) };
    let right =
        all.iter().filter(|(seq, bytes)| (1..=RECORDS).contains(seq) && *bytes == value(*seq)).count();
    Ok(ExitCode::from(match (right as u64 == RECORDS, right == all.len()) {
        (true, true) => 0,
        (false, true) => 11,
        _ => 12,
    }))
}

pub(crate) fn run(task: &Task) -> Result<(), String> {
    let Task { kind, dir, number, seed } = task;
    let mut random = Random(*seed);
    let (good, bad) = (dir.join("good"), dir.join("bad"));
    let mut db = contestants::open(kind, &good)?;
    for first in (1..=RECORDS).step_by(8) {
        db.append(first, &values(first, 8))?;
    }
    // As a crash leaves it, with journals: it is copied while it is open.
    let crashed = dir.join("crashed");
    copy(&good, &crashed)?;
    drop(db);
    for (state, from) in [("closed", &good), ("crashed", &crashed)] {
        let mut files = Vec::new();
        list(from, &mut files)?;
        let total = files.iter().map(|(_, length)| length).sum::<u64>();
        for cut in [false, true] {
            let mut outcomes = BTreeMap::new();
            for _ in 0..*number {
                let _ = std::fs::remove_dir_all(&bad);
                copy(from, &bad)?;
                let mut at = random.below(total);
                let Some((file, _)) = files.iter().find(|(_, length)| {
                    let here = at < *length;
                    at -= if here { 0 } else { *length };
                    here
                }) else {
                    return Err("nothing to damage".to_owned());
                };
                damage(&bad.join(file), at, cut, &mut random)?;
                *outcomes.entry(outcome(kind, &bad)?).or_insert(0) += 1;
            }
            let what = if cut { "cut" } else { "changed" };
            println!("{kind} {state} {what} {number} seed {seed}: {outcomes:?}");
        }
    }
    Ok(())
}

fn outcome(kind: &str, dir: &Path) -> Result<&'static str, String> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = Command::new(std::env::current_exe().map_err(|error| error.to_string())?)
        .args([kind, "damage-child"])
        .arg(dir)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if begin.elapsed() > Duration::from_secs(10) {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Ok("hangs");
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => "all there",
        (Some(10), _) => "error",
        (Some(11), _) => "fewer, in silence",
        (Some(12), _) => "a wrong record",
        (Some(101), _) => "PANIC",
        (_, Some(_)) => "ABORT",
        _ => "?",
    })
}

fn damage(file: &Path, at: u64, cut: bool, random: &mut Random) -> Result<(), String> {
    let mut bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let at = at as usize;
    if cut {
        bytes.truncate(at);
    } else if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 + random.below(255) as u8;
    }
    std::fs::write(file, bytes).map_err(|error| error.to_string())
}

/// Files by their path below `dir`. Of one that is mostly room for later, only what is written.
fn list(dir: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<(), String> {
    fn walk(root: &Path, dir: &Path, files: &mut Vec<(PathBuf, u64)>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.metadata()?.is_dir() {
                walk(root, &entry.path(), files)?;
            } else {
                let bytes = std::fs::read(entry.path())?;
                let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                let name = entry.path().strip_prefix(root).map(Path::to_path_buf);
                files.push((name.unwrap_or_default(), written as u64));
            }
        }
        Ok(())
    }
    walk(dir, dir, files).map_err(|error| error.to_string())?;
    files.sort();
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fn walk(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.metadata()?.is_dir() {
                walk(&entry.path(), &target)?;
            } else {
                std::fs::copy(entry.path(), target)?;
            }
        }
        Ok(())
    }
    walk(from, to).map_err(|error| error.to_string())
}
