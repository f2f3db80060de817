//! A manager, and what is known of everything that it did.

use std::collections::{BTreeMap, BTreeSet};

use socketio_client_core::{
    AckId, Auth, AuthRequest, BufferPolicy, Config, EmitId, Fate, Input, Instant, Manager, ResyncId,
    SocketId, SocketOptions, TransportId, TransportKind,
};

use crate::integer::Integer;
use crate::server::{Proof, Retried};

/// Numbers that depend on the seed only.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the shell knows of a transport.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link {
    WebSocketOpening,
    WebSocketOpen,
    Polling { getting: bool, posting: bool },
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) manager: Manager<Integer>,
    pub(crate) now: Instant,
    pub(crate) links: BTreeMap<TransportId, Link>,
    pub(crate) sockets: Vec<SocketId>,
    /// Emits with ack that have not settled.
    pub(crate) unsettled: BTreeSet<(SocketId, EmitId)>,
    /// Those that were dropped without a word.
    pub(crate) quiet: BTreeSet<(SocketId, EmitId)>,
    /// The number that each plain emit carried, in order.
    pub(crate) accepted: Vec<u32>,
    pub(crate) sent: Vec<u32>,
    pub(crate) next_number: u32,
    pub(crate) connected: BTreeSet<SocketId>,
    pub(crate) proof: Proof,
    pub(crate) flushes: BTreeSet<(SocketId, EmitId)>,
    pub(crate) wanted_acks: Vec<AckId>,
    pub(crate) auth_requests: Vec<AuthRequest>,
    pub(crate) websocket_ping: bool,
    /// Input is handed in together, as far as it has come.
    pub(crate) batches: bool,
    pub(crate) inputs: Vec<Input<Integer>>,
    /// What a kind server answers to what was posted.
    pub(crate) replies: Vec<String>,
    /// `/r` sends again what is not acknowledged.
    pub(crate) retried: Retried,
    /// Messages that must come next, and of which namespace.
    pub(crate) early: Option<(SocketId, usize)>,
    /// Namespaces whose session was left.
    pub(crate) left: BTreeSet<SocketId>,
    /// The last time of each namespace in which its events wait, and those before.
    pub(crate) resyncs: BTreeMap<SocketId, ResyncId>,
    pub(crate) stale_resyncs: Vec<ResyncId>,
    /// What waited is told.
    pub(crate) released: bool,
    /// Namespaces that have just joined: a gap may be told.
    pub(crate) may_tell: BTreeSet<SocketId>,
    /// What was told of each emit last.
    pub(crate) fates: BTreeMap<(SocketId, EmitId), Fate>,
    /// What each WebSocket was handed: bytes, and the packet.
    pub(crate) handed: BTreeMap<TransportId, Vec<(usize, String)>>,
    /// Numbers of which it was told that they never left. They may be sent again.
    pub(crate) stuck: BTreeSet<u32>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut config = Config::new("http://server").unwrap();
        config.transports = match dice.roll(4) {
            0 => vec![TransportKind::WebSocket],
            1 => vec![TransportKind::Polling],
            2 => vec![TransportKind::Polling, TransportKind::WebSocket],
            _ => vec![TransportKind::WebSocket, TransportKind::Polling],
        };
        config.reconnection_attempts = (dice.roll(3) == 0).then_some(2);
        config.buffer_size = 20;
        config.unix_epoch = std::time::Duration::from_millis(scenarios::EPOCH);
        config.ack_timeout = (dice.roll(2) == 0).then_some(std::time::Duration::from_secs(2));
        config.remember_upgrade = dice.roll(2) == 0;
        config.websocket_ping = dice.roll(2) == 0;
        config.tells_unsent = dice.roll(2) == 0;
        config.buffer_policy = match dice.roll(3) {
            0 => BufferPolicy::Refuse,
            1 => BufferPolicy::DropOldest,
            _ => BufferPolicy::DropNewest,
        };
        config.buffer_max_age = (dice.roll(3) == 0).then_some(std::time::Duration::from_secs(20));
        config.retry_delay = std::time::Duration::from_millis(dice.roll(2) * 300);
        let retry_window = Some(1 + u32::try_from(dice.roll(3)).unwrap());
        let websocket_ping = config.websocket_ping;
        let batches = dice.roll(2) == 0;
        let mut manager = Manager::new(Integer, config, seed);
        let limit = u32::try_from(dice.roll(3)).unwrap();
        let sockets = [("/", Auth::None, None), ("/a", Auth::Ask, None), ("/r", Auth::None, Some(limit))]
            .map(|(namespace, auth, retries)| {
                manager.socket(
                    namespace,
                    SocketOptions { auth, retries, retry_window, ..SocketOptions::default() },
                )
            })
            .to_vec();
        sockets.iter().for_each(|socket| manager.observe_fates(*socket, true));
        Self {
            dice,
            manager,
            now: Instant::from_millis(1),
            links: BTreeMap::new(),
            sockets,
            unsettled: BTreeSet::new(),
            quiet: BTreeSet::new(),
            accepted: Vec::new(),
            sent: Vec::new(),
            next_number: 1,
            connected: BTreeSet::new(),
            proof: Proof::default(),
            flushes: BTreeSet::new(),
            wanted_acks: Vec::new(),
            auth_requests: Vec::new(),
            websocket_ping,
            batches,
            inputs: Vec::new(),
            replies: Vec::new(),
            retried: Retried::new(limit),
            early: None,
            left: BTreeSet::new(),
            resyncs: BTreeMap::new(),
            stale_resyncs: Vec::new(),
            released: false,
            may_tell: BTreeSet::new(),
            fates: BTreeMap::new(),
            handed: BTreeMap::new(),
            stuck: BTreeSet::new(),
        }
    }
}
