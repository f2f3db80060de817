//! One emit as bytes that a store keeps.

use alloc::vec::Vec;

use bytes::Bytes;
use bytestring::ByteString;
use crc::{CRC_32_ISCSI, Crc, Table};
use thiserror::Error;

/// The version that is written. Others are not read.
const VERSION: u8 = 1;
/// The version, and the length of what follows without the checksum.
const HEAD: usize = 5;
/// The checksum, over everything before it.
const TAIL: usize = 4;

/// The numbers in a record's body: seq, two times, attempts, three lengths.
const FIXED: u64 = 41;
/// Bytes of a body. Every database takes as much, and so does the memory of every platform.
const LARGEST: u64 = 1 << 29;

/// CRC-32C by 16 tables, 16 KiB: an attachment of 16 MiB takes milliseconds.
static CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// A reliable emit as a store keeps it until it is settled.
///
/// ```
/// use socketio_client_core::Record;
///
/// let record = Record {
///     namespace: "/orders".into(),
///     seq: 17,
///     text: r#"["order","tea",2]"#.into(),
///     attachments: Vec::new(),
///     created_at: 1_795_252_804_095,
///     expires_at: None,
///     attempts: 0,
/// };
/// let bytes = record.encode()?;
/// assert_eq!(Record::decode(bytes.into())?, record);
/// # Ok::<(), socketio_client_core::RecordError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The namespace that it was emitted to.
    pub namespace: ByteString,
    /// Its place in the order of that namespace, and its ack id.
    pub seq: u64,
    /// The event as JSON, with placeholders for attachments.
    pub text: ByteString,
    /// In the order of their numbers.
    pub attachments: Vec<Bytes>,
    /// When it was emitted, in milliseconds since 1970.
    pub created_at: u64,
    /// When it is of no use any more, in milliseconds since 1970.
    pub expires_at: Option<u64>,
    /// How often it had been handed to a transport when it was stored.
    pub attempts: u32,
}

/// Bytes are not a record, or a record does not fit into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There are fewer bytes than the record says, or more.
    #[error("a stored record is {found} bytes long where it should be {expected}: the store was damaged")]
    Length {
        /// Bytes that should be there; the least number if that cannot be known.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A newer version of this library wrote it, or the first byte is damaged.
    #[error(
        "a stored record has version {found}, this library reads version {VERSION}: update it, or the store was damaged"
    )]
    Version {
        /// The version that it says.
        found: u8,
    },
    /// The checksum does not fit.
    #[error("a stored record does not fit its checksum: the store was damaged")]
    Checksum,
    /// The checksum fits, the content does not: it was not written by this library.
    #[error("a stored record has a right checksum and impossible content: another program wrote it")]
    Content,
    /// It is larger than 512 MiB.
    #[error("an emit of {size} bytes cannot be stored: send less than 512 MiB at once")]
    TooLarge {
        /// Bytes that it would take.
        size: u64,
    },
}

impl Record {
    /// The bytes to be stored.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`] from 512 MiB.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let parts = self.attachments.iter().map(|bytes| 4 + bytes.len() as u64);
        let size = FIXED + self.namespace.len() as u64 + self.text.len() as u64 + parts.sum::<u64>();
        let length =
            u32::try_from(size).ok().filter(|_| size < LARGEST).ok_or(RecordError::TooLarge { size })?;
        let mut bytes = Vec::with_capacity(HEAD + length as usize + TAIL);
        bytes.push(VERSION);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.created_at.to_le_bytes());
        bytes.push(u8::from(self.expires_at.is_some()));
        bytes.extend_from_slice(&self.expires_at.unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(&self.attempts.to_le_bytes());
        put(&mut bytes, self.namespace.as_bytes());
        put(&mut bytes, self.text.as_bytes());
        put_length(&mut bytes, self.attachments.len());
        for attachment in &self.attachments {
            put(&mut bytes, attachment);
        }
        let checksum = CHECKSUM.checksum(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote. Text and attachments share the memory of `bytes`.
    ///
    /// # Errors
    /// For all bytes that are not exactly one record.
    pub fn decode(mut bytes: Bytes) -> Result<Self, RecordError> {
        let found = bytes.len() as u64;
        let least = (HEAD + TAIL) as u64;
        let (Some(body), Some((&version, head))) = (bytes.len().checked_sub(TAIL), bytes.split_first())
        else {
            return Err(RecordError::Length { expected: least, found });
        };
        if version != VERSION {
            return Err(RecordError::Version { found: version });
        }
        let Some(length) = head.first_chunk() else {
            return Err(RecordError::Length { expected: least, found });
        };
        let expected = least + u64::from(u32::from_le_bytes(*length));
        if found != expected {
            return Err(RecordError::Length { expected, found });
        }
        let checksum = bytes.split_off(body);
        if *checksum != CHECKSUM.checksum(&bytes).to_le_bytes() {
            return Err(RecordError::Checksum);
        }
        let mut rest = Reader(bytes.split_off(HEAD));
        let record = rest.record().ok_or(RecordError::Content)?;
        if rest.0.is_empty() { Ok(record) } else { Err(RecordError::Content) }
    }
}

/// Of a part of a whole whose length was found to fit.
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u32).to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    put_length(bytes, part.len());
    bytes.extend_from_slice(part);
}

/// What is left to read.
struct Reader(Bytes);

