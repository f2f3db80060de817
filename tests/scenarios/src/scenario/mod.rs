//! The scenarios, by theme. Each is one behaviour.

pub mod ack;
pub mod claim;
pub mod coalesce;
pub mod connect;
pub mod emit;
pub mod gap;
pub mod limits;
pub mod outbox;
pub mod polling;
pub mod reconnect;
pub mod recovery;
pub mod retry;
pub mod retry_after;
pub mod shared_store;
pub mod store;
pub mod takeover;
pub mod unsent;
pub mod upgrade;
