//! What kind of hour it is.

use socketio_client_core::{BufferPolicy, TransportKind};

use super::SPACES;
use crate::dice::Dice;

#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether there is more than the first worlds had; not in those in which old mistakes were found.
    pub grown: bool,
    /// Whether what becomes of emits is judged; not in those in which mistakes were found before.
    pub judged: bool,
    /// Whether the shell can tell how much of what a WebSocket was handed never left.
    pub tells_unsent: bool,
    /// What happens where an emit finds no room.
    pub policy: BufferPolicy,
    /// How many emits of the first namespace may be on their way, if they are sent again until they are answered.
    pub window: Option<u32>,
    /// How many the client has.
    pub namespaces: usize,
    pub transports: Vec<TransportKind>,
    /// Whether the shell sees the status of a WebSocket that is refused; a browser does not.
    pub tells_status: bool,
    pub takeover: bool,
    /// Events that the client may hold.
    pub held: usize,
    /// Whether the application makes good what it missed, and has events wait meanwhile.
    pub resyncs: Vec<bool>,
    /// Whether events of some name wait for their listener now and then.
    pub holds: bool,
    /// The server's `pingInterval` and `pingTimeout`.
    pub heartbeat: (u64, u64),
    /// Whether the server has connection state recovery, and its `maxDisconnectionDuration`.
    pub keeps: Option<u64>,
    pub skips_middlewares: bool,
    /// So many CONNECTs go by until one is refused, about.
    pub refuses: u64,
    /// A message is on its way for less than this.
    pub latency: u64,
    /// Something goes wrong once in so many milliseconds, about.
    pub troubles: u64,
    /// An event is sent once in so many milliseconds, about; and in quiet times.
    pub events: (u64, u64),
    /// Whether the server's process is stopped now and then, and goes on where it was.
    pub stops: bool,
    /// How many servers there are.
    pub nodes: usize,
    /// Whether these have their events and sessions in common.
    pub is_cluster: bool,
    /// Whether they give a session that nobody has claimed the name of the last one.
    pub lies: bool,
    /// Making good what was missed takes less than this.
    pub reload: u64,
    /// Whether sessions are stored for the next process.
    pub stores: bool,
    /// A lazy shell lets things wait for less than this.
    pub late: u64,
    /// A connection is slower than another one by less than this.
    pub lag: u64,
    /// How long it goes on.
    pub wild: u64,
}

impl Plan {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, 0);
        let mut plan = Self::plain(seed);
        plan.grown = true;
        plan.namespaces = 1 + dice.roll(SPACES as u64) as usize;
        plan.held = [20, 10_000][dice.roll(2) as usize];
        plan.late = if dice.one_in(4) { 1 + dice.roll(100) } else { 0 };
        // Of a connection that has ended nobody can ask how far its events had come: who stores that looks at once.
        plan.lag = [0, 0, 300][dice.roll(3) as usize];
        plan.resyncs = (0..plan.namespaces).map(|_| dice.one_in(3)).collect();
        plan.lies = dice.one_in(4);
        if dice.one_in(4) {
            (plan.held, plan.reload) = (4, 60_000);
        }
        plan.holds = dice.one_in(3);
        // What waits matters most to the next process.
        plan.stores |= plan.holds && dice.one_in(2);
        plan.judged = !dice.one_in(8);
        if plan.judged {
            let policies = [BufferPolicy::Refuse, BufferPolicy::DropOldest, BufferPolicy::DropNewest];
            plan.policy = policies[dice.roll(3) as usize];
            // A lazy shell would be told too late.
            plan.tells_unsent = dice.one_in(4) && plan.late == 0;
            plan.window = dice.one_in(3).then(|| [1, 4, 16][dice.roll(3) as usize]);
        }
        plan
    }

    /// As it was before what becomes of emits was judged.
    #[must_use]
    pub fn unjudged(self) -> Self {
        Self { judged: false, tells_unsent: false, policy: BufferPolicy::Refuse, window: None, ..self }
    }

    /// One client that lives for so many hours.
    pub(crate) fn day(seed: u64, hours: u64) -> Self {
        Self { stores: false, wild: hours * 3_600_000, ..Self::new(seed) }
    }

    /// By how much what arrives may be heard later.
    pub(super) const fn lateness(&self) -> u64 {
        20 * self.late
    }

    /// As the first worlds were.
    #[must_use]
    pub fn plain(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(37));
        let (websocket, polling) = (TransportKind::WebSocket, TransportKind::Polling);
        let transports = match dice.roll(6) {
            0 => vec![polling],
            1 => vec![polling, websocket],
            2 => vec![websocket, polling],
            _ => vec![websocket],
        };
        let tells_status = !dice.one_in(3);
        let takeover = !dice.one_in(6);
        let mut plan = Self {
            grown: false,
            judged: false,
            tells_unsent: false,
            policy: BufferPolicy::Refuse,
            window: None,
            namespaces: 2,
            transports,
            tells_status,
            takeover,
            held: [60, 10_000][dice.roll(2) as usize],
            resyncs: vec![dice.one_in(4), dice.one_in(2)],
            holds: false,
            heartbeat: [(25_000, 20_000), (3000, 3000), (6000, 3000)][dice.roll(3) as usize],
            keeps: (!dice.one_in(12)).then(|| [10_000, 120_000][dice.roll(2) as usize]),
            skips_middlewares: dice.one_in(2),
            refuses: 5 + dice.roll(100),
            latency: [10, 60, 400][dice.roll(3) as usize],
            troubles: 4000 + dice.roll(40_000),
            events: (100 + dice.roll(1000), 20_000 + dice.roll(100_000)),
            // Who does not ask cannot know.
            stops: takeover,
            nodes: if dice.one_in(3) { 2 } else { 1 },
            is_cluster: false,
            lies: false,
            reload: 3000,
            stores: dice.one_in(4),
            late: 0,
            lag: 0,
            wild: 3_600_000,
        };
        plan.is_cluster = plan.nodes > 1 && plan.keeps.is_some() && dice.one_in(2);
        plan
    }
}
