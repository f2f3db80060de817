//! Bytes, and values that have no type of their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use socketio_client_core::Codec;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};
use socketio_client_core::packet::PacketKind;

use crate::{encode, header, payload};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    None,
    Raw(#[serde(with = "serde_bytes")] Vec<u8>),
    Pair(ByteBuf, u8),
    Named { bytes: ByteBuf },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Bytes(ByteBuf),
    Named { inner: ByteBuf },
    Number(u8),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    a: Vec<Value>,
    c: Bytes,
    parts: Vec<Part>,
    loose: (Loose, Loose, Loose),
    by_number: BTreeMap<u64, Option<ByteBuf>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Bytes>,
}

#[test]
fn bytes_anywhere_go_out_depth_first_and_come_back() {
    let all = Everything {
        a: vec![Value::Bytes("0".into()), Value::Object(vec![("b".into(), Value::Bytes("1".into()))])],
        c: Bytes::new(),
        parts: vec![
            Part::None,
            Part::Raw(vec![3]),
            Part::Pair(ByteBuf::from("4"), 4),
            Part::Named { bytes: ByteBuf::from("5") },
        ],
        loose: (
            Loose::Bytes(ByteBuf::from("6")),
            Loose::Named { inner: ByteBuf::from("7") },
            Loose::Number(1),
        ),
        by_number: BTreeMap::from([(10, Some(ByteBuf::from("8"))), (11, None)]),
        rest: BTreeMap::from([("z".to_string(), Bytes::from("9"))]),
    };
    let sent = Payload::event("all", &all).unwrap();
    let attachments: Vec<&[u8]> = sent.attachments().iter().map(|bytes| &**bytes).collect();
    assert_eq!(attachments, [&b"0"[..], b"1", b"", b"\x03", b"4", b"5", b"6", b"7", b"8", b"9"]);
    assert!(sent.json().starts_with(
        r#"["all",{"a":[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}],"c":{"_placeholder":true,"num":2},"#
    ));
    assert_eq!(sent.parse::<Everything>().unwrap(), all);

    let (text, _) = encode(&header(PacketKind::Event, "/", None, Some(&sent)), Some(&sent));
    let received = payload(&text, &attachments);
    assert_eq!(received, sent);
    assert_eq!(received.parse::<Everything>().unwrap(), all);
    assert_eq!(Json.size(&received), received.json().len() + 9);
    assert_eq!(Json.largest(&received), (received.json().len(), 1));
}

#[test]
fn bytes_are_lent_without_a_copy() {
    let event = payload(r#"451-["a",{"_placeholder":true,"num":0}]"#, &[b"xyz"]);
    let lent = event.parse::<&serde_bytes::Bytes>().unwrap();
    assert_eq!(lent.as_ptr(), event.attachments()[0].as_ptr());
    assert_eq!(event.clone().attachments()[0].as_ptr(), lent.as_ptr());
    assert_eq!(event.parse::<Vec<u8>>().unwrap(), b"xyz");
    assert_eq!(event.parse::<[u8; 3]>().unwrap(), *b"xyz");
}

#[test]
fn a_large_attachment_is_the_largest_message() {
    let event = Payload::event("a", &(Bytes::from(vec![0; 1000]), Bytes::from(vec![0; 10]))).unwrap();
    assert_eq!(Json.attachments(&event), 2);
    assert_eq!(Json.largest(&event), (event.json().len(), 1000));
    assert_eq!(Json.size(&event), 1010 + event.json().len());
}

#[test]
fn dynamic_values_keep_integers_and_the_order_of_keys() {
    let args = r#"18446744073709551615,-9223372036854775808,0.5,{"z":null,"a":[true,{}],"":""},"\n""#;
    let event = payload(&format!(r#"42["any",{args}]"#), &[]);
    let values = event.parse::<Arguments<Vec<Value>>>().unwrap();
    let again = Payload::event("any", &values).unwrap();
    assert_eq!(again.args_json(), args);
    assert_eq!(again.parse::<Arguments<Vec<Value>>>().unwrap(), values);
}

#[test]
fn floats_are_the_nearest_ones_as_in_javascript() {
    // A parser that takes a short cut reads these off by one in the last place.
    for text in
        ["-2.5000000000000003e+64", "0.30000000000000004", "51.24817837550540", "1.7976931348623157e308"]
    {
        let event = payload(&format!(r#"42["f",{text}]"#), &[]);
        assert_eq!(event.parse::<f64>().unwrap(), text.parse::<f64>().unwrap());
    }
}

#[test]
fn surrogates_without_a_partner_read_as_the_replacement_character() {
    let event = payload(r#"42["\ud83d!",["\udc00","\ud83d\ude00"]]"#, &[]);
    assert_eq!(event.event_name(), "\u{fffd}!");
    assert_eq!(event.parse::<Vec<String>>().unwrap(), ["\u{fffd}", "😀"]);
}
