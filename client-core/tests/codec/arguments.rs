//! The argument rule.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use socketio_client_core::codec::{Arguments, Payload};
use socketio_client_core::{DecodeError, EncodeError};

use crate::payload;

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
