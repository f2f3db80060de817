//! A little that would become a lot. Written by hand: nothing here or in the native client compresses.

use std::sync::LazyLock;

/// Repetitions of 258 bytes: 129 MB, more than any client here allows.
const MANY: usize = 500_000;

/// An event, as permessage-deflate would have it.
pub(crate) static MESSAGE: LazyLock<Vec<u8>> = LazyLock::new(|| deflate(br#"42["flood",""#));
/// A body.
pub(crate) static BODY: LazyLock<Vec<u8>> = LazyLock::new(gzip);

struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// The lowest bit first.
    fn push(&mut self, bits: u32, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(bits >> bit & 1 == 1) << (self.count % 8);
            }
            self.count += 1;
        }
    }

    /// A code of RFC 1951, whose highest bit comes first.
    fn code(&mut self, code: u32, count: usize) {
        for bit in (0..count).rev() {
            self.push(code >> bit & 1, 1);
        }
    }
}

/// One block with fixed codes (RFC 1951, section 3.2.6): a text, then its last byte again and again.
fn deflate(text: &[u8]) -> Vec<u8> {
    let mut bits = Bits { bytes: Vec::new(), count: 0 };
    bits.push(0b011, 3);
    for byte in text {
        // Those below 144 have eight bits.
        bits.code(0x30 + u32::from(*byte), 8);
    }
    for _ in 0..MANY {
        // 258 bytes, one back.
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    // The end.
    bits.code(0, 7);
    bits.bytes
}

/// With a checksum that is none, which is looked at when all is there.
fn gzip() -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(deflate(b"0"));
    gzip.extend([0; 8]);
    gzip
}
