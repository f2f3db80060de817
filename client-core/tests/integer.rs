//! Every scenario with a payload that is a bare integer.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/integer.rs"]
mod integer;

use integer::Integer;

scenarios::scenario_tests!(Integer);
