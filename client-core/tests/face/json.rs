//! The codec for Rust applications.

use bytes::Bytes;
use bytestring::ByteString;
use scenarios::Face;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};

#[derive(Debug)]
pub(crate) struct JsonFace;

impl Face for JsonFace {
    type Codec = Json;

    fn codec(&self) -> Json {
        Json
    }

    fn text(&self, wire: &str) -> ByteString {
        wire.into()
    }

    fn show(&self, text: &ByteString) -> String {
        text.to_string()
    }

    fn binary(&self, byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    fn show_binary(&self, binary: &Bytes) -> u8 {
        binary[0]
    }

    fn event(&self, number: u32, attachments: &[u8]) -> Payload {
        let bytes = attachments.iter().map(|byte| Value::Bytes(Bytes::copy_from_slice(&[*byte])));
        let args: Vec<_> = std::iter::once(Value::Number(number.into())).chain(bytes).collect();
        Payload::event("e", &Arguments(args)).unwrap()
    }

    fn ack(&self, number: u32) -> Payload {
        Payload::args(&number).unwrap()
    }

    fn auth(&self, token: &str) -> Payload {
        Payload::object(&std::collections::BTreeMap::from([("token", token)])).unwrap()
    }

    fn read(&self, payload: &Payload) -> (u32, Vec<u8>) {
        let args: Arguments<Vec<Value>> = payload.parse().unwrap();
        let (mut number, mut bytes) = (0, Vec::new());
        for arg in args.0 {
            match arg {
                Value::Number(found) => number = found.as_u64().unwrap().try_into().unwrap(),
                Value::Bytes(found) => bytes.extend_from_slice(&found),
                _ => {}
            }
        }
        (number, bytes)
    }
}
