//! Shapes of packets, and their limits.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use socketio_client_core::codec::{Arguments, Payload, Value};
use socketio_client_core::packet::PacketKind;
use socketio_client_core::{DecodeError, EncodeError, Limits};

use crate::{decode, decode_with, payload};

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
