//! Events on their way from the driver to the dispatcher.

use crate::shared::Event;
use crate::sync::{self, Queued};

pub(crate) type Queue = sync::Queue<Event>;
pub(crate) type Fill<'a> = sync::Fill<'a, Event>;

impl Queued for Event {
    const EVENTS: usize = 4096;
    const BYTES: usize = 16 << 20;

    fn size(&self) -> usize {
        let (Self::Message { payload, .. }
        | Self::Sent { payload, .. }
        | Self::NotSent { payload, .. }
        | Self::Fate { payload: Some(payload), .. }) = self
        else {
            return 0;
        };
        payload.size()
    }
}
