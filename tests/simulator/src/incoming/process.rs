//! The client's process ends, and another one takes up its sessions.

use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{
    Address, Auth, Config, Delivery, GapLevel, Manager, Saved, SocketId, SocketOptions,
};

use super::nodes::HOSTS;
use super::plan::Plan;
use super::shell::Shell;
use super::wire::To;
use super::world::World;
use super::{EPOCH, NAMESPACES};
use crate::coverage::Watcher;
use crate::dice::Dice;
use crate::pace::Pace;

/// A client that has not connected yet.
pub(super) fn start(plan: &Plan, dice: &mut Dice) -> (Manager<Json>, Vec<SocketId>) {
    let mut config = Config::new(HOSTS[0]).unwrap();
    config.others = HOSTS[1..plan.nodes].iter().map(|host| Address::parse(host).unwrap()).collect();
    config.unix_epoch = Duration::from_millis(EPOCH);
    config.transports.clone_from(&plan.transports);
    config.tells_status = plan.tells_status;
    config.recovery_takeover = plan.takeover;
    config.buffer_size = plan.held;
    config.buffer_policy = plan.policy;
    config.tells_unsent = plan.tells_unsent;
    config.gap = if plan.is_cluster { GapLevel::All } else { GapLevel::Likely };
    config.reconnection_delay = Duration::from_millis(20 + dice.roll(1000));
    let mut manager = Manager::new(Json, config, dice.roll(1 << 30));
    let socket = |(space, name): (usize, &&str)| {
        let window = plan.window.filter(|_| space == 0);
        let delivery =
            Delivery { retries: window.map(|_| u32::MAX), retry_window: window, ..Delivery::default() };
        manager.socket(name, SocketOptions { saves: plan.stores, ..delivery.options(Auth::None, "") })
    };
    let sockets: Vec<_> = NAMESPACES[..plan.namespaces].iter().enumerate().map(socket).collect();
    for (socket, on) in sockets.iter().zip(&plan.resyncs) {
        manager.set_resync(*socket, *on);
        manager.observe_fates(*socket, plan.judged);
    }
    (manager, sockets)
}

impl World {
    /// How far the events have come is stored behind the listeners.
    pub(super) fn store(&mut self) {
        if !self.plan.stores {
            return;
        }
        for (socket, stored) in self.sockets.iter().copied().zip(&mut self.stored) {
            if let (Some(Saved::Session(_)), Some(session)) = (&stored, self.manager.saved_session(socket)) {
                *stored = Some(self.holding.heard(socket, session));
                if !self.holding.waits(socket) {
                    self.laws[socket.number() as usize].marked();
                }
            }
        }
    }

    /// The process is killed, and another one is there. False if it would not know that it has missed anything.
    pub(super) fn restart(&mut self) -> bool {
        let sessions =
            self.stored.iter().all(|stored| matches!(stored, Some(Saved::Session(_) | Saved::Claimed)));
        if !sessions {
            return false;
        }
        if self.plan.late > 0 {
            self.run_shell();
        }
        self.ledger.ended();
        self.shell = Shell::default();
        self.shell.heard = self.now;
        let told = self.dice.one_in(2);
        for conn in std::mem::take(&mut self.wire.live) {
            self.wire.lose(conn, To::Client);
            if told {
                let time = self.now + self.dice.roll(200);
                self.wire.at(time, super::wire::Arrival::ServerSees(conn));
            } else {
                self.wire.lose(conn, To::Server);
            }
        }
        (self.manager, self.sockets) = start(&self.plan, &mut self.dice);
        let before = std::mem::replace(&mut self.stored, vec![None; self.plan.namespaces]);
        (self.watcher, self.pace) = (Watcher::default(), Pace::default());
        let waited: Vec<_> = self.sockets.iter().map(|socket| self.holding.waits(*socket)).collect();
        if waited.contains(&true) {
            self.figures.count("other processes while some waited");
        }
        self.holding.ended();
        for (space, stored) in before.into_iter().enumerate() {
            let session = match stored {
                Some(Saved::Session(session)) if !self.dice.one_in(6) => Some(session),
                _ => None,
            };
            self.figures.count(if session.is_some() {
                "sessions taken up"
            } else {
                "stores that tell nothing"
            });
            if session.is_none() {
                self.nodes.iter_mut().for_each(|node| node.server.names_anew(space));
            }
            let socket = self.sockets[space];
            // Nobody else may have it meanwhile.
            self.stored[space] = Some(Saved::Claimed);
            if let Some(session) = &session {
                self.holding.restored(socket, session);
            }
            self.manager.restore_session(socket, session);
            self.laws[space].ended(waited[space]);
            self.manager.connect(socket, self.instant());
        }
        self.drain();
        true
    }
}
