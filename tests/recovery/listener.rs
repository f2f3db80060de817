//! What our client says in Rust, natively and in a page; `README.md` has the job and the lines.
//!
//! Whoever includes it names the client `socketio`, as with `tests/app`.

#[path = "../cuts/client.rs"]
mod client;

use serde::Deserialize;
use serde_json::{Value, json};
use socketio::{ClientBuilder, ConnectError, Gap, Message, Socket};

pub(crate) use self::client::told;

/// What is to be done.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    url: String,
    pub(crate) name: String,
    transports: Vec<String>,
    /// Emits that are unsettled at all times.
    #[serde(default)]
    pub(crate) ahead: usize,
    #[serde(default)]
    exactly_once: bool,
    /// Where a session outlives this process.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) store: Option<std::path::PathBuf>,
}

impl Job {
    pub(crate) fn builder(&self) -> ClientBuilder {
        client::quick(&self.url, &self.transports).exactly_once(self.exactly_once)
    }
}

/// What a handler may hold: a page has one thread.
#[cfg(target_family = "wasm")]
pub(crate) trait Anywhere {}
#[cfg(target_family = "wasm")]
impl<T> Anywhere for T {}

/// What a handler may hold.
#[cfg(not(target_family = "wasm"))]
pub(crate) trait Anywhere: Send + Sync {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send + Sync> Anywhere for T {}

/// Has `print` called with each line of what comes.
pub(crate) fn watch(socket: &Socket, print: impl Fn(&Value) + Clone + Anywhere + 'static) {
    let connected = socket.clone();
    let say = print.clone();
    socket.on_connect(move || {
        say(&json!({"joined": {"id": connected.id(), "recovered": connected.recovered()}}));
    });
    let say = print.clone();
    socket.on_disconnect(move |reason| say(&json!({"left": reason.as_str()})));
    let say = print.clone();
    socket.on_connect_error(move |error| {
        // Others are the connection's, which is tried again.
        if let ConnectError::Refused { message, .. } = error {
            say(&json!({"refused": message}));
        }
    });
    let say = print.clone();
    socket.on_gap(move |gap| say(&json!({"gap": gap_fields(&gap)})));
    socket.on_any(move |message| print(&heard(&message)));
}

fn gap_fields(gap: &Gap) -> Value {
    json!({
        "recovered": gap.recovered,
        "exact": gap.exact,
        "reason": gap.reason.as_str(),
        "outage": gap.outage.as_millis(),
        "serverKnew": gap.server_knew,
        "possiblyMissed": gap.possibly_missed,
        "lastOffset": gap.last_offset.map(|offset| offset.to_string()),
    })
}

fn heard(message: &Message) -> Value {
    // Texts between commas.
    let args: Option<Value> = serde_json::from_str(&format!("[{}]", message.args_json())).ok();
    let bytes: Vec<_> = message.attachments().iter().map(|bytes| bytes.to_vec()).collect();
    json!({"heard": message.event(), "args": args, "bytes": bytes, "replayed": message.is_replayed()})
}
