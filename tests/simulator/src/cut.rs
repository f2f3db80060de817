//! Where a WebSocket breaks: at any byte of what is on its way. What went before it arrives; of the frame that it hits nothing
//! does.

use crate::dice::Dice;

/// A frame that is on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// When it arrives, and its number, in the order of what was sent.
    pub(crate) at: u64,
    pub(crate) count: u64,
    pub(crate) bytes: usize,
    /// It holds bytes that belong to a packet before it.
    pub(crate) is_attachment: bool,
}

/// Of one way of a connection.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// Frames that still arrive.
    pub(crate) spared: Vec<u64>,
    /// When the last of them does.
    pub(crate) last: u64,
    pub(crate) inside_frame: bool,
    /// A packet arrives, or has arrived, whose attachments do not.
    pub(crate) inside_packet: bool,
}

/// What a frame of so many bytes takes; a client's are masked.
pub(crate) const fn frame_bytes(payload: usize, masked: bool) -> usize {
    let length = match payload {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    length + if masked { 4 } else { 0 } + payload
}

/// Cuts what is on its way, in the order in which it was sent.
pub(crate) fn cut(frames: &[Frame], dice: &mut Dice) -> Cut {
    let total: usize = frames.iter().map(|frame| frame.bytes).sum();
    let mut left = dice.roll(total as u64 + 1) as usize;
    let mut cut = Cut::default();
    for frame in frames {
        if left < frame.bytes {
            cut.inside_frame = left > 0;
            cut.inside_packet = frame.is_attachment;
            break;
        }
        left -= frame.bytes;
        cut.last = frame.at;
        cut.spared.push(frame.count);
    }
    cut
}
