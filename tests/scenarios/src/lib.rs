//! The behaviour of the core in virtual time, as one list of scenarios that runs with any codec.
//!
//! A codec takes part by implementing [`Face`]: how numbers become its payloads and its texts. The scenarios speak of
//! payloads as numbers with attachments, so nothing in them, and nothing in the state machine under them, can depend on
//! what a payload really is.

// Scenarios are tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod face;
mod list;
pub mod scenario;
mod sim;

pub use face::Face;
pub use list::{Scenario, all};
pub use sim::{EPOCH, Sim, millis, secs};