impl Reader {
    fn record(&mut self) -> Option<Record> {
        let seq = u64::from_le_bytes(self.array()?);
        let created_at = u64::from_le_bytes(self.array()?);
        let [expires] = self.array()?;
        let at = u64::from_le_bytes(self.array()?);
        let expires_at = match (expires, at) {
            (0, 0) => None,
            (1, at) => Some(at),
            _ => return None,
        };
        let attempts = u32::from_le_bytes(self.array()?);
        let namespace = self.text()?;
        let text = self.text()?;
        let count = u32::from_le_bytes(self.array()?);
        // Each takes at least its length: a wrong count ends the reading, and allocates nothing before.
        let attachments = (0..count).map(|_| self.part()).collect::<Option<_>>()?;
        Some(Record { namespace, seq, text, attachments, created_at, expires_at, attempts })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.0.first_chunk()?;
        drop(self.0.split_to(N));
        Some(array)
    }

    fn part(&mut self) -> Option<Bytes> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn text(&mut self) -> Option<ByteString> {
        ByteString::try_from(self.part()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn record() -> Record {
        Record {
            namespace: "/é".into(),
            seq: (1 << 53) - 1,
            text: r#"["photo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#.into(),
            attachments: vec![Bytes::from_static(b"\xff\xd8\0"), Bytes::new()],
            created_at: 1_795_252_804_095,
            expires_at: Some(0),
            attempts: 3,
        }
    }

    fn all() -> [Record; 3] {
        let least = Record {
            expires_at: None,
            attachments: Vec::new(),
            namespace: "".into(),
            text: "".into(),
            ..record()
        };
        [record(), Record { expires_at: Some(u64::MAX), attempts: u32::MAX, ..record() }, least]
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for record in all() {
            assert_eq!(Record::decode(record.encode().unwrap().into()), Ok(record));
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let part = Bytes::from(vec![0; 1 << 20]);
        let fits = Record { attachments: vec![part.clone(); 4], ..record() };
        assert_eq!(Record::decode(fits.encode().unwrap().into()), Ok(fits));
        let large = Record { attachments: vec![part.clone(); 512], ..record() };
        assert!(matches!(large.encode(), Err(RecordError::TooLarge { size }) if size > 1 << 29));
        // To the byte. That one less is accepted is not worth its 512 MiB here.
        let other = |bytes: usize| Record {
            attachments: (0..511).map(|_| part.clone()).chain([Bytes::from(vec![0; bytes])]).collect(),
            ..record()
        };
        let Err(RecordError::TooLarge { size }) = other(1 << 20).encode() else { panic!() };
        let exact = other((1 << 20) - usize::try_from(size - LARGEST).unwrap());
        assert!(exact.encode() == Err(RecordError::TooLarge { size: LARGEST }));
    }

    /// Stores hold such bytes: this is the format, and a change of it is a new version.
    #[test]
    fn the_bytes_are_these() {
        let record = Record {
            namespace: "/".into(),
            seq: 1,
            text: "[\"a\"]".into(),
            created_at: 2,
            ..all()[2].clone()
        };
        let mut bytes = vec![1, 47, 0, 0, 0];
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        bytes.extend([1, 0, 0, 0, b'/', 5, 0, 0, 0, b'[', b'"', b'a', b'"', b']', 0, 0, 0, 0]);
        let checksum = CHECKSUM.checksum(&bytes);
        bytes.extend(checksum.to_le_bytes());
        assert_eq!(record.encode(), Ok(bytes));
        assert_eq!(CHECKSUM.checksum(b"123456789"), 0xE306_9283, "the check value of CRC-32C");
    }

    #[test]
    fn a_record_that_was_cut_anywhere_is_refused() {
        for record in all() {
            let bytes = record.encode().unwrap();
            for length in 0..bytes.len() {
                let error = Record::decode(Bytes::copy_from_slice(&bytes[..length])).unwrap_err();
                assert!(
                    matches!(error, RecordError::Length { found, .. } if found == length as u64),
                    "{error:?}"
                );
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(Record::decode(longer.into()), Err(RecordError::Length { .. })));
        }
    }

    #[test]
    fn a_record_with_any_byte_changed_is_refused() {
        for record in all() {
            let bytes = record.encode().unwrap();
            for at in 0..bytes.len() {
                for flip in 1..=u8::MAX {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= flip;
                    Record::decode(bytes.into()).unwrap_err();
                }
            }
        }
    }

    /// Also where somebody has made the checksum fit.
    #[test]
    fn content_that_cannot_be_is_refused_with_a_right_checksum() {
        let good = record().encode().unwrap();
        let body = good.len() - TAIL;
        let mut accepted = 0;
        for at in 1..body {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                let checksum = CHECKSUM.checksum(&bytes[..body]).to_le_bytes();
                bytes[body..].copy_from_slice(&checksum);
                if let Ok(record) = Record::decode(bytes.clone().into()) {
                    assert_eq!(record.encode(), Ok(bytes), "one meaning, one form");
                    accepted += 1;
                }
            }
        }
        assert!(accepted > 0, "a changed number is another record");
        for version in (0..=u8::MAX).filter(|&version| version != VERSION) {
            let mut bytes = good.clone();
            bytes[0] = version;
            assert_eq!(Record::decode(bytes.into()), Err(RecordError::Version { found: version }));
        }
    }
}
