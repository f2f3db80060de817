//! Hostile input.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::de::IgnoredAny;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};
use socketio_client_core::packet::Header;
use socketio_client_core::{Codec, Decoded, Limits};

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
fn places_that_share_an_attachment_do_not_multiply_it() {
    let places = |count: usize| {
        let text = format!("451-[\"e\"{}]", r#",{"_placeholder":true,"num":0}"#.repeat(count));
        super::payload(&text, &[&[7; 100_000]])
    };
    let read = |count| places(count).parse::<Arguments<Vec<Bytes>>>().map(|args| args.0.len());
    assert_eq!(read(16), Ok(16));
    assert!(read(17).unwrap_err().to_string().contains("16 times what came"));
    let again = places(16);
    for _ in 0..3 {
        assert!(again.parse::<Arguments<Vec<Value>>>().is_ok(), "each reading is one of its own");
    }
    assert!(places(1000).parse::<Value>().is_ok(), "what is not read is not counted");
}
