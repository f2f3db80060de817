//! What is sent as it was built, and what the core itself says.

use std::collections::{BTreeMap, VecDeque};

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::packet::PacketKind;
use socketio_client_core::{Codec, Credentials, Decoded, EncodeError, Limits, Message, Offset};

use crate::{encode, header, payload};

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
