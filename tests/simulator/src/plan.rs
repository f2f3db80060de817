//! What kind of run it is.

use socketio_client_core::{BufferPolicy, Durability};

use crate::dice::Dice;

#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the server has the middleware, and the client asks for it.
    pub exactly_once: bool,
    pub window: u32,
    /// Whether emits are kept in a store, and the client's process is killed now and then.
    pub store: Option<Durability>,
    /// Clients that share the store, of which one leads, if there are several.
    pub clients: usize,
    /// Whether the transport answers pings.
    pub ping: bool,
    pub policy: BufferPolicy,
    /// Connections are cut once in so many milliseconds, about.
    pub cuts: u64,
    /// Whether the server restarts now and then, and once in so many milliseconds, about.
    pub restarts: Option<u64>,
    /// Time for an answer.
    pub ack_timeout: Option<u64>,
    /// The server's `pingInterval` and `pingTimeout`.
    pub heartbeat: (u64, u64),
    /// A lazy shell lets things wait for less than this.
    pub late: u64,
    /// A connection is slower than another one by less than this.
    pub lag: u64,
    /// An application wishes something once in so many milliseconds, about.
    pub pause: u64,
    /// Wishes of applications in all, of which most are emits.
    pub emits: u64,
}

impl Plan {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(31));
        let exactly_once = dice.roll(2) == 0;
        let store = match dice.roll(4) {
            0 => Some(Durability::StoredFirst),
            1 if exactly_once => Some(Durability::WriteBehind),
            _ => None,
        };
        Self {
            exactly_once,
            window: [1, 4, 16][dice.roll(3) as usize],
            store,
            clients: if store == Some(Durability::StoredFirst) { 1 + dice.roll(2) as usize } else { 1 },
            ping: dice.roll(2) == 0,
            policy: [BufferPolicy::Refuse, BufferPolicy::DropOldest, BufferPolicy::DropNewest]
                [dice.roll(3) as usize],
            cuts: 50 + dice.roll(400),
            restarts: restarts(seed),
            ack_timeout: (dice.roll(2) == 0).then(|| 40 + dice.roll(200)),
            heartbeat: [(3000, 2000), (300, 200)][dice.roll(2) as usize],
            late: if dice.one_in(4) { 1 + dice.roll(40) } else { 0 },
            lag: [0, 0, 100][dice.roll(3) as usize],
            pause: 10,
            emits: 150,
        }
    }

    /// One client that lives for so many hours, with outages as they are on a bad day.
    pub(crate) fn day(seed: u64, hours: u64) -> Self {
        let pause = 500;
        Self {
            store: None,
            clients: 1,
            cuts: 20_000,
            restarts: None,
            heartbeat: (25_000, 20_000),
            pause,
            emits: hours * 3_600_000 / pause,
            ..Self::new(seed)
        }
    }

    pub(crate) const fn is_shared(&self) -> bool {
        self.clients > 1
    }
}

/// By a chance of its own: the rest of a plan is what it would be without.
fn restarts(seed: u64) -> Option<u64> {
    let mut dice = Dice::of(seed, 0);
    dice.one_in(3).then(|| 100 + dice.roll(300))
}
