//! What the server and every contestant of the benchmark share: the message, the checksum, the clock
//! and the form in which a measurement is reported.

mod job;
mod message;
mod meter;

pub use job::{Case, Job, Measured, run};
pub use message::{Done, FIRST_N, IN_FLIGHT, Message, OwnedMessage, PAYLOAD, Tally, Texts, WINDOW};
pub use meter::{Meter, anonymous_kib, percentile, stalled};
