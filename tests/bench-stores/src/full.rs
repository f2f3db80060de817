//! A disk that is full, by a limit on the size of files: does it go on once there is room, or once something is erased?

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::{Task, contestants, values};

const GROUP: u64 = 16;

pub(crate) fn child(task: &Task) -> Result<(), String> {
    let mut db = contestants::open(&task.kind, &task.dir)?;
    let mut next = 1;
    let error = loop {
        match db.append(next, &values(next, GROUP)) {
            Ok(()) => next += GROUP,
            Err(error) => break error,
        }
    };
    let word = |result: Result<(), String>| {
        result.map_or_else(|error| format!("no ({error})"), |()| "yes".to_owned())
    };
    println!("{} appended {} then \"{error}\"", task.kind, next - 1);
    println!("  erases while full: {}", word(db.erase(1, next / 2)));
    println!("  appends after that: {}", word(db.append(next, &values(next, 1))));
    println!("raise");
    // Until the parent has.
    let _ = std::io::stdin().read(&mut [0]);
    println!("  appends with room: {}", word(db.append(next + 1, &values(next + 1, 1))));
    drop(db);
    let all = contestants::open(&task.kind, &task.dir)?.all()?;
    println!("  after opening again: {} records", all.len());
    Ok(())
}

pub(crate) fn run(task: &Task) -> Result<(), String> {
    let Task { kind, dir, number, .. } = task;
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    // Without its signal, a write beyond the limit is an error.
    let script = format!("trap '' XFSZ; ulimit -S -f {number}; exec \"$0\" \"$@\"");
    let mut child = Command::new("bash")
        .arg("-c")
        .arg(script)
        .arg(exe)
        .args([kind, "full-child"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    for line in lines.map_while(Result::ok) {
        if line == "raise" {
            Command::new("prlimit")
                .args(["--fsize=unlimited", "--pid", &child.id().to_string()])
                .status()
                .map_err(|error| error.to_string())?;
            drop(child.stdin.take());
        } else {
            println!("{line}");
        }
    }
    child.wait().map(drop).map_err(|error| error.to_string())
}
