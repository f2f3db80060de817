use super::*;
use crate::rng::Rng;
use alloc::vec::Vec;
use serde::de::IgnoredAny;

fn valid(text: &str) -> bool {
    scan(text, 0, &mut Deaf).is_ok()
}

#[test]
fn shapes_are_measured() {
    let shape = scan(r#"42[ "a" , 1,[2] ] "#, 2, &mut Deaf).unwrap();
    assert_eq!((shape.first, shape.head, shape.rest, shape.last), (b'[', 4, 10, 16));
    let shape = scan("[]", 0, &mut Deaf).unwrap();
    assert_eq!((shape.head, shape.rest, shape.last), (1, 0, 1));
    assert_eq!(scan(" {\"a\":[1,2]}", 0, &mut Deaf).unwrap().first, b'{');
}

#[test]
fn what_json_parse_accepts() {
    for text in [
        "0",
        "-0",
        "-0.0e+1",
        "1E400",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        " \t\r\n[ 1 , 2 ] \n",
        r#"{"a":1,"a":2,"":{}}"#,
        "\"\u{2028}\u{7f}\"",
        r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
        r#""\ud800""#,
        r#""\udc00\ud800\u0041""#,
        r#""é漢😀""#,
    ] {
        assert!(valid(text), "{text}");
        serde_json::from_str::<IgnoredAny>(text).unwrap();
    }
}

#[test]
fn what_json_parse_refuses() {
    for text in [
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "tru",
        "truee",
        "nul",
        "undefined",
        "'a'",
        "\"",
        "\"\\\"",
        "\"\n\"",
        "\"\u{1e}\"",
        "\"\u{0}\"",
        r#""\x41""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u""#,
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "{,}",
        "1 1",
        "[]]",
        "\u{feff}1",
        "\u{a0}1",
        "[1]/**/",
        "\u{0}",
        "1\u{0}",
    ] {
        assert!(!valid(text), "{text:?}");
        assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text:?}");
    }
}

#[test]
fn special_bytes_are_found_at_every_place() {
    for hit in [b'"', b'\\', 0, 0x1f] {
        for place in (0..100).step_by(if cfg!(miri) { 9 } else { 1 }) {
            for filler in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                let mut bytes = Vec::from([filler; 100]);
                bytes[place] = hit;
                assert_eq!(plain(&bytes, 0), place, "{hit} among {filler}");
            }
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let nest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(valid(&nest(MAX_DEPTH)));
    assert!(serde_json::from_str::<serde_json::Value>(&nest(MAX_DEPTH)).is_ok());
    let error = scan(&nest(MAX_DEPTH + 1), 0, &mut Deaf).unwrap_err();
    assert!(matches!(error, DecodeError::Limit { limit: MAX_DEPTH, .. }));
    assert!(scan(&"{\"a\":".repeat(1_000_000), 0, &mut Deaf).is_err());
}

#[test]
fn surrogates_without_a_partner_become_the_replacement_character() {
    for (text, fixed) in [
        (r#"["\ud800","\\ud800"]"#, r#"["\ufffd","\\ud800"]"#),
        (r#"["\udc00\ud800\u0041\n"]"#, r#"["\ufffd\ufffd\u0041\n"]"#),
        (r#"["\ud83d\ude00\ud83d"]"#, r#"["\ud83d\ude00\ufffd"]"#),
    ] {
        assert!(scan(text, 0, &mut Deaf).unwrap().lone);
        assert_eq!(without_lone_surrogates(text, 0), fixed);
        assert!(!scan(fixed, 0, &mut Deaf).unwrap().lone);
        serde_json::from_str::<serde_json::Value>(fixed).unwrap();
    }
}

#[test]
fn verdict_of_mutated_texts_is_that_of_serde_json() {
    const SEEDS: [&str; 4] = [
        r#"["event",{"a":[1,-2.5e3,true,null],"b":{"c":"\u00e9\ud83d\ude00\n"}},"x",[],{}]"#,
        r#"{"message":"no","data":{"code":-0,"list":[false,0.1,1E9]}}"#,
        r#" [ 1 , "two\"\\" , { "three" : [ [ ] ] } ] "#,
        r#""é漢😀 plain text that is longer than eight bytes""#,
    ];
    let alphabet = b"[]{}\",:\\u0123456789eE+-.truefalsnd \n\x00\x1f\x1eaD";
    let mut rng = Rng::new(7);
    let mut accepted = 0;
    for round in 0..if cfg!(miri) { 100 } else { 20_000 } {
        let mut bytes = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=rng.between(0, 2) {
            let at = rng.between(0, bytes.len() as u64 - 1) as usize;
            let new = alphabet[rng.between(0, alphabet.len() as u64 - 1) as usize];
            match rng.between(0, 3) {
                0 => bytes[at] = new,
                1 => bytes.insert(at, new),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let oracle = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        assert_eq!(valid(&text), oracle, "{text:?}");
        accepted += usize::from(oracle);
    }
    assert!(accepted > 200, "mutations that stay valid are part of the test: {accepted}");
}
