//! The client against hand-written servers, over pipes in memory and in paused time.

mod basics;
mod support;
