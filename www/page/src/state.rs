//! What the page knows: the conversations, who is here, and how the connection is.

use std::collections::BTreeMap;

use crate::chat::{Delivered, Left, Text, Who};
use crate::socketio::{Fate, Gap, GapReason};

/// Lines kept of each conversation.
const LINES: usize = 1000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Conversation {
    Room(String),
    Person(String),
}

pub(crate) enum Line {
    Text {
        id: String,
        from: String,
        text: String,
        at: f64,
        delivery: Option<Delivery>,
        came: Came,
    },
    Note(String),
    /// Here something may be missing.
    Gap,
}

/// When a message reached us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    Live,
    /// With the session that was resumed.
    Recovered,
    /// From the server's history, because it was asked for.
    Loaded,
}

/// Messages that may be missing, until somebody has said what to do about them.
pub(crate) struct Missed {
    /// The room that we were in.
    pub(crate) room: String,
    /// In milliseconds since 1970.
    pub(crate) since: f64,
    /// In milliseconds.
    pub(crate) outage: f64,
    pub(crate) reason: GapReason,
    pub(crate) loading: bool,
    /// Why the history could not be loaded.
    pub(crate) problem: String,
}

impl Line {
    fn is_of(&self, message: &str, author: &str) -> bool {
        matches!(self, Self::Text { id, from, .. } if id == message && from == author)
    }
}

/// What became of a message of ours.
pub(crate) struct Delivery {
    /// As the client knows it.
    fate: Fate,
    /// How many people the server sent it to, once the server has said so.
    to: Option<usize>,
    /// Whose ack has come.
    by: Vec<String>,
    /// Why nothing was said of that.
    cause: Option<String>,
    /// Also if this page is gone.
    pub(crate) stored: bool,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { fate: Fate::Held, to: None, by: Vec::new(), cause: None, stored: false }
    }
}

impl Delivery {
    /// The server has not answered it yet.
    pub(crate) fn waits(&self) -> bool {
        self.to.is_none() && !self.fate.is_final()
    }

    /// Why nobody gets it. What may have arrived has not failed, whatever the reason that it was not answered.
    fn failed(&self) -> Option<&str> {
        let cause = self.cause.as_deref();
        match self.fate {
            Fate::Refused | Fate::Expired | Fate::Dropped | Fate::Cancelled => {
                Some(cause.unwrap_or(self.fate.as_str()))
            }
            // The server's own word.
            Fate::Acknowledged => cause,
            _ => None,
        }
    }

    fn is_with_all(&self) -> bool {
        self.to.is_some_and(|to| !self.by.is_empty() && self.by.len() >= to)
    }

    /// The name of its icon.
    pub(crate) fn icon(&self) -> &'static str {
        match self.fate {
            _ if self.failed().is_some() => "failed",
            _ if self.is_with_all() => "two",
            _ if self.to.is_some() => "one",
            Fate::InFlight { .. } => "flight",
            Fate::Uncertain { .. } => "unknown",
            Fate::Acknowledged => "one",
            _ => "held",
        }
    }

    /// What the icon says, in words.
    pub(crate) fn words(&self) -> String {
        match (self.failed(), self.to) {
            (Some(cause), _) => format!("Not sent: {cause}"),
            (None, None) => match self.fate {
                Fate::InFlight { attempt: 1 } => "In flight: the server has not answered yet".to_owned(),
                Fate::InFlight { attempt } => {
                    format!("In flight for the {attempt}. time: the server has not answered yet")
                }
                Fate::Uncertain { .. } => "Uncertain: it was sent, and no answer will come".to_owned(),
                Fate::Acknowledged => "The server has it".to_owned(),
                _ if self.stored => "Held, also if this page ends, until the server has it".to_owned(),
                _ => "Held until the server has it".to_owned(),
            },
            (None, Some(0)) if self.by.is_empty() => "The server has it; nobody else is here".to_owned(),
            (None, Some(to)) if self.by.is_empty() => {
                format!("The server has it; delivered to none of {to} yet")
            }
            (None, Some(to)) if self.by.len() < to => {
                format!("Delivered to {}; {to} in all", self.by.join(", "))
            }
            (None, Some(_)) => format!("Delivered to {}", self.by.join(", ")),
        }
    }

    /// The words that are worth showing without being asked.
    pub(crate) fn short(&self) -> String {
        match (self.failed(), self.to) {
            (Some(cause), _) => cause.to_owned(),
            (None, None) => self.fate_name().to_owned(),
            (None, Some(_)) if self.is_with_all() => "delivered".to_owned(),
            (None, Some(to)) if to > 1 => format!("acknowledged, {} of {to}", self.by.len()),
            (None, Some(_)) => "acknowledged".to_owned(),
        }
    }

    fn fate_name(&self) -> &'static str {
        match self.fate {
            Fate::InFlight { .. } => "in flight",
            fate => fate.as_str(),
        }
    }
}

