//! The objects that open a session and connect a namespace.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::payload::mismatch;
use super::{Connected, Credentials, Handshake, Payload};
use crate::error::{DecodeError, EncodeError, brief};

/// Longer waits than this (49 days) are as good as for ever, and must not overflow a clock.
const LONGEST: f64 = u32::MAX as f64;

/// Reads `0{…}`.
pub(super) fn handshake(text: &str) -> Result<Handshake, DecodeError> {
    let json = text.strip_prefix('0').unwrap_or_default();
    let fields: Fields = serde_json::from_str(json).map_err(|error| handshake_error(brief(&error)))?;
    Ok(Handshake {
        sid: sid(fields.sid).ok_or_else(|| handshake_error("no sid"))?,
        upgrades: fields.upgrades.map_or_else(Vec::new, |Upgrades(names)| names),
        ping_interval: milliseconds("pingInterval", fields.ping_interval)?,
        ping_timeout: milliseconds("pingTimeout", fields.ping_timeout)?,
        max_payload: fields.max_payload.and_then(bytes),
    })
}

/// Reads the answer to CONNECT.
pub(super) fn connected(payload: &Payload) -> Result<Connected, DecodeError> {
    let fields: Fields = serde_json::from_str(payload.json()).map_err(mismatch)?;
    let sid = sid(fields.sid).ok_or_else(|| DecodeError::Payload { cause: "no sid".to_string() })?;
    Ok(Connected { sid, pid: fields.pid })
}

