//! The client against hand-written servers, over pipes in memory and in paused time.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod basics;
#[cfg(feature = "outbox")]
mod clear;
mod fates;
mod gaps;
mod lifecycle;
mod listeners;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "outbox")]
mod owned;
mod recovery_store;
mod support;
