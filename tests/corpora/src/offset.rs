//! Offsets: what is read is what is written, and nothing else is an offset.

use socketio_client_core::{Offset, Shape};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Some(offset) = Offset::parse(text) else { return };
    assert_eq!(offset.to_text(), text);
    assert_eq!(offset.to_string(), text);
    let longest = match offset.shape {
        Shape::Memory => 12,
        Shape::Stream | Shape::Mongo => 24,
    };
    assert!(text.len() <= longest, "{text}");
}
