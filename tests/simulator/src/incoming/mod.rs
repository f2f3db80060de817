//! Events on their way to a client, through an hour of outages.
//!
//! What is promised of an event that the server sends after the client has first joined the namespace:
//!
//! - it is delivered at most once, and after those of its namespace that were sent before it;
//! - one that the server keeps (neither acked nor volatile) is delivered, or lies in a gap that was told: it would not have
//!   arrived before the gap's `since`, and was sent before its `until`;
//! - of one that the server does not keep nothing is promised if no connection carried it to the client, as the server
//!   forgets it at once. One that came to a client that was connected is delivered, or lies in a gap;
//! - a client that is connected, over a connection to which nothing happened since it joined, hears each event within
//!   `PATIENCE`; one to which something happened finds out when the heartbeat says so;
//! - a gap is told right after the namespace was joined, at most once, and its times are true.
//!
//! A server may be stopped for longer than its heartbeat allows, and notices only when it goes on, unless `takeover` is off: who
//! does not ask claims a session too early then.
//!
//! There may be two servers, to which the client fails over: each with events and sessions of its own, or a cluster that has them
//! in common. There an event that is replayed may come after newer ones, and each recovery is told as a gap that is not exact.
//! And the client's process may be killed, whose sessions another one takes up from a store that may be damaged; in a cluster it
//! may hear acked and volatile events again.
//!
//! An application may listen to a name only now and then: an event of that name waits for it, which counts as delivered when it
//! is heard. A process that is killed while one waits leaves it to the next, which may hear again what came after the first of
//! those. Where the namespace is left, what waits is thrown away.
//!
//! A server whose clock is set back gives no two events the same offset; it would lose one of them in a replay. A message
//! travels for less than the second by which a server's heartbeat may be late.
//!
//! What is promised of the client's emits stands in `ledger.rs`.

mod app;
mod emits;
mod engine;
mod fates;
mod held;
mod laws;
mod ledger;
mod nodes;
mod plan;
mod process;
mod quiet;
mod recorded;
mod rooms;
mod shell;
mod stream;
mod trouble;
mod weather;
mod wire;
mod world;

pub use plan::Plan;
pub(crate) use recorded::Recorded;
pub use world::World;

/// Unix time at which the clocks of both sides begin.
const EPOCH: u64 = 1_795_252_372_157;
/// A client has the first few of them.
const NAMESPACES: [&str; SPACES] = ["/", "/n", "/3", "/fourth", "/fifth"];
const SPACES: usize = 5;

/// What must have happened in so many runs.
pub(crate) const NEEDED: [&str; 73] = [
    "volatile and must leave",
    "kept",
    "acked",
    "volatile",
    "joins",
    "refused",
    "delivered",
    "in a gap",
    "passed by",
    "thrown away",
    "cuts",
    "cut inside a frame",
    "cut inside a packet",
    "with an attachment",
    "half-open: ours was closed",
    "half-open: silence",
    "half-open: the server's was closed",
    "half-open: deaf one way",
    "outages",
    "closed by the server",
    "thrown out",
    "left",
    "stopped",
    "restarts with memory",
    "restarts without memory",
    "take-overs",
    "polling sessions ended",
    "overtaken by the next transport",
    "overtaken by a faster transport",
    "reconnects",
    "recovered",
    "replayed",
    "dropped as known",
    "gap: none-offered",
    "gap: no-offset",
    "gap: server-not-noticed",
    "gap: unknown-session",
    "gap: namespace-disconnect",
    "gap: overflow",
    "one of two servers down",
    "gap: seam",
    "sessions taken up",
    "other processes",
    "stores that tell nothing",
    "gap: storage",
    "clock set",
    "gap: new-node",
    "stalls",
    "sleeps",
    "slow timers",
    "bodies cut short",
    "strays",
    "late looks",
    "late looks at several inputs",
    "requests twice",
    "requests that came twice",
    "woken up",
    "full",
    "full of emits",
    "half a packet",
    "held",
    "other processes while some waited",
    "emits",
    "emits refused at once",
    "emits that came back",
    "emits sent again",
    "fate: delivered",
    "fate: acknowledged",
    "fate: refused",
    "fate: expired",
    "fate: dropped",
    "fate: cancelled",
    "fate: uncertain",
];
