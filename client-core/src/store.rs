//! What is known of the store in which a namespace's emits are kept.

/// How far it is, and which ack ids it has reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store {
    /// Nothing is sent before it is kept.
    pub(crate) stored_first: bool,
    state: State,
    /// Ack ids below it are ours.
    reserved: u64,
    /// Asked for.
    asked: u64,
    /// The lowest that the shell took for an emit that it has not handed in yet, and the last that it took.
    taken: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    /// Another process has it. Ack ids from this one on were used here meanwhile.
    Elsewhere {
        since: u64,
    },
}

/// Ack ids that are reserved at once, and how many are left when more are asked for.
const BLOCK: u64 = 1024;
const LEFT: u64 = BLOCK / 2;

impl Store {
    pub(crate) const fn new(stored_first: bool) -> Self {
        Self { stored_first, state: State::Opening, reserved: 0, asked: 0, taken: None }
    }

    pub(crate) const fn is_opening(self) -> bool {
        matches!(self.state, State::Opening)
    }

    pub(crate) const fn is_open(self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Ids below `next` may be used up.
    pub(crate) const fn open(&mut self, next: u64) {
        (self.state, self.reserved, self.asked, self.taken) = (State::Open, next, next, None);
    }

    pub(crate) const fn is_elsewhere(self) -> bool {
        matches!(self.state, State::Elsewhere { .. })
    }

    /// `next` is the ack id that is used next.
    pub(crate) const fn follow(&mut self, next: u64) {
        if !self.is_elsewhere() {
            self.state = State::Elsewhere { since: next };
        }
    }

    /// Whether ids below `next` were used that the process that has it may have used as well.
    pub(crate) const fn shares_ids(self, next: u64) -> bool {
        matches!(self.state, State::Elsewhere { since } if since < next)
    }

    /// Whether an ack id may be used.
    pub(crate) const fn allows(self, id: u64) -> bool {
        match self.state {
            State::Opening => false,
            State::Open => id < self.reserved,
            State::Elsewhere { .. } => true,
        }
    }

    /// Up to where ids are to be reserved now.
    pub(crate) fn reserve(&mut self, next: u64) -> Option<u64> {
        if !self.is_open() || next + LEFT < self.asked {
            return None;
        }
        self.asked = self.asked.max(next) + BLOCK;
        Some(self.asked)
    }

    pub(crate) fn reserved(&mut self, up_to: u64) {
        self.reserved = self.reserved.max(up_to);
    }

    /// What was asked for last was not reserved: it is asked for again.
    pub(crate) const fn not_reserved(&mut self) {
        self.asked = self.reserved;
    }

    /// What is stored under ids below `next` is handed in one by one, from the lowest on.
    pub(crate) fn hands_in(&mut self, next: u64) {
        self.taken = next.checked_sub(1).map(|last| (0, last));
    }

    /// The shell takes an id for an emit that it hands in later.
    pub(crate) fn take(&mut self, id: u64) {
        self.taken = Some((self.taken.map_or(id, |(first, _)| first), id));
    }

    /// It has handed in the emit with this id. They come in order.
    pub(crate) fn took(&mut self, id: u64) {
        if let Some((first, last)) = self.taken
            && id >= first
        {
            self.taken = (id < last).then_some((id + 1, last));
        }
    }

    /// The lowest id that was taken and not handed in.
    pub(crate) const fn given(self) -> Option<u64> {
        match self.taken {
            Some((first, _)) => Some(first),
            None => None,
        }
    }
}
