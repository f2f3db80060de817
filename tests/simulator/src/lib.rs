//! A Socket.IO server and a network in virtual time. They share no code with the client: the server reads and writes texts
//! by its own rules, so that a mistake in the client's codec cannot hide in it.
//!
//! Everything that happens depends on the seed alone. A run is a [`World`]: applications of the test emit through the
//! client's core, messages travel with delays, connections are cut, and the world's laws are checked as it goes.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod client;
pub mod command;
mod coverage;
mod cut;
pub mod day;
pub mod dice;
mod disk;
mod fates;
pub mod faults;
mod figures;
pub mod incoming;
mod journal;
mod laws;
pub mod linear;
pub mod network;
mod pace;
mod packet;
pub mod page;
mod plan;
pub mod recorded;
mod report;
pub mod run;
pub mod server;
mod shell;
mod shrink;
pub mod world;

pub use coverage::Coverage;
pub use figures::Figures;
pub use journal::{Chosen, Journal};
pub use plan::Plan;
pub use world::World;
