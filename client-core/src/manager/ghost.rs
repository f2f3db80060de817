//! Connections that are gone for us, and perhaps not for the server.

use alloc::string::String;
use alloc::vec::Vec;

use crate::engine::url::Address;
use crate::io::TransportId;
use crate::saved::Carrier;

pub(super) struct Ghost {
    /// Names it in the namespaces that it carried.
    pub(super) id: TransportId,
    pub(super) sid: String,
    pub(super) carrier: Carrier,
    /// Where it was. `None`: not known, so it is taken for the one that is tried next.
    address: Option<Address>,
    asked: Asked,
}

/// Whether a server has been asked about a connection, in one attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    NotYet,
    Once,
    /// It could not be reached. If it is reached a moment later, it is asked once more.
    InVain,
    Again,
    Twice,
}

impl Ghost {
    pub(super) const fn new(
        id: TransportId,
        sid: String,
        carrier: Carrier,
        address: Option<Address>,
    ) -> Self {
        Self { id, sid, carrier, address, asked: Asked::NotYet }
    }

    fn is_at(&self, address: &Address) -> bool {
        self.address.as_ref().is_none_or(|known| known.is_same_server(address))
    }
}

/// A namespace waits for one at most. Mostly it is one for all: a second one comes where a namespace was refused on the
/// connection between, and its session is still on the one before.
pub(super) const MOST: usize = 4;

/// The latest of them, as far as namespaces wait for them, the newest last.
#[derive(Default)]
pub(super) struct Ghosts(Vec<Ghost>);

impl Ghosts {
    /// One more, and none that is not `needed` any longer. Those that are `asked` about count for more than those of which
    /// only the place does.
    pub(super) fn push(
        &mut self,
        ghost: Ghost,
        needed: impl Fn(TransportId) -> bool,
        asked: impl Fn(TransportId) -> bool,
    ) {
        self.0.retain(|old| needed(old.id));
        if self.0.len() == MOST {
            self.0.remove(self.0.iter().position(|old| !asked(old.id)).unwrap_or_default());
        }
        self.0.reserve_exact(1);
        self.0.push(ghost);
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn with_sid(&self, sid: &str) -> Option<&Ghost> {
        self.0.iter().find(|ghost| ghost.sid == sid)
    }

    /// Whether it was at another server.
    pub(super) fn is_elsewhere(&self, id: TransportId, address: &Address) -> bool {
        self.0.iter().any(|ghost| ghost.id == id && !ghost.is_at(address))
    }

    /// Another attempt begins.
    pub(super) fn ask_anew(&mut self) {
        for ghost in &mut self.0 {
            ghost.asked = Asked::NotYet;
        }
    }

    /// The one about which this server is to be asked now.
    pub(super) fn ask(&mut self, address: &Address, helps: impl Fn(TransportId) -> bool) -> Option<&Ghost> {
        let open = |ghost: &&mut Ghost| matches!(ghost.asked, Asked::NotYet | Asked::Again);
        let mut ghosts = self.0.iter_mut().filter(open);
        let ghost = ghosts.find(|ghost| ghost.is_at(address) && helps(ghost.id))?;
        ghost.asked = if ghost.asked == Asked::NotYet { Asked::Once } else { Asked::Twice };
        Some(ghost)
    }

    /// Nothing was heard of the server, so it need not be asked about another one either.
    pub(super) fn asked_in_vain(&mut self, address: &Address) {
        for ghost in self.0.iter_mut().filter(|ghost| ghost.is_at(address)) {
            ghost.asked = match ghost.asked {
                Asked::NotYet | Asked::Once | Asked::InVain => Asked::InVain,
                Asked::Again | Asked::Twice => Asked::Twice,
            };
        }
    }

    /// There is no time left to ask about the others. If the server is reached, there is some.
    pub(super) fn not_asked(&mut self, address: &Address) {
        for ghost in self.0.iter_mut().filter(|ghost| ghost.asked == Asked::NotYet && ghost.is_at(address)) {
            ghost.asked = Asked::InVain;
        }
    }

    /// It is reached after all. False if there is nothing to ask.
    pub(super) fn ask_again(&mut self) -> bool {
        let mut again = false;
        for ghost in self.0.iter_mut().filter(|ghost| ghost.asked == Asked::InVain) {
            (ghost.asked, again) = (Asked::Again, true);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_which_only_the_place_counts_makes_room_first() {
        let mut ghosts = Ghosts::default();
        let id = |number| TransportId(number);
        for number in 1..=7 {
            let ghost = Ghost::new(id(number), String::new(), Carrier::WebSocket, None);
            ghosts.push(ghost, |old| old != id(2), |old| old != id(3));
        }
        assert_eq!(ghosts.0.iter().map(|ghost| ghost.id).collect::<Vec<_>>(), [4, 5, 6, 7].map(id));
        let ghost = Ghost::new(id(8), String::new(), Carrier::WebSocket, None);
        ghosts.push(ghost, |_| true, |old| old != id(5));
        assert_eq!(ghosts.0.iter().map(|ghost| ghost.id).collect::<Vec<_>>(), [4, 6, 7, 8].map(id));
    }
}
