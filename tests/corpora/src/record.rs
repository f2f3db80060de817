//! Records of the outbox: no two forms for one meaning.

use bytes::Bytes;
use crc::{CRC_32_ISCSI, Crc};
use socketio_client_core::Record;

/// Before and behind a record's content.
const HEAD: usize = 5;
const TAIL: usize = 4;

/// The bytes as they are, then as the content of a record whose length and checksum fit.
pub(crate) fn run(data: &[u8]) {
    check(data);
    check(&fitted(data));
}

/// A record with this content.
pub(crate) fn fitted(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEAD + content.len() + TAIL);
    bytes.push(1);
    bytes.extend(length.to_le_bytes());
    bytes.extend(content);
    let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn check(bytes: &[u8]) {
    match Record::decode(Bytes::copy_from_slice(bytes)) {
        Ok(record) => assert_eq!(record.encode().as_deref(), Ok(bytes), "{record:?}"),
        Err(error) => drop(error.to_string()),
    }
}
