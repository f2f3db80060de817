//! One emit that was accepted, and on what terms.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::event::EmitId;
use crate::fate::Fate;
use crate::retries::Reliable;
use crate::time::Instant;

/// One accepted emit.
#[derive(Debug)]
pub(crate) struct Emit<P> {
    pub(crate) id: EmitId,
    pub(crate) answer: Answer,
    pub(crate) payload: P,
    pub(crate) size: usize,
    /// Dropped with its transport.
    pub(crate) volatile: bool,
    /// [`Event::Sent`](crate::Event::Sent) was told.
    pub(crate) told: bool,
    /// For the few that have any.
    pub(crate) terms: Option<Box<Terms>>,
}

/// On what terms an emit is held.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Until when.
    pub(crate) expires: Option<Instant>,
    /// A newer one with the same key replaces it.
    pub(crate) key: Option<Arc<str>>,
    /// The ticket of the first one that it replaced, which it stands for in the order.
    pub(crate) place: Option<EmitId>,
}

impl Emit<()> {
    /// With its payload again.
    pub(crate) fn with<P>(self, payload: P) -> Emit<P> {
        let Self { id, answer, size, volatile, told, terms, .. } = self;
        Emit { id, answer, payload, size, volatile, told, terms }
    }
}

impl<P> Emit<P> {
    /// The payload, and all else.
    pub(crate) fn split(self) -> (P, Emit<()>) {
        let Self { id, answer, payload, size, volatile, told, terms } = self;
        (payload, Emit { id, answer, payload: (), size, volatile, told, terms })
    }

    /// Where it stands in the order: its ticket, unless it replaced another one.
    pub(crate) fn place(&self) -> EmitId {
        self.terms.as_ref().and_then(|terms| terms.place).unwrap_or(self.id)
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.terms.as_ref()?.key.as_deref()
    }

    pub(crate) fn expires(&self) -> Option<Instant> {
        self.terms.as_ref()?.expires
    }

    pub(crate) fn reliable(&self) -> Option<&Reliable> {
        match &self.answer {
            Answer::Reliable(reliable) => Some(reliable),
            Answer::None | Answer::Id(_) => None,
        }
    }

    pub(crate) fn reliable_mut(&mut self) -> Option<&mut Reliable> {
        match &mut self.answer {
            Answer::Reliable(reliable) => Some(reliable),
            Answer::None | Answer::Id(_) => None,
        }
    }

    /// Whether it was never handed to a transport, and stands in no store.
    pub(crate) fn is_fresh(&self) -> bool {
        self.reliable().is_none_or(Reliable::is_fresh)
    }

    /// What is known when no answer will come any more.
    pub(crate) fn uncertain(&self) -> Fate {
        self.reliable().map_or(Fate::UNCERTAIN, Reliable::uncertain)
    }
}

/// The ack that an emit waits for.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It does not.
    None,
    /// By its id in the namespace's `Acks`.
    Id(u64),
    /// It is sent until its ack comes.
    Reliable(Reliable),
}

impl Answer {
    pub(crate) const fn id(&self) -> Option<u64> {
        match self {
            Self::Id(id) => Some(*id),
            Self::None | Self::Reliable(_) => None,
        }
    }
}
