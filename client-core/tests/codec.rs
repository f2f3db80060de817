//! The JSON codec from outside: wire texts in, application types out, and back.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};
use socketio_client_core::packet::{Header, PacketKind};
use socketio_client_core::{Codec, Credentials, DecodeError, Decoded, EncodeError, Limits, Message, Offset};

type Packet = (Header, Option<Payload>);

fn decode_with(text: &str, attachments: &[&[u8]], limits: &Limits) -> Result<Packet, DecodeError> {
    let mut decoded = Json.decode(text.into(), limits)?;
    let mut attachments = attachments.iter();
    loop {
        match decoded {
            Decoded::Packet(header, payload) => {
                assert_eq!(attachments.next(), None, "more attachments than {text} wants");
                return Ok((header, payload));
            }
            Decoded::Partial(partial) => {
                assert_eq!(Json.missing(&partial), attachments.len());
                let next = attachments.next().expect("fewer attachments than the text wants");
                decoded = Json.attach(partial, Bytes::copy_from_slice(next), limits)?;
            }
        }
    }
}

fn decode(text: &str, attachments: &[&[u8]]) -> Result<Packet, DecodeError> {
    decode_with(text, attachments, &Limits::default())
}

fn payload(text: &str, attachments: &[&[u8]]) -> Payload {
    decode(text, attachments).unwrap().1.unwrap()
}

fn header(kind: PacketKind, namespace: &str, ack: Option<u64>, payload: Option<&Payload>) -> Header {
    let attachments = payload.map_or(0, |payload| Json.attachments(payload));
    Header { kind, attachments, namespace: namespace.into(), ack }
}

/// Text, and the attachments behind it.
fn encode(header: &Header, payload: Option<&Payload>) -> (String, Vec<Bytes>) {
    let mut out = VecDeque::new();
    Json.encode(header, payload, &mut out).unwrap();
    let Some(Message::Text(text)) = out.pop_front() else { panic!("a packet starts with a text") };
    let attachments = out.into_iter().map(|message| match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => panic!("{text}"),
    });
    (text.to_string(), attachments.collect())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Photo {
    #[serde(with = "serde_bytes")]
    data: Vec<u8>,
    id: u32,
}

// What other clients get wrong.

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

// Shapes.

#[test]
fn malformed_packets_are_typed_errors() {
    for text in [
        "4",
        "47",
        "4[]",
        "4-",
        "45[\"a\"]",
        "451[\"a\"]",
        "45-[\"a\"]",
        "499",
        "42/a",
        "4299999999999999999999[]",
        "42[]",
        "42[null]",
        "42[true,1]",
        "42[[\"a\"]]",
        "42[{}]",
        "42{}",
        "42\"a\"",
        "421.5[\"a\"]",
        "42 [\"a\"",
        "42[\"a\"",
        "42[\"a\"]]",
        "42[\"a\",]",
        "42[\"a]",
        "42[\"a\" 1]",
        "42[\"\n\"]",
        "42[\"\\x\"]",
        "42[\"a\",01]",
        "42[\"a\",undefined]",
        r#"42["connect"]"#,
        r#"42["connect_error",1]"#,
        r#"42["disconnect"]"#,
        r#"42["disconnecting"]"#,
        r#"42["newListener"]"#,
        r#"42["removeListener"]"#,
        r#"42["conn\u0065ct"]"#,
        r#"451-["disconnect",{"_placeholder":true,"num":0}]"#,
        "430{}",
        "43",
        "431null",
        "431\"a\"",
        "40[]",
        "40\"a\"",
        "40null",
        "41{}",
        "41null",
        "41/a,[]",
        "44[]",
        "44null",
        "44/a,1.5",
        "44true",
        "44{",
        "0{}",
        "",
        "é",
        "\u{1e}",
        r#"451-["a",{"_placeholder":true}]"#,
        r#"451-["a",{"_placeholder":true,"num":1}]"#,
        r#"451-["a",{"_placeholder":true,"num":-1}]"#,
        r#"451-["a",{"_placeholder":true,"num":"0"}]"#,
        r#"461-1[{"_placeholder":true,"num":0.5}]"#,
    ] {
        let error = decode(text, &[]).unwrap_err();
        let expected = matches!(
            error,
            DecodeError::Engine { .. } | DecodeError::Header { .. } | DecodeError::Payload { .. }
        );
        assert!(expected, "{text}: {error:?}");
    }
}

