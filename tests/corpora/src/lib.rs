//! What a fuzzer does with its inputs. `tests/fuzz` calls it with inputs of its own making, `tests/replay.rs` with those that
//! are kept.
//!
//! A target takes any bytes, and panics only if something promised does not hold.

mod args;
mod engine;
mod event;
mod handshake;
mod machine;
mod offset;
mod packet;
mod polling;
mod record;
mod source;
mod store;
mod url;

/// Its name, which is also that of its folder in `tests/fuzz/corpus`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("engine", engine::run),
    ("polling", polling::run),
    ("packet", packet::run),
    ("args", args::run),
    ("event", event::run),
    ("handshake", handshake::run),
    ("offset", offset::run),
    ("url", url::run),
    ("record", record::run),
    ("store", store::run),
    ("machine", machine::run),
];

/// The target of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> fn(&[u8]) {
    let found = TARGETS.iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("no target {name}")).1
}
