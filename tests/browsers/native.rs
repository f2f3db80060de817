//! The scenario list natively: `matrix SCENARIO URL RUN` prints one line of JSON.

extern crate socketio_client_native as socketio;

#[path = "rust-face.rs"]
mod rust_face;

use serde_json::json;
use tokio::runtime::Builder;

/// A browser says who it is by itself.
const USER_AGENT: &str = concat!("socketio-client-native/", env!("CARGO_PKG_VERSION"));

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, url, run] = args.as_slice() else { panic!("usage: matrix SCENARIO URL RUN") };
    // Several threads, as a server has them. On one, the POST of an emit is still under way at the next.
    let mut runtime =
        if name == "volatile" { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let runtime = runtime.enable_all().build().expect("a runtime");
    let outcome = rust_face::run(name, url, run, |builder| builder.header("user-agent", USER_AGENT));
    let (lines, error) =
        runtime.block_on(outcome).map_or_else(|error| (Vec::new(), Some(error)), |lines| (lines, None));
    println!("{}", json!({"lines": lines, "error": error, "userAgent": USER_AGENT}));
}
