//! What programs with our client share, natively and in a page. Whoever includes it names the client `socketio`, as with
//! `tests/app`.

use std::time::Duration;

use serde_json::{Value, json};
use socketio::{AckError, Client, ClientBuilder, Transport};

/// A client that is back soon.
pub(crate) fn quick(url: &str, transports: &[String]) -> ClientBuilder {
    let transports = transports.iter().map(|name| match name.as_str() {
        "polling" => Transport::Polling,
        _ => Transport::WebSocket,
    });
    Client::builder(url)
        .transports(transports)
        .reconnection_delay(Duration::from_millis(2))
        .reconnection_delay_max(Duration::from_millis(10))
        .randomization_factor(0.0)
}

/// What became of an emit, as a line.
pub(crate) fn told(n: u64, settled: Result<Value, AckError>) -> Value {
    match settled {
        Ok(value) => json!({"settled": n, "fate": "acknowledged", "value": value}),
        Err(error) => json!({"settled": n, "fate": "error", "error": error.to_string()}),
    }
}