/// How the connection is.
pub(crate) enum Link {
    Connecting,
    Connected(String),
    Down { reason: String, next: Next },
}

/// When a lost connection is tried again.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    Unknown,
    /// Attempt number, and its time in milliseconds since 1970.
    At(u32, f64),
    Now(u32),
    Never,
}

pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) room: String,
    pub(crate) open: Conversation,
    pub(crate) who: Who,
    pub(crate) lines: BTreeMap<Conversation, Vec<Line>>,
    pub(crate) unread: BTreeMap<Conversation, usize>,
    /// Until when we believe that somebody is typing.
    pub(crate) typing: BTreeMap<String, f64>,
    pub(crate) link: Link,
    pub(crate) cut: bool,
    /// What an earlier page wrote, and the server has not answered yet.
    pub(crate) left: Vec<String>,
    pub(crate) gap: Option<Missed>,
}

impl State {
    pub(crate) fn new(name: String, room: String) -> Self {
        Self {
            open: Conversation::Room(room.clone()),
            name,
            room,
            who: Who::default(),
            lines: BTreeMap::new(),
            unread: BTreeMap::new(),
            typing: BTreeMap::new(),
            link: Link::Connecting,
            cut: false,
            left: Vec::new(),
            gap: None,
        }
    }

    /// The lines of the conversation on show.
    pub(crate) fn shown(&self) -> &[Line] {
        self.lines.get(&self.open).map_or(&[], Vec::as_slice)
    }

    /// Messages of ours that the server has not answered yet: id, text, and what is known.
    pub(crate) fn outbox(&self) -> impl Iterator<Item = (&str, &str, &Delivery)> {
        self.lines.values().flatten().filter_map(|line| match line {
            Line::Text { id, text, delivery: Some(delivery), .. } if delivery.waits() => {
                Some((id.as_str(), text.as_str(), delivery))
            }
            _ => None,
        })
    }

    pub(crate) fn push(&mut self, conversation: Conversation, line: Line) {
        if conversation != self.open && matches!(line, Line::Text { .. }) {
            *self.unread.entry(conversation.clone()).or_default() += 1;
        }
        let lines = self.lines.entry(conversation).or_default();
        if lines.len() == LINES {
            lines.remove(0);
        }
        lines.push(line);
    }

    /// A message from somebody else; the same one may come twice where its sender missed the first ack.
    /// Returns the conversation that has a new line.
    pub(crate) fn receive(&mut self, message: Text) -> Option<Conversation> {
        let Text { id, from, room, text, at, recovered } = message;
        let conversation = room.map_or_else(|| Conversation::Person(from.clone()), Conversation::Room);
        let lines = self.lines.get(&conversation).map_or(&[][..], Vec::as_slice);
        if lines.iter().rev().any(|line| line.is_of(&id, &from)) {
            return None;
        }
        let came = if recovered { Came::Recovered } else { Came::Live };
        self.typing.remove(&from);
        self.push(conversation.clone(), Line::Text { id, from, text, at, delivery: None, came });
        Some(conversation)
    }

    /// Messages of our room may be missing: the place where they belong is kept.
    pub(crate) fn missed(&mut self, gap: &Gap) {
        let since = gap.since.as_secs_f64() * 1000.0;
        let until = gap.until.as_secs_f64() * 1000.0;
        let earlier = self.gap.take().filter(|missed| missed.room == self.room);
        // What was missed before is still missing.
        let since = earlier.as_ref().map_or(since, |missed| missed.since.min(since));
        let outage = earlier.as_ref().map_or(gap.outage.as_secs_f64() * 1000.0, |_| (until - since).max(0.0));
        let loading = earlier.is_some_and(|missed| missed.loading);
        let room = self.room.clone();
        self.push(Conversation::Room(room.clone()), Line::Gap);
        let problem = String::new();
        self.gap = Some(Missed { room, since, outage, reason: gap.reason, loading, problem });
    }

