//! The scenario list natively: `matrix SCENARIO URL RUN` prints one line of JSON.

extern crate socketio_client_native as socketio;

#[path = "rust-face.rs"]
mod rust_face;

use serde_json::json;

/// A browser says who it is by itself.
const USER_AGENT: &str = concat!("socketio-client-native/", env!("CARGO_PKG_VERSION"));

/// On a runtime with several threads, as a server has it.
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, url, run] = args.as_slice() else { panic!("usage: matrix SCENARIO URL RUN") };
    let outcome = rust_face::run(name, url, run, |builder| builder.header("user-agent", USER_AGENT)).await;
    let (lines, error) = outcome.map_or_else(|error| (Vec::new(), Some(error)), |lines| (lines, None));
    println!("{}", json!({"lines": lines, "error": error, "userAgent": USER_AGENT}));
}
