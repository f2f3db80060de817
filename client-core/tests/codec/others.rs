//! What other clients get wrong.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::Deserialize;
use serde_bytes::ByteBuf;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};
use socketio_client_core::packet::PacketKind;
use socketio_client_core::{Codec, DecodeError, Limits, Message};

use crate::{Photo, decode, encode, header, payload};

#[test]
fn an_event_without_arguments_has_its_name() {
    let event = payload(r#"42["noargs"]"#, &[]);
    assert_eq!((event.event_name(), event.args_json()), ("noargs", ""));
    event.parse::<()>().unwrap();
    assert_eq!(event.parse::<Option<u8>>().unwrap(), None);
    assert_eq!(event.parse::<Value>().unwrap(), Value::Null);
    assert_eq!(event.parse::<Arguments<Vec<Value>>>().unwrap().0, []);
    assert_eq!(
        event.parse::<String>(),
        Err(DecodeError::Type { cause: "argument 1 is missing".to_string() })
    );
}

#[test]
fn a_record_separator_inside_binary_stays_inside() {
    let event = payload(r#"451-["b",{"_placeholder":true,"num":0}]"#, &[b"\x01\x02\x1e\x03\x04"]);
    assert_eq!(event.parse::<Bytes>().unwrap(), &b"\x01\x02\x1e\x03\x04"[..]);
}

#[test]
fn a_record_separator_inside_text_is_escaped() {
    let event = Payload::event("a\u{1e}b", "c\u{1e}d").unwrap();
    assert_eq!(event.json(), r#"["a\u001eb","c\u001ed"]"#);
    assert_eq!(event.event_name(), "a\u{1e}b");
    let mut out = VecDeque::new();
    Json.encode(&header(PacketKind::Event, "/", None, Some(&event)), Some(&event), &mut out).unwrap();
    out.push_back(Message::Text("3".into()));
    let body = Json.join(&mut out, None);
    assert_eq!(Json.split(body, &Limits::default()).unwrap(), [r#"42["a\u001eb","c\u001ed"]"#, "3"]);
}

#[test]
fn binary_among_other_fields_loses_nothing() {
    let text = r#"451-["mixed",{"data":{"_placeholder":true,"num":0},"id":7}]"#;
    let event = payload(text, &[b"\xff\x00"]);
    assert_eq!(event.event_name(), "mixed");
    assert_eq!(event.parse::<Photo>().unwrap(), Photo { data: vec![255, 0], id: 7 });
}

#[test]
fn two_attachments_both_arrive() {
    let text = r#"452-["two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let event = payload(text, &[b"a", b"b"]);
    assert_eq!(event.event_name(), "two");
    assert_eq!(event.parse::<(ByteBuf, ByteBuf)>().unwrap(), (ByteBuf::from("a"), ByteBuf::from("b")));
    assert_eq!(event.attachments(), ["a", "b"]);
}

#[test]
fn binary_that_asks_for_an_ack_is_a_binary_event() {
    let event = Payload::event("photo", &Bytes::from_static(b"x")).unwrap();
    let (text, attachments) = encode(&header(PacketKind::Event, "/", Some(313), Some(&event)), Some(&event));
    assert_eq!(text, r#"451-313["photo",{"_placeholder":true,"num":0}]"#);
    assert_eq!(attachments, ["x"]);
    let ack = Payload::args(&Bytes::from_static(b"y")).unwrap();
    let (text, attachments) = encode(&header(PacketKind::Ack, "/a", Some(0), Some(&ack)), Some(&ack));
    assert_eq!(text, r#"461-/a,0[{"_placeholder":true,"num":0}]"#);
    assert_eq!(attachments, ["y"]);
}

#[test]
fn placeholders_go_by_their_number_not_their_place() {
    let text = r#"452-["swap",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]"#;
    let event = payload(text, &[b"zero", b"one"]);
    assert_eq!(event.parse::<(Bytes, Bytes)>().unwrap(), ("one".into(), "zero".into()));
    let text = r#"452-["twice",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]"#;
    assert_eq!(payload(text, &[b"0", b"1"]).parse::<(Bytes, Bytes)>().unwrap(), ("1".into(), "1".into()));
}

#[test]
fn escaped_names_are_read() {
    for (text, name) in [
        (r#"42["a\"b",1]"#, "a\"b"),
        (r#"42["\u00e9\n\ud83d\ude00",1]"#, "é\n😀"),
        ("42[ \"é\u{2028}\" , 1 ]", "é\u{2028}"),
        (r#"42["",1]"#, ""),
        ("42[17,1]", "17"),
        ("42[ -1.5e3 , 1]", "-1.5e3"),
    ] {
        let event = payload(text, &[]);
        assert_eq!(event.event_name(), name, "{text}");
        assert_eq!(event.parse::<u8>().unwrap(), 1, "{text}");
    }
    let sent = Payload::event("a\"b\\\n", &1).unwrap();
    assert_eq!((sent.event_name(), sent.args_json()), ("a\"b\\\n", "1"));
}

#[test]
fn a_refusal_is_a_packet() {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
        data: Option<u8>,
    }
    let (header, refused) = decode(r#"44/admin,{"message":"denied"}"#, &[]).unwrap();
    assert_eq!((header.kind, &*header.namespace), (PacketKind::ConnectError, "/admin"));
    let refusal: Refusal = refused.unwrap().parse_value().unwrap();
    assert_eq!((refusal.message.as_str(), refusal.data), ("denied", None));
    assert_eq!(payload(r#"44"no""#, &[]).parse_value::<&str>().unwrap(), "no");
}

#[test]
fn packets_without_what_they_need_are_refused_at_once() {
    for text in ["42", "4213", "42garbage", "42/a,", "43", "431", "451-", "461-1"] {
        assert!(matches!(decode(text, &[]), Err(DecodeError::Payload { .. })), "{text}");
    }
}

#[test]
fn bytes_are_no_json_value_but_a_value() {
    let event = payload(r#"451-["b",[{"_placeholder":true,"num":0}]]"#, &[b"x"]);
    let Err(DecodeError::Type { cause }) = event.parse::<serde_json::Value>() else { panic!() };
    assert!(cause.contains("byte array"), "{cause}");
    assert_eq!(event.parse::<Value>().unwrap(), Value::Array(vec![Value::Bytes("x".into())]));
}
