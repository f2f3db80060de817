//! How the command ends: one status, and at most one line for people.

use std::process::ExitCode;

/// Everything that ends the command.
#[derive(Debug)]
pub(crate) enum Exit {
    /// 0: done, also where nobody reads our output any more.
    Done,
    /// 1: our own output cannot be written.
    Output(String),
    /// 2: the arguments cannot be used.
    Usage(String),
    /// 3: no connection was made, or every namespace was refused.
    NoConnection(String),
    /// 4: the answer, the count or the receipt did not come in time.
    NotInTime(String),
    /// 5: the server ended the last namespace.
    Ended(String),
}

impl Exit {
    /// Tells people, and gives the process its status.
    pub(crate) fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Done => return ExitCode::SUCCESS,
            Self::Output(message) => (1, message),
            Self::Usage(message) => (2, message),
            Self::NoConnection(message) => (3, message),
            Self::NotInTime(message) => (4, message),
            Self::Ended(message) => (5, message),
        };
        say(&message);
        ExitCode::from(code)
    }
}

/// One line on standard error. A server's words may hold line ends and terminal codes: neither gets through.
pub(crate) fn say(message: &str) {
    use std::io::Write;
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "sio: {}", one_line(message));
}

/// Control characters and the white space around them become single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            false if c != ' ' || !line.ends_with(' ') => line.push(c),
            true if !line.ends_with(' ') => line.push(' '),
            _ => {}
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(one_line("no\r\n\t such\u{1b}[31m page\n"), "no such [31m page");
        assert_eq!(one_line("plain  text"), "plain text");
        assert_eq!(one_line("\u{2028}"), "");
    }
}
