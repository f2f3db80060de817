//! The type of an Engine.IO packet.

use bytestring::ByteString;
use socketio_client_core::codec::{Codec as _, Json};
use socketio_client_core::engine::PacketType;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let found = PacketType::of(text);
    assert_eq!(found, Json.packet_type(&ByteString::from(text)));
    let first = text.bytes().next();
    assert_eq!(found.is_ok(), matches!(first, Some(b'0'..=b'6' | b'b')), "{text:?}");
    assert_eq!(found == Ok(PacketType::ProbePong), text == "3probe");
    if let Err(error) = found {
        assert!(error.to_string().len() < 512, "an error repeats what came: {error}");
    }
}
