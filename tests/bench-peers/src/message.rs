//! The 64-byte message and the checksum over a run of them.

use serde::{Deserialize, Serialize};

/// Bytes of a message's JSON: `{"n":1000000,"text":"…"}`.
pub const PAYLOAD: usize = 64;
/// The first number; all numbers have seven digits, so that all messages have the same length.
pub const FIRST_N: u64 = 1_000_000;
/// Numbers come round after this many.
const NUMBERS: u64 = 1_000_000;
/// Emits between two flushes of a contestant that can choose.
pub const WINDOW: u64 = 256;
/// Requests that wait for their answer at once in `ack64`.
pub const IN_FLIGHT: usize = 64;
const TEXT: usize = PAYLOAD - r#"{"n":1000000,"text":""}"#.len();

/// The message as it is sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Message<'a> {
    /// Counted up by the sender.
    pub n: u64,
    /// A text that belongs to the number.
    pub text: &'a str,
}

/// The message as it is received: an application's type, which owns its text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OwnedMessage {
    /// See [`Message::n`].
    pub n: u64,
    /// See [`Message::text`].
    pub text: String,
}

/// The texts that messages carry.
#[derive(Debug)]
pub struct Texts(Vec<String>);

impl Default for Texts {
    fn default() -> Self {
        Self(
            (0..256_u32)
                .map(|i| format!("{:08x}{}", i.wrapping_mul(0x9e37_79b9), "x".repeat(TEXT - 8)))
                .collect(),
        )
    }
}

impl Texts {
    /// The message with index `i`.
    #[must_use]
    pub fn message(&self, i: u64) -> Message<'_> {
        let n = FIRST_N + i % NUMBERS;
        Message { n, text: &self.0[(n % 256) as usize] }
    }
}

/// Counts messages and sums them up so that a lost, doubled, changed or misplaced one shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Depends on every number, on the start and length of every text, and on the order.
    pub sum: u64,
}

impl Tally {
    /// Adds one message.
    pub fn add(&mut self, n: u64, text: &str) {
        let head = text.as_bytes().first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head));
        self.count += 1;
        self.sum = self.sum.rotate_left(5) ^ head.wrapping_add(n).wrapping_add(text.len() as u64);
    }

    /// The tally of the messages with an index in `range`.
    #[must_use]
    pub fn of(texts: &Texts, range: std::ops::Range<u64>) -> Self {
        let mut tally = Self::default();
        for i in range {
            let message = texts.message(i);
            tally.add(message.n, message.text);
        }
        tally
    }
}

/// The server's answer to `flood` and `report`: what it sent or received since the last one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Done {
    /// Events sent (`flood`) or events and requests received (`report`).
    pub count: u64,
    /// Their checksum.
    pub sum: u64,
    /// CPU time of the server since its last answer, in nanoseconds.
    pub cpu_ns: u64,
}

impl Done {
    /// An error that names both sides, unless they agree.
    ///
    /// # Errors
    /// Counts or checksums differ.
    pub fn agrees(&self, ours: Tally, expected: u64) -> Result<(), String> {
        if ours.count == expected && self.count == expected && self.sum == ours.sum {
            return Ok(());
        }
        Err(format!(
            "expected {expected}; client counted {} (sum {:x}), server {} (sum {:x})",
            ours.count, ours.sum, self.count, self.sum
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_the_same_length() {
        let texts = Texts::default();
        for i in [0, 1, 255, 256, NUMBERS - 1, NUMBERS] {
            assert_eq!(serde_json::to_string(&texts.message(i)).unwrap().len(), PAYLOAD);
        }
    }

    #[test]
    fn the_sum_shows_a_swap_and_a_loss() {
        let texts = Texts::default();
        let whole = Tally::of(&texts, 0..10);
        let mut swapped = Tally::default();
        for i in [0, 1, 2, 4, 3, 5, 6, 7, 8, 9] {
            swapped.add(texts.message(i).n, texts.message(i).text);
        }
        assert_ne!(whole, swapped);
        assert_ne!(whole, Tally::of(&texts, 0..9));
    }
}