    /// What the server remembers of a room comes to its place: behind the messages that it followed there, and not before the
    /// first gap.
    pub(crate) fn fill(&mut self, room: &str, messages: Vec<Text>) {
        self.gap.take_if(|missed| missed.room == room);
        let conversation = Conversation::Room(room.to_owned());
        let lines = self.lines.entry(conversation.clone()).or_default();
        let mut place = lines.iter().position(|line| matches!(line, Line::Gap)).unwrap_or(lines.len());
        let mut new = 0;
        // Of a server that sends more than is kept, the newest.
        let excess = messages.len().saturating_sub(LINES);
        for Text { id, from, text, at, .. } in messages.into_iter().skip(excess) {
            if let Some(known) = lines.iter().position(|line| line.is_of(&id, &from)) {
                place = place.max(known + 1);
            } else if from != self.name {
                lines.insert(place, Line::Text { id, from, text, at, delivery: None, came: Came::Loaded });
                place += 1;
                new += 1;
            }
        }
        lines.retain(|line| !matches!(line, Line::Gap));
        lines.drain(..lines.len().saturating_sub(LINES));
        if conversation != self.open && new > 0 {
            *self.unread.entry(conversation).or_default() += new;
        }
    }

    /// A message of an earlier page is settled: it is shown as if it had been written now.
    pub(crate) fn settled(&mut self, left: Left, fate: Fate, result: Result<usize, String>, at: f64) {
        let Left { id, room, to, text } = left;
        let conversation =
            room.map_or_else(|| Conversation::Person(to.unwrap_or_default()), Conversation::Room);
        let (from, delivery) = (self.name.clone(), Some(Delivery { fate, ..Delivery::default() }));
        let open = std::mem::replace(&mut self.open, conversation.clone());
        self.push(conversation, Line::Text { id: id.clone(), from, text, at, delivery, came: Came::Live });
        self.open = open;
        match result {
            Ok(to) => self.sent(&id, to),
            Err(cause) => self.not_sent(&id, cause),
        }
    }

    pub(crate) fn sent(&mut self, id: &str, to: usize) {
        if let Some(delivery) = self.delivery(id) {
            delivery.to = Some(to);
        }
    }

    pub(crate) fn fate(&mut self, id: &str, fate: Fate) {
        if let Some(delivery) = self.delivery(id) {
            delivery.fate = fate;
        }
    }

    pub(crate) fn stored(&mut self, id: &str) {
        if let Some(delivery) = self.delivery(id) {
            delivery.stored = true;
        }
    }

    pub(crate) fn not_sent(&mut self, id: &str, cause: String) {
        if let Some(delivery) = self.delivery(id) {
            delivery.cause = Some(cause);
        }
    }

    pub(crate) fn delivered(&mut self, delivered: &Delivered) {
        if let Some(delivery) = self.delivery(&delivered.id)
            && !delivery.by.contains(&delivered.by)
        {
            delivery.by.push(delivered.by.clone());
        }
    }

    fn delivery(&mut self, wanted: &str) -> Option<&mut Delivery> {
        self.lines.values_mut().flatten().rev().find_map(|line| match line {
            Line::Text { id, delivery: Some(delivery), .. } if id == wanted => Some(delivery),
            _ => None,
        })
    }

    /// Takes the new list, and notes who came to our room and who left it.
    pub(crate) fn seen(&mut self, who: Who) {
        let here = |who: &Who| -> Vec<String> {
            let here = who.people.iter().filter(|place| place.room == self.room && place.name != self.name);
            here.map(|place| place.name.clone()).collect()
        };
        let (before, now) = (here(&self.who), here(&who));
        // Before the first list, and in a room that we have just entered, nobody "came".
        let was_here =
            |who: &Who| who.people.iter().any(|place| place.name == self.name && place.room == self.room);
        let came = now.iter().filter(|name| !before.contains(name)).map(|name| format!("{name} is here"));
        let left = before.iter().filter(|name| !now.contains(name)).map(|name| format!("{name} left"));
        let notes: Vec<String> = if was_here(&self.who) { came.chain(left).collect() } else { Vec::new() };
        for note in notes {
            self.push(Conversation::Room(self.room.clone()), Line::Note(note));
        }
        self.typing.retain(|name, _| now.contains(name));
        self.who = who;
    }
}
