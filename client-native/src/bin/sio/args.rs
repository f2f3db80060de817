//! The command's arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use socketio_client_native::Transport;

use crate::delivery::Delivery;

/// A Socket.IO client for the command line.
///
/// Exit status: 0 done, 1 standard output cannot be written, 2 wrong arguments, 3 no connection was made or every
/// namespace was refused, 4 the answer or the count did not come in time, 5 the server ended the last namespace.
#[derive(Debug, Parser)]
#[command(name = "sio", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Standard input and output as JSON lines.
    ///
    /// Reads {"emit":EVENT,"args":[..],"ack":true,"id":ID,"namespace":NSP} (all but "emit" may be left out),
    /// {"ack":N,"args":[..]} to answer an event, {"disconnect":true}. Bytes are {"$bytes":"BASE64"}.
    /// What becomes of an emit with an "id" is printed as {"type":"fate","id":ID,"fate":FATE}: held, inFlight, and at last one
    /// of delivered, acknowledged, refused, expired, dropped, cancelled, uncertain.
    /// At the end of input everything is sent and answered before the command ends.
    Connect {
        #[command(flatten)]
        connection: Connection,
    },
    /// Prints events as JSON lines.
    Listen {
        #[command(flatten)]
        connection: Connection,
        /// Only these events [default: all]
        #[arg(value_name = "EVENT")]
        events: Vec<String>,
        /// End after so many events
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        count: Option<u64>,
        /// End after this time
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        period: Option<Duration>,
    },
    /// Sends one event; returns once the server has it.
    Emit {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        event: Event,
    },
    /// Prints what an outbox holds, as JSON lines: events that are not answered yet.
    Outbox {
        /// As given to --outbox
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Remove them instead: they are never sent again
        #[arg(long)]
        clear: bool,
    },
    /// Sends one event and prints the answer's arguments as a JSON array.
    Call {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        event: Event,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Event {
    /// Name of the event
    #[arg(value_name = "EVENT")]
    pub(crate) name: String,
    /// JSON, or text where it is not JSON; @FILE sends a file's bytes
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// http, https, ws or wss; its path names the namespace
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Another server, tried when the first cannot be reached; repeatable
    #[arg(long = "url", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Take up the sessions of the last run with this file, and leave them to the next one
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_store: Option<PathBuf>,
    /// Tell each time a session was resumed in a cluster, where an event may be missing all the same
    #[arg(long)]
    pub(crate) seams: bool,
    /// Namespace, instead of the one in the URL's path; repeatable
    #[arg(long = "namespace", value_name = "NSP", value_parser = namespace)]
    pub(crate) namespaces: Vec<String>,
    /// Authentication data for every namespace: a JSON object
    #[arg(long, value_name = "JSON", value_parser = auth)]
    pub(crate) auth: Option<serde_json::Map<String, serde_json::Value>>,
    /// Transports in the order in which they are tried
    #[arg(long, value_name = "LIST", value_parser = transport, value_delimiter = ',', default_value = "websocket,polling")]
    pub(crate) transports: Vec<Transport>,
    /// Added to the query of every request; repeatable
    #[arg(long, value_name = "K=V", value_parser = query)]
    pub(crate) query: Vec<(String, String)>,
    /// Added to the header of every request; repeatable
    #[arg(long = "header", value_name = "K: V", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Path of the requests
    #[arg(long, default_value = "/socket.io")]
    pub(crate) path: String,
    /// For one attempt to connect; emit and call: for everything
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "20s")]
    pub(crate) timeout: Duration,
    /// For an answer [default: none]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) ack_timeout: Option<Duration>,
    /// Before the first attempt to connect again; doubles with each
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) reconnection_delay: Duration,
    /// The delay grows up to this
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    pub(crate) reconnection_delay_max: Duration,
    /// Attempts to connect again [default: no limit; emit and call: 0]
    #[arg(long, value_name = "N")]
    pub(crate) reconnection_attempts: Option<u32>,
    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// A number with a unit: `250ms`, `5s`, `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    /// Beyond this, adding it to the time of today could overflow somewhere.
    const YEAR: f64 = 365.0 * 24.0 * 3600.0;
    let wanted = || "a duration is a number with a unit: 250ms, 5s, 2m".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wanted)?;
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wanted()),
    };
    // Rust reads `5.` and `.5` too.
    if number.starts_with('.') || number.ends_with('.') {
        return Err(wanted());
    }
    let seconds = number.parse::<f64>().map_err(|_| wanted())? * unit;
    if seconds > YEAR {
        return Err("a duration is at most a year".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wanted())
}

fn namespace(text: &str) -> Result<String, String> {
    // On the wire a comma ends the namespace, a question mark starts what servers cut off.
    match text.find([',', '?']) {
        Some(_) => Err("a namespace holds neither a comma nor a question mark".to_owned()),
        None if text.starts_with('/') => Ok(text.to_owned()),
        None => Ok(format!("/{text}")),
    }
}

fn auth(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|e| format!("a JSON object is needed: {e}"))
}

fn transport(text: &str) -> Result<Transport, String> {
    match text {
        "websocket" => Ok(Transport::WebSocket),
        "polling" => Ok(Transport::Polling),
        _ => Err("the transports are websocket and polling".to_owned()),
    }
}

fn query(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("K=V is needed")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("'K: V' is needed")?;
    let (name, value) = (name.trim(), value.trim());
    let in_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(in_name) {
        return Err(format!("{name:?} cannot be the name of a header"));
    }
    if value.chars().any(|c| c.is_control()) {
        return Err("a header's value is one line".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        for (text, millis) in [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("0s", 0), ("1.5s", 1_500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "", "5", "s", "ms", "5 s", " 5s", "5S", "5h", "5sec", "-5s", "+5s", "1e3s", ".5s", "5.s",
            "1.2.3s", "infs",
        ] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert!(duration(&format!("{}m", "9".repeat(400))).is_err());
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_may_be_negative_and_repeat() {
        let line = [
            "sio", "emit", "http://h", "e", "-1", "x", "--query", "a=b=c", "--query", "d=", "--header",
            "X: y: z",
        ];
        let Command::Emit { connection, event } = Cli::try_parse_from(line).unwrap().command else {
            panic!()
        };
        assert_eq!(event.args, ["-1", "x"]);
        assert_eq!(connection.query, [("a".into(), "b=c".into()), ("d".into(), String::new())]);
        assert_eq!(connection.headers, [("X".into(), "y: z".into())]);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for option in [
            ["--timeout", "5"],
            ["--transports", "websocket,smoke"],
            ["--transports", ""],
            ["--query", "novalue"],
            ["--header", "novalue"],
            ["--header", "no name: x"],
            ["--header", "X: a\nb"],
            ["--auth", "{"],
            ["--auth", "7"],
            ["--namespace", "/a,b"],
            ["--reconnection-attempts", "-1"],
            ["--retries", "-1"],
            ["--retries", "many"],
            ["--retry-window", "0"],
            ["--retry-window", "1025"],
            ["--buffer-policy", "smoke"],
            ["--buffer-size", "-1"],
            ["--nonsense", "1"],
        ] {
            let line = ["sio", "connect", "http://h"].into_iter().chain(option);
            assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), 2, "{option:?}");
        }
    }
}