#[test]
fn well_formed_packets_of_every_kind_are_read() {
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    for (text, kind, namespace, ack, json) in [
        (r#"40{"sid":"x"}"#, Connect, "/", None, Some(r#"{"sid":"x"}"#)),
        ("40", Connect, "/", None, None),
        ("40/a,", Connect, "/a", None, None),
        ("41", Disconnect, "/", None, None),
        ("41/a,", Disconnect, "/a", None, None),
        ("41/a", Disconnect, "/a", None, None),
        (r#"42["a"]"#, Event, "/", None, Some(r#"["a"]"#)),
        (r#"42/a?b=c,7["a",{}]"#, Event, "/a?b=c", Some(7), Some(r#"["a",{}]"#)),
        ("43/a,7[]", Ack, "/a", Some(7), Some("[]")),
        ("430[null]", Ack, "/", Some(0), Some("[null]")),
        ("44{}", ConnectError, "/", None, Some("{}")),
        ("405", Connect, "/", Some(5), None),
        ("44", ConnectError, "/", None, None),
        // The newest servers may announce no attachments at all.
        (
            r#"450-["a",{"_placeholder":true,"num":9}]"#,
            Event,
            "/",
            None,
            Some(r#"["a",{"_placeholder":true,"num":9}]"#),
        ),
    ] {
        let (header, payload) = decode(text, &[]).unwrap();
        assert_eq!((header.kind, &*header.namespace, header.ack), (kind, namespace, ack), "{text}");
        assert_eq!(payload.as_ref().map(Payload::json), json, "{text}");
        assert_eq!(header.attachments, 0);
    }
}

#[test]
fn nothing_is_a_placeholder_without_attachments() {
    let event = payload(r#"42["a",{"_placeholder":true,"num":0}]"#, &[]);
    let map = event.parse::<BTreeMap<String, Value>>().unwrap();
    assert_eq!(map["_placeholder"], Value::Bool(true));
    assert_eq!(event.parse::<(IgnoredAny,)>().unwrap().0, IgnoredAny);
}

#[test]
fn objects_that_only_look_like_placeholders_stay_objects() {
    let text = r#"451-["a",{"_placeholder":false,"num":4},{"_placeholder":true,"num":0,"more":[]}]"#;
    let event = payload(text, &[b"x"]);
    let (object, bytes) = event.parse::<(BTreeMap<String, Value>, Bytes)>().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["_placeholder", "num"]);
    assert_eq!(object["_placeholder"], Value::Bool(false));
    assert_eq!(bytes, "x");
}

#[test]
fn bytes_are_not_an_object() {
    let event = payload(r#"451-["a",{"_placeholder":true,"num":0}]"#, &[b"x"]);
    assert!(event.parse::<BTreeMap<String, Value>>().is_err());
    #[derive(Debug, Deserialize)]
    struct Nothing {}
    assert!(event.parse::<Nothing>().is_err());
    assert!(event.parse::<u8>().is_err());
    assert!(event.parse::<Vec<String>>().is_err());
}

#[test]
fn a_map_that_would_be_taken_for_a_placeholder_is_escaped_or_refused() {
    let map = |mark, number: u8| {
        Value::Object(vec![
            ("_placeholder".to_string(), Value::Bool(mark)),
            ("num".to_string(), Value::Number(number.into())),
        ])
    };
    let bytes = Value::Bytes("x".into());
    let sent = Payload::event("a", &(map(false, 9), &bytes)).unwrap();
    assert_eq!(sent.json(), r#"["a",{"\u005fplaceholder":false,"num":9},{"_placeholder":true,"num":0}]"#);
    assert_eq!(sent.parse::<(Value, Value)>().unwrap(), (map(false, 9), bytes.clone()));
    // A server would close the connection over this one.
    for refused in [Payload::event("a", &(map(true, 9), &bytes)), Payload::args(&(map(true, 9), &bytes))] {
        assert!(matches!(refused, Err(EncodeError::Value { .. })));
    }
    assert!(Payload::event("a", &map(true, 9)).is_ok());
}

// Limits.

#[test]
fn the_number_of_attachments_is_checked_before_any_comes() {
    let limits = Limits { attachments: 2, ..Limits::default() };
    assert!(decode_with(r#"452-["a"]"#, &[b"", b""], &limits).is_ok());
    for text in [r#"453-["a"]"#, "4518446744073709551615-[\"a\"]"] {
        let error = decode_with(text, &[], &limits).unwrap_err();
        assert_eq!(error, DecodeError::Limit { what: "attachments", limit: 2 });
    }
    assert!(matches!(decode("4599999999999999999999-[\"a\"]", &[]), Err(DecodeError::Header { .. })));
}

#[test]
fn the_bytes_of_attachments_are_counted_together() {
    let limits = Limits { attachment_bytes: 4, ..Limits::default() };
    assert!(decode_with(r#"452-["a"]"#, &[b"12", b"34"], &limits).is_ok());
    let error = decode_with(r#"452-["a"]"#, &[b"12", b"345"], &limits).unwrap_err();
    assert!(matches!(error, DecodeError::Limit { limit: 4, .. }));
}

#[test]
fn nesting_is_bounded_and_what_is_let_in_can_be_parsed_on_a_small_stack() {
    let nested = |depth: usize| format!("42[\"deep\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert!(matches!(decode(&nested(127), &[]), Err(DecodeError::Limit { limit: 127, .. })));
    assert!(matches!(decode(&nested(5_000_000), &[]), Err(DecodeError::Limit { .. })));
    let deepest = payload(&nested(126), &[]);
    let parse = move || {
        deepest.parse::<Value>().unwrap();
        deepest.parse::<Arguments<Vec<Value>>>().unwrap();
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(parse).unwrap().join().unwrap();
}

// The argument rule.

#[test]
fn tuples_and_nothing_else_are_lists() {
    #[derive(Serialize)]
    struct Pair(u8, u8);
    for (payload, expected) in [
        (Payload::args(&()), "[]"),
        (Payload::args(&(1,)), "[1]"),
        (Payload::args(&&&(1, (2, 3), ())), "[1,[2,3],null]"),
        (Payload::args(&[1, 2]), "[[1,2]]"),
        (Payload::args(&vec![1, 2]), "[[1,2]]"),
        (Payload::args(&Pair(1, 2)), "[[1,2]]"),
        (Payload::args(&Some((1, 2))), "[[1,2]]"),
        (Payload::args("a"), r#"["a"]"#),
        (Payload::args(&None::<u8>), "[null]"),
        (Payload::args(&Arguments(vec![1, 2])), "[1,2]"),
        (Payload::args(&Arguments(Vec::<u8>::new())), "[]"),
        (Payload::args(&&Arguments(&[1, 2][..])), "[1,2]"),
        (Payload::args(&(Arguments([1]),)), "[[1]]"),
    ] {
        assert_eq!(payload.unwrap().json(), expected);
    }
    for wrong in [Payload::args(&Arguments(1)), Payload::args(&Arguments(BTreeMap::from([(1, 2)])))] {
        assert!(matches!(wrong, Err(EncodeError::Value { .. })));
    }
}

#[test]
fn arguments_are_read_by_the_same_rule() {
    let event = payload(r#"42["a", 1 , "two" ,[3]]"#, &[]);
    event.parse::<()>().unwrap();
    assert_eq!(event.parse::<u8>().unwrap(), 1);
    assert_eq!(event.parse::<(u8,)>().unwrap(), (1,));
    assert_eq!(event.parse::<(u8, &str)>().unwrap(), (1, "two"));
    assert_eq!(event.parse::<(u8, String, Vec<u8>)>().unwrap(), (1, "two".into(), vec![3]));
    let (.., fourth, fifth) = event.parse::<(u8, &str, [u8; 1], Option<u8>, ())>().unwrap();
    assert_eq!((fourth, fifth), (None, ()));
    let Err(DecodeError::Type { cause }) = event.parse::<(u8, &str, Vec<u8>, u8)>() else { panic!() };
    assert_eq!(cause, "argument 4 is missing");
    let Err(DecodeError::Type { cause }) = event.parse::<(String,)>() else { panic!() };
    assert_eq!(cause, "invalid type: integer `1`, expected a string");

    let one = payload(r#"42["a",[1,2]]"#, &[]);
    assert_eq!(one.parse::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(one.parse::<((u8, u8),)>().unwrap(), ((1, 2),));
    assert_eq!(one.parse::<Arguments<(Vec<u8>,)>>().unwrap().0, (vec![1, 2],));

    let ack = payload("431[]", &[]);
    ack.parse::<()>().unwrap();
    assert_eq!(ack.parse::<(Option<u8>,)>().unwrap(), (None,));
    assert_eq!(payload(r#"431["ok"]"#, &[]).parse::<String>().unwrap(), "ok");
}

#[test]
fn reserved_names_are_refused() {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        assert_eq!(Payload::event(name, &()), Err(EncodeError::Reserved { name: name.to_string() }));
    }
    assert!(Payload::event("connection", &()).is_ok());
}

#[test]
fn values_that_json_has_no_room_for() {
    assert_eq!(Payload::args(&(f64::NAN, f64::INFINITY, 1.5)).unwrap().json(), "[null,null,1.5]");
    assert!(matches!(Payload::args(&BTreeMap::from([((1, 2), 3)])), Err(EncodeError::Value { .. })));
    assert!(matches!(
        Payload::object(&BTreeMap::from([("k", Bytes::new())])),
        Err(EncodeError::Value { .. })
    ));
    for refused in [Payload::object(&()), Payload::object(&[1]), Payload::object(&None::<u8>)] {
        assert_eq!(refused, Err(EncodeError::AuthNotObject));
    }
}

// Bytes.

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

// Sharing.

#[test]
fn a_plain_event_is_sent_as_it_was_built_and_received_without_a_copy() {
    let event = Payload::event("a", &(1, "b")).unwrap();
    let mut out = VecDeque::new();
    let plain = header(PacketKind::Event, "/", None, Some(&event));
    for _ in 0..2 {
        Json.encode(&plain, Some(&event), &mut out).unwrap();
    }
    let texts = out.into_iter().map(|message| match message {
        Message::Text(text) => text,
        Message::Binary(_) => panic!(),
    });
    let [first, second] = &texts.collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(first, r#"42["a",1,"b"]"#);
    assert_eq!(first.as_ptr(), second.as_ptr());
    assert_eq!(first[2..].as_ptr(), event.json().as_ptr());

    let Decoded::Packet(_, Some(received)) = Json.decode(first.clone(), &Limits::default()).unwrap() else {
        panic!()
    };
    assert_eq!(received.json().as_ptr(), event.json().as_ptr());
    assert_eq!(received, event);
}

#[test]
fn every_header_is_written_in_front() {
    let event = Payload::event("a", &()).unwrap();
    let object = Payload::object(&BTreeMap::from([("token", "t")])).unwrap();
    let ack = Payload::args(&(1, 2)).unwrap();
    for (kind, namespace, ack, payload, expected) in [
        (PacketKind::Connect, "/", None, None, "40"),
        (PacketKind::Connect, "/a", None, None, "40/a,"),
        (PacketKind::Connect, "/a", None, Some(&object), r#"40/a,{"token":"t"}"#),
        (PacketKind::Disconnect, "/", None, None, "41"),
        (PacketKind::Event, "/", None, Some(&event), r#"42["a"]"#),
        (PacketKind::Event, "/", Some(0), Some(&event), r#"420["a"]"#),
        (PacketKind::Event, "/a", Some(10), Some(&event), r#"42/a,10["a"]"#),
        (PacketKind::Ack, "/", Some(9), Some(&ack), "439[1,2]"),
        // An event that came, sent on elsewhere.
        (PacketKind::Ack, "/", Some(u64::MAX), Some(&event), r#"4318446744073709551615["a"]"#),
    ] {
        let (text, attachments) = encode(&header(kind, namespace, ack, payload), payload);
        assert_eq!((text.as_str(), attachments.len()), (expected, 0));
    }
}

#[test]
fn the_answer_to_a_connection() {
    let connected = |json: &str| Json.connected(&payload(&format!("40{json}"), &[]));
    let both = connected(r#"{"sid":"a","pid":"b","more":{}}"#).unwrap();
    assert_eq!((both.sid.as_str(), both.pid.as_deref()), ("a", Some("b")));
    assert_eq!(connected(r#"{"sid":"a"}"#).unwrap().pid, None);
    assert_eq!(connected(r#"{"sid":"a","pid":null}"#).unwrap().pid, None);
    for json in ["{}", r#"{"sid":""}"#, r#"{"sid":5}"#, r#"{"sid":null}"#, r#"{"pid":"b"}"#] {
        assert!(connected(json).is_err(), "{json}");
    }
}

// Hostile input.

const SAMPLES: [&str; 8] = [
    r#"42["event",{"a":[1,-2.5e3,true,null],"b":{"c":"\u00e9\ud83d\ude00\n"}},"x",[],{}]"#,
    r#"452-/chat,12["photo",{"_placeholder":true,"num":0},{"a":{"num":1,"_placeholder":true}}]"#,
    r#"461-3[{"_placeholder":false},{"_placeholder":true,"num":0}]"#,
    r#"43/a,7[ "\ud800", 1 , {} ]"#,
    r#"40{"sid":"x","pid":"y"}"#,
    r#"44{"message":"no","data":{"code":1}}"#,
    "41/admin,",
    "42[17,\"é漢😀 longer than eight bytes\"]",
];

/// Does everything with it that an application can.
fn use_up(text: &str) -> bool {
    let limits = Limits { attachments: 4, ..Limits::default() };
    let mut decoded = match Json.decode(text.into(), &limits) {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let (header, payload) = loop {
        decoded = match decoded {
            Decoded::Packet(header, payload) => break (header, payload),
            Decoded::Partial(partial) => Json.attach(partial, Bytes::from_static(b"x"), &limits).unwrap(),
        };
    };
    let Some(payload) = payload else { return true };
    serde_json::from_str::<IgnoredAny>(payload.json()).unwrap();
    serde_json::from_str::<IgnoredAny>(&format!("[{}]", payload.args_json())).unwrap();
    // Numbers that no f64 can hold are JSON, but nothing that Rust can read.
    if let Ok(Arguments(values)) = payload.parse::<Arguments<Vec<Value>>>() {
        let again = Payload::args(&Arguments(&values)).unwrap();
        assert_eq!(again.parse::<Arguments<Vec<Value>>>().unwrap().0, values);
    }
    let _ = payload.parse::<(Value, String, Bytes)>();
    let _ = payload.parse::<Value>();
    let _ = payload.parse_value::<BTreeMap<String, Value>>();
    let _ = Json.connected(&payload);
    let header = Header { attachments: Json.attachments(&payload), ..header };
    Json.encode(&header, Some(&payload), &mut VecDeque::new()).unwrap();
    true
}

#[test]
fn truncated_packets_never_panic() {
    for sample in SAMPLES {
        assert!(use_up(sample), "{sample}");
        for end in (0..sample.len()).filter(|&end| sample.is_char_boundary(end)) {
            use_up(&sample[..end]);
        }
    }
}

#[test]
fn mutated_packets_never_panic() {
    let alphabet = b"[]{}\",:\\u0123456789eE+-.truefalsnd/_ \n\x00\x1e";
    let mut state = 42_u64;
    let mut random = move |below: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut bytes = SAMPLES[round % SAMPLES.len()].as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = alphabet[random(alphabet.len())],
                1 => bytes.insert(at, alphabet[random(alphabet.len())]),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {
                    let other = bytes[random(bytes.len())];
                    bytes[at] = other;
                }
            }
        }
        accepted += usize::from(use_up(&String::from_utf8_lossy(&bytes)));
    }
    assert!(accepted > 1000, "mutations that stay valid are part of the test: {accepted}");
}

#[test]
fn the_last_argument_may_be_an_offset() {
    let offset = |text: &str| Json.offset(&payload(text, &[])).map(|offset| offset.to_string());
    for (text, expected) in [
        (r#"42["x","Q7zOKAz"]"#, Some("Q7zOKAz")),
        (r#"42["x",1,{"a":"b"}, "1795252804095-0" ] "#, Some("1795252804095-0")),
        (r#"42["x",["a"],"6b0110c40000000000000000"]"#, Some("6b0110c40000000000000000")),
        // The event's name, a text of another shape, inside another value, not at the end, part of a longer text.
        (r#"42["Q7zOKAz"]"#, None),
        (r#"42["x"]"#, None),
        (r#"42["x",""]"#, None),
        (r#"42["x","hello"]"#, None),
        (r#"42["x",["Q7zOKAz"]]"#, None),
        (r#"42["x",{"a":"Q7zOKAz"}]"#, None),
        (r#"42["x","Q7zOKAz",1]"#, None),
        (r#"42["x","say \"Q7zOKAz"]"#, None),
        (r#"42["x",",\"Q7zOKAz"]"#, None),
        (r#"42["x","\u00517zOKAz"]"#, None),
        (r"42[1]", None),
    ] {
        assert_eq!(offset(text).as_deref(), expected, "{text}");
    }
    let with_binary = payload(r#"451-["x",{"_placeholder":true,"num":0},"Q7zOKAz.1"]"#, &[b"1"]);
    assert_eq!(Json.offset(&with_binary).unwrap().to_string(), "Q7zOKAz.1");
}

#[test]
fn a_claim_carries_the_authentication_data_whose_keys_win() {
    let connect = |auth: Option<Payload>, recovery: Option<(&str, Option<&str>)>| {
        let recovery = recovery.map(|(pid, offset)| (pid, offset.and_then(Offset::parse)));
        let payload = Json.connect(auth.as_ref(), Credentials { recovery, delivery: None }).unwrap();
        payload.map(|payload| payload.json().to_string())
    };
    let claim = |auth: Option<Payload>, offset: Option<&str>| connect(auth, Some(("P", offset))).unwrap();
    assert_eq!(claim(None, None), r#"{"pid":"P"}"#);
    assert_eq!(claim(None, Some("Q7zOKAz")), r#"{"pid":"P","offset":"Q7zOKAz"}"#);
    assert_eq!(claim(Some(object(&[])), Some("Q7zOKAz")), r#"{"pid":"P","offset":"Q7zOKAz"}"#);
    assert_eq!(
        claim(Some(object(&[("t", "1")])), Some("Q7zOKAz")),
        r#"{"pid":"P","offset":"Q7zOKAz","t":"1"}"#
    );
    assert_eq!(claim(Some(object(&[("pid", "1")])), Some("Q7zOKAz")), r#"{"offset":"Q7zOKAz","pid":"1"}"#);
    assert_eq!(claim(Some(object(&[("offset", "1"), ("pid", "2")])), None), r#"{"offset":"1","pid":"2"}"#);
    assert_eq!(connect(None, Some(("\"\n", None))).unwrap(), r#"{"pid":"\"\n"}"#);
    // What is no object is sent alone, and without a session to resume nothing is added.
    assert_eq!(claim(Some(Payload::args(&1).unwrap()), Some("Q7zOKAz")), "[1]");
    assert_eq!(connect(Some(object(&[("t", "1")])), None).unwrap(), r#"{"t":"1"}"#);
    assert_eq!(connect(None, None), None);
}

fn object(pairs: &[(&str, &str)]) -> Payload {
    Payload::object(&pairs.iter().copied().collect::<BTreeMap<_, _>>()).unwrap()
}

#[test]
fn the_name_for_exactly_once_goes_beside_the_authentication_data() {
    let connect = |auth: Option<&Payload>| {
        let credentials = Credentials { recovery: None, delivery: Some(("q3", 17)) };
        Json.connect(auth, credentials).map(|payload| payload.unwrap().json().to_string())
    };
    assert_eq!(connect(None).unwrap(), r#"{"$delivery":{"v":1,"id":"q3","base":17}}"#);
    assert_eq!(
        connect(Some(&object(&[("t", "1")]))).unwrap(),
        r#"{"$delivery":{"v":1,"id":"q3","base":17},"t":"1"}"#
    );
    assert_eq!(connect(Some(&Payload::args(&1).unwrap())), Err(EncodeError::AuthNotObject));
    assert_eq!(connect(Some(&object(&[("$delivery", "1")]))), Err(EncodeError::AuthDelivery));
    assert_eq!(Json.sync().json(), r#"["$delivery",{"sync":1}]"#);
}

#[test]
fn an_event_is_known_again_by_what_it_says() {
    let digest = |text: &str, parts: &[&[u8]], without| Json.digest(&payload(text, parts), without);
    let plain = digest(r#"427["x",1,"a"]"#, &[], false);
    assert_eq!(plain, digest(r#"42["x",1,"a","1795252804095-0"]"#, &[], true));
    assert_ne!(plain, digest(r#"42["x",1,"a","1795252804095-0"]"#, &[], false));
    assert_ne!(plain, digest(r#"42["y",1,"a"]"#, &[], false));
    assert_ne!(plain, digest(r#"42["x",1,"b"]"#, &[], false));
    assert_eq!(digest(r#"427["x"]"#, &[], false), digest(r#"42["x","1795252804095-0"]"#, &[], true));
    let binary = |part| digest(r#"451-["x",{"_placeholder":true,"num":0}]"#, &[part], false);
    assert_eq!(binary(b"1"), binary(b"1"));
    assert_ne!(binary(b"1"), binary(b"2"));
}
