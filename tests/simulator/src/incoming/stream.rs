//! What a cluster keeps for all of its servers, as Redis streams do: every event under one name, volatile and acked ones too,
//! and sessions that are asked for once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::engine::Emit;
use super::rooms::{Content, Lost, Restored};

pub(super) type Stream = Rc<RefCell<Archive>>;

/// So many events of a namespace are kept.
const LENGTH: usize = 2000;

#[derive(Debug)]
struct Kept {
    number: u64,
    content: Content,
    id: String,
    to_room: bool,
}

#[derive(Debug, Default)]
pub(super) struct Archive {
    log: Vec<Kept>,
    lost: BTreeMap<String, Lost>,
    /// Milliseconds, and how many events were in them.
    last: (u64, u64),
}

impl Archive {
    /// The name of an event, for each server that sends it.
    pub(super) fn keep(&mut self, emit: Emit, content: &Content, clock: u64) -> String {
        let Emit { number, to_room, .. } = emit;
        if let Some(kept) = self.log.iter().rev().find(|kept| kept.number == number) {
            return kept.id.clone();
        }
        let (before, count) = self.last;
        self.last = if clock > before { (clock, 0) } else { (before, count + 1) };
        let id = format!("{}-{}", self.last.0, self.last.1);
        self.log.push(Kept { number, content: content.clone(), id: id.clone(), to_room });
        if self.log.len() > LENGTH {
            self.log.remove(0);
        }
        id
    }

    pub(super) fn persist(&mut self, pid: &str, lost: Lost) {
        self.lost.insert(pid.into(), lost);
    }

    /// What was asked for is not there any more.
    pub(super) fn restore(&mut self, pid: &str, offset: &str, clock: u64, keeps: u64) -> Option<Restored> {
        let Lost { sid, in_room, at } = self.lost.remove(pid)?;
        if at + keeps < clock {
            return None;
        }
        let from = self.log.iter().position(|kept| kept.id == offset)?;
        let missed = self.log[from + 1..].iter().filter(|kept| !kept.to_room || in_room);
        let missed = missed.map(|kept| kept.content.clone().with(&kept.id)).collect();
        Some(Restored { sid, in_room, missed })
    }
}
