//! Events that `sio connect` may answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use socketio_client_native::Message;

/// Events, and bytes of them, that wait for `{"ack":N}`. Beyond it the oldest can no longer be answered.
const MAX_QUESTIONS: usize = 10_000;
const MAX_QUESTION_BYTES: usize = 16 << 20;

/// Events that may be answered, by the number under which they were printed.
#[derive(Default)]
pub(crate) struct Questions {
    last: u64,
    open: BTreeMap<u64, Message>,
    bytes: usize,
}

impl Questions {
    pub(crate) fn ask(&mut self, message: Message) -> u64 {
        self.last += 1;
        self.bytes += weight(&message);
        self.open.insert(self.last, message);
        while self.open.len() > MAX_QUESTIONS || (self.bytes > MAX_QUESTION_BYTES && self.open.len() > 1) {
            let Some((_, oldest)) = self.open.pop_first() else { break };
            self.bytes = self.bytes.saturating_sub(weight(&oldest));
        }
        self.last
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<Message> {
        let message = self.open.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(weight(&message));
        Some(message)
    }
}

fn weight(message: &Message) -> usize {
    let attachments = message.attachments().iter().map(bytes::Bytes::len).sum::<usize>();
    message.args_json().len() + attachments
}

pub(crate) fn lock(questions: &Mutex<Questions>) -> MutexGuard<'_, Questions> {
    questions.lock().unwrap_or_else(PoisonError::into_inner)
}
