//! A process with a client in it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    Auth, Config, Delivery, EmitId, EmitOptions, Fate, Input, Instant, Manager, SocketId, TransportId,
    TransportKind,
};

use crate::coverage::Watcher;
use crate::dice::Dice;
use crate::fates::Terms;
use crate::network::Link;
use crate::pace::Pace;
use crate::plan::Plan;

/// Emits that a client holds at most.
pub(crate) const BUFFER: usize = 40;
/// And their bytes.
pub(crate) const BUFFER_BYTES: usize = 500;
/// Namespaces: plain and acked emits, and emits that are sent until they are acknowledged.
pub(crate) const NAMESPACES: [&str; 2] = ["/", "/r"];
/// Numbers of links of one process; those of transports begin anew with each.
const LINKS: u32 = 100_000;

/// One emit of the process that runs.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) number: u64,
    /// Of the payload.
    pub(crate) size: usize,
    /// If it is dropped, that is not told.
    pub(crate) quiet: bool,
    pub(crate) answered: bool,
    pub(crate) fate: Option<Fate>,
    pub(crate) terms: Terms,
    /// The application did not want it any more.
    pub(crate) unwanted: bool,
    /// And that was in time.
    pub(crate) cancelled: bool,
    /// It has ended, and takes room all the same, where it stands in a queue or waits for its answer; until it is gone.
    pub(crate) lingers: bool,
    pub(crate) gone: bool,
}

impl Emitted {
    pub(crate) const fn new(number: u64, size: usize, quiet: bool, terms: Terms) -> Self {
        Self {
            number,
            size,
            quiet,
            answered: false,
            fate: None,
            terms,
            unwanted: false,
            cancelled: false,
            lingers: false,
            gone: false,
        }
    }
}

pub(crate) struct Client {
    /// No other has, or had, this number.
    pub(crate) process: u32,
    pub(crate) manager: Manager<Json>,
    pub(crate) sockets: [SocketId; 2],
    pub(crate) links: BTreeMap<TransportId, Link>,
    pub(crate) dead: Vec<TransportId>,
    pub(crate) emits: BTreeMap<(usize, EmitId), Emitted>,
    /// By namespace: the emit of which something was heard last.
    pub(crate) told: [Option<EmitId>; 2],
    /// By namespace: how often it was left, or its session ended.
    pub(crate) partings: [u32; 2],
    /// The newest link that there was then: over it only what waits there still leaves.
    pub(crate) left: Option<Link>,
    /// Since all was heard: emits that stand in the queue no longer, and those that were answered.
    pub(crate) gone: Vec<(usize, EmitId)>,
    pub(crate) answered: Vec<(usize, EmitId)>,
    /// A transport takes no more for the moment.
    pub(crate) full: bool,
    pub(crate) watcher: Watcher,
    pub(crate) pace: Pace,
    /// What waits in a lazy shell, and when it looks.
    pub(crate) inputs: Vec<Input<Json>>,
    pub(crate) next: Option<u64>,
    /// Its machine sleeps, until then; and its shell tells when it has woken up.
    pub(crate) wakes: Option<u64>,
    pub(crate) tells_waking: bool,
    /// When the application has heard everything, where that is not at once.
    pub(crate) heard: Option<u64>,
}

/// What is asked of an emit.
pub(crate) fn words(options: &EmitOptions<'_>) -> String {
    let EmitOptions { ack, volatile, quiet_drop, max_age, coalesce, .. } = options;
    let named = [
        (*ack, "with ack"),
        (*volatile, "volatile"),
        (*quiet_drop, "dropped quietly"),
        (max_age.is_some(), "for a while"),
        (coalesce.is_some(), "coalesced"),
    ];
    let words: Vec<_> = named.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
    words.join(", ")
}

pub(crate) fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

/// Large ones have a text behind it, others an attachment.
pub(crate) fn number(payload: &Payload) -> u64 {
    let alone = payload.parse::<u64>().ok();
    let with_text = || Some(payload.parse::<(u64, String)>().ok()?.0);
    alone.or_else(with_text).unwrap_or_else(|| payload.parse::<(u64, Bytes)>().unwrap().0)
}

impl Client {
    pub(crate) fn start(plan: &Plan, process: u32, dice: &mut Dice, now: u64) -> Self {
        let mut config = Config::new("http://server").unwrap();
        config.transports = vec![TransportKind::WebSocket];
        config.reconnection_delay = Duration::from_millis(20);
        config.reconnection_delay_max = Duration::from_millis(200);
        config.timeout = Duration::from_secs(1);
        config.connect_timeout = Duration::from_secs(1);
        config.buffer_size = BUFFER;
        config.buffer_bytes = BUFFER_BYTES;
        config.buffer_policy = plan.policy;
        config.ack_timeout = plan.ack_timeout.map(Duration::from_millis);
        config.websocket_ping = plan.ping;
        let mut manager = Manager::new(Json, config, dice.roll(1 << 30));
        let plain = manager.socket(NAMESPACES[0], Delivery::default().options(Auth::None, ""));
        let delivery = Delivery {
            retries: Some(u32::MAX),
            retry_window: Some(plan.window),
            exactly_once: plan.exactly_once,
            durability: plan.store,
        };
        let reliable = manager.socket(NAMESPACES[1], delivery.options(Auth::None, "process"));
        for socket in [plain, reliable] {
            manager.observe_fates(socket, true);
            manager.connect(socket, instant(now));
        }
        let (links, dead, emits) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let sockets = [plain, reliable];
        Self {
            process,
            manager,
            sockets,
            links,
            dead,
            emits,
            told: [None; 2],
            partings: [0; 2],
            left: None,
            gone: Vec::new(),
            answered: Vec::new(),
            full: false,
            watcher: Watcher::default(),
            pace: Pace::default(),
            inputs: Vec::new(),
            next: None,
            wakes: None,
            tells_waking: false,
            heard: (plan.late > 0).then_some(now),
        }
    }

    pub(crate) const fn link(&self, transport: TransportId) -> Link {
        transport.number() + self.process * LINKS
    }

    pub(crate) fn transport(&self, link: Link) -> Option<TransportId> {
        if link / LINKS != self.process {
            return None;
        }
        self.links.iter().find(|(_, of)| **of == link).map(|(transport, _)| *transport)
    }

    /// The transport of a link that this process has closed.
    pub(crate) fn closed(&self, link: Link) -> Option<TransportId> {
        (link / LINKS == self.process).then(|| TransportId::from_number(link % LINKS))
    }

    /// When its timer is due, or its shell looks at what waits, in whole milliseconds.
    pub(crate) fn timer(&self) -> Option<u64> {
        if self.wakes.is_some() || self.next.is_some() {
            return self.wakes.or(self.next);
        }
        let nanos = self.manager.poll_timeout()?.since_epoch().as_nanos();
        Some(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}