/// Writes CONNECT's object.
pub(super) fn connect(auth: Option<&Payload>, credentials: Credentials<'_>) -> Result<Payload, EncodeError> {
    let Credentials { recovery, delivery } = credentials;
    let taken: BTreeMap<String, IgnoredAny> = match auth.map(Payload::parse_value) {
        Some(Ok(taken)) => taken,
        None => BTreeMap::new(),
        Some(Err(_)) if delivery.is_some() => return Err(EncodeError::AuthNotObject),
        // No object, so it is sent alone.
        Some(Err(_)) => return Ok(auth.cloned().unwrap_or_else(|| Payload::unchecked("{}".into()))),
    };
    if delivery.is_some() && taken.contains_key("$delivery") {
        return Err(EncodeError::AuthDelivery);
    }
    // A text has a form in JSON whatever is in it.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let (pid, offset) = (recovery.map(|(pid, _)| pid), recovery.and_then(|(_, offset)| offset));
    let fields = [
        ("pid", pid.map(quoted)),
        ("offset", offset.map(|offset| quoted(&offset.to_string()))),
        ("$delivery", delivery.map(|(id, base)| format!(r#"{{"v":1,"id":{},"base":{base}}}"#, quoted(id)))),
    ];
    let mut text = String::from("{");
    for (key, value) in fields {
        if let Some(value) = value.filter(|_| !taken.contains_key(key)) {
            text.push_str(&format!("{}\"{key}\":{value}", if text.len() > 1 { "," } else { "" }));
        }
    }
    let fields = auth.and_then(|auth| auth.json().trim_ascii().strip_prefix('{')).unwrap_or("}");
    if !taken.is_empty() && text.len() > 1 {
        text.push(',');
    }
    text.push_str(fields);
    Ok(Payload::unchecked(text))
}

fn handshake_error(cause: impl Into<String>) -> DecodeError {
    DecodeError::Handshake { cause: cause.into() }
}

/// An empty one counts as missing, as in JavaScript.
fn sid(sid: Option<String>) -> Option<String> {
    sid.filter(|sid| !sid.is_empty())
}

fn milliseconds(name: &str, value: Option<f64>) -> Result<Duration, DecodeError> {
    match value {
        Some(value) if value >= 0.0 => Ok(Duration::from_secs_f64(value.min(LONGEST) / 1000.0)),
        Some(_) => Err(handshake_error(format!("{name} is negative"))),
        None => Err(handshake_error(format!("no {name}"))),
    }
}

/// 0 means that the server does not say.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn bytes(value: f64) -> Option<usize> {
    Some(value as usize).filter(|&bytes| bytes > 0)
}

/// The first of them: there are three transports in the world, and a server can write a million.
struct Upgrades(Vec<String>);

/// So many are kept.
const MOST_UPGRADES: usize = 16;

impl<'de> Deserialize<'de> for Upgrades {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Upgrades;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Upgrades, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    if names.len() < MOST_UPGRADES {
                        names.push(name);
                    }
                }
                Ok(Upgrades(names))
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

/// `null` counts as missing; unknown fields are skipped.
#[derive(Default)]
struct Fields {
    sid: Option<String>,
    pid: Option<String>,
    upgrades: Option<Upgrades>,
    ping_interval: Option<f64>,
    ping_timeout: Option<f64>,
    max_payload: Option<f64>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                fn field<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
                    map: &mut A,
                    name: &str,
                ) -> Result<T, A::Error> {
                    map.next_value().map_err(|error| A::Error::custom(format!("{name}: {error}")))
                }
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "sid" => fields.sid = field(&mut map, &name)?,
                        "pid" => fields.pid = field(&mut map, &name)?,
                        "upgrades" => fields.upgrades = field(&mut map, &name)?,
                        "pingInterval" => fields.ping_interval = field(&mut map, &name)?,
                        "pingTimeout" => fields.ping_timeout = field(&mut map, &name)?,
                        "maxPayload" => fields.max_payload = field(&mut map, &name)?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

    #[test]
    fn what_a_node_server_sends() {
        assert_eq!(
            handshake(USUAL).unwrap(),
            Handshake {
                sid: "lv_VI97HAXpY6yYWAAAC".into(),
                upgrades: ["websocket".to_string()].into(),
                ping_interval: Duration::from_secs(25),
                ping_timeout: Duration::from_secs(20),
                max_payload: Some(1_000_000),
            }
        );
    }

    #[test]
    fn other_servers_forms() {
        let read = handshake(
            r#"0{ "extra":{"a":[1]}, "pingTimeout": 0, "pingInterval":0.5, "sid":"\u00e9/=",
            "upgrades":["websocket","webtransport","carrier-pigeon"] } "#,
        )
        .unwrap();
        assert_eq!((read.sid.as_str(), read.upgrades.len(), read.max_payload), ("é/=", 3, None));
        assert_eq!((read.ping_interval, read.ping_timeout), (Duration::from_micros(500), Duration::ZERO));

        let read = handshake(
            r#"0{"sid":"x","upgrades":null,"pingInterval":1e300,"pingTimeout":2e4,"maxPayload":0}"#,
        )
        .unwrap();
        assert_eq!(read.ping_interval, Duration::from_millis(u32::MAX.into()));
        assert_eq!((read.ping_timeout, read.max_payload), (Duration::from_secs(20), None));
        assert_eq!(handshake(&USUAL.replace("1000000", "-5")).unwrap().max_payload, None);
        assert_eq!(handshake(&USUAL.replace("1000000", "1e300")).unwrap().max_payload, Some(usize::MAX));
    }

    #[test]
    fn upgrades_are_bounded() {
        let many =
            USUAL.replace(r#"["websocket"]"#, &format!("[{}\"last\"]", r#""websocket","#.repeat(1000)));
        let read = handshake(&many).unwrap();
        assert_eq!((read.upgrades.len(), read.sid.len()), (MOST_UPGRADES, 20));
        assert!(handshake(&USUAL.replace(r#"["websocket"]"#, r#"["websocket",5]"#)).is_err());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, named) in [
            ("", "EOF"),
            ("0", "EOF"),
            ("0{", "EOF"),
            ("0[]", "an object"),
            ("0null", "an object"),
            (r#"0{"sid":5}"#, "sid"),
            (r#"0{"upgrades":[],"pingInterval":1,"pingTimeout":1}"#, "sid"),
            (r#"0{"sid":"","pingInterval":1,"pingTimeout":1}"#, "sid"),
            (r#"0{"sid":"x","pingTimeout":1}"#, "pingInterval"),
            (r#"0{"sid":"x","pingInterval":1,"pingTimeout":null}"#, "pingTimeout"),
            (r#"0{"sid":"x","pingInterval":-1,"pingTimeout":1}"#, "pingInterval"),
            (r#"0{"sid":"x","pingInterval":"1","pingTimeout":1}"#, "pingInterval"),
            (r#"0{"sid":"x","pingInterval":1,"pingTimeout":1} x"#, "trailing"),
        ] {
            let Err(DecodeError::Handshake { cause }) = handshake(text) else { panic!("{text}") };
            assert!(cause.contains(named), "{text}: {cause}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for end in (0..USUAL.len()).step_by(if cfg!(miri) { 10 } else { 1 }) {
            assert!(handshake(&USUAL[..end]).is_err());
        }
    }
}
