//! `kill -9` of a child that appends: is everything there that it was told is durable?

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use crate::{Random, Task, contestants, value, values};

const GROUP: u64 = 4;

/// Appends where the last one stopped, and says the last number that is durable, until it is killed.
pub(crate) fn child(task: &Task) -> Result<(), String> {
    let mut db = contestants::open(&task.kind, &task.dir)?;
    let mut next = db.all()?.last().map_or(1, |(seq, _)| seq + 1);
    let mut out = std::io::stdout().lock();
    loop {
        db.append(next, &values(next, GROUP))?;
        next += GROUP;
        writeln!(out, "{}", next - 1).and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    }
}

pub(crate) fn run(task: &Task) -> Result<(), String> {
    let Task { kind, dir, number, seed } = task;
    let mut random = Random(*seed);
    let (mut lost, mut beyond, mut kept) = (0, 0, 0);
    for round in 0..*number {
        let mut child = Command::new(std::env::current_exe().map_err(|error| error.to_string())?)
            .args([kind, "kill-child"])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        let mut told = kept;
        for _ in 0..=random.below(40) {
            told = line(lines.next())?.ok_or("the child ended by itself")?;
        }
        // Between two lines, at any point of the next transaction.
        std::thread::sleep(std::time::Duration::from_micros(random.below(3000)));
        child.kill().map_err(|error| error.to_string())?;
        while let Some(seq) = line(lines.next())? {
            told = seq;
        }
        child.wait().map_err(|error| error.to_string())?;
        let all = contestants::open(kind, dir)?.all()?;
        if let Some(wrong) =
            (1..).zip(&all).find(|(seq, (found, bytes))| seq != found || *bytes != value(*seq))
        {
            return Err(format!("{kind} round {round}: record {} is wrong", wrong.0));
        }
        kept = all.len() as u64;
        lost += told.saturating_sub(kept);
        beyond += kept.saturating_sub(told);
    }
    println!("{kind} kills {number} seed {seed} records {kept} lost {lost} durable_but_not_told {beyond}");
    if lost > 0 { Err("records were lost".to_owned()) } else { Ok(()) }
}

/// A last line that the kill cut short counts as none.
fn line(line: Option<std::io::Result<String>>) -> Result<Option<u64>, String> {
    match line {
        Some(Ok(line)) => line.parse().map(Some).map_err(|_| format!("the child says {line}")),
        _ => Ok(None),
    }
}
