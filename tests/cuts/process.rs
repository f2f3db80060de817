//! What programs with our native client share: lines out and in.

use std::io::{BufRead as _, stdin};

use serde_json::Value;
use tokio::sync::mpsc;

pub(crate) fn print(value: &Value) {
    println!("{value}");
}

/// The lines on standard input. When it ends, so does this process.
pub(crate) fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
        std::process::exit(1)
    });
    commands
}
