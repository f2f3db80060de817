//! Every scenario with JSON payloads.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/json.rs"]
mod json;

use json::JsonFace;

scenarios::scenario_tests!(JsonFace);
