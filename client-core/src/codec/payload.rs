//! What a packet carries: JSON text and attachments.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::ser::Serialize;

use super::args::is_list;
use super::de::{Attachments, With};
use super::list::{List, Missing};
use super::scan::{Shape, string};
use super::ser;
use crate::error::{DecodeError, EncodeError, brief};

/// What the library says about itself; no event can have such a name.
pub(super) const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What a plain event of the root namespace has in front, so that it is sent as it was built.
pub(super) const PLAIN: &str = "42";

/// The arguments of an event or ack, or the object of a connection packet, with their attachments.
///
/// A clone shares everything with the original. A received one shares its text with the frame that brought it.
///
/// ```
/// use socketio_client_core::codec::Payload;
///
/// let payload = Payload::event("move", &("knight", 3))?;
/// assert_eq!(payload.event_name(), "move");
/// assert_eq!(payload.json(), r#"["move","knight",3]"#);
/// assert_eq!(payload.parse::<(String, u8)>()?, ("knight".to_string(), 3));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Payload {
    /// JSON, behind what the frame has in front.
    text: ByteString,
    /// Where the JSON starts.
    start: usize,
    /// An event's name, without its quotes.
    name: Option<Name>,
    /// The arguments, without name and brackets.
    args: Range<usize>,
    /// `None` if there are none.
    attachments: Option<Arc<[Bytes]>>,
}

#[derive(Clone)]
enum Name {
    Here(Range<usize>),
    Unescaped(Arc<str>),
}

impl Payload {
    /// An event. `()` as `args` is no arguments, a tuple is the list of arguments, everything else is one argument; see
    /// [`Arguments`](super::Arguments) for lists of unknown length.
    ///
    /// What serialises as bytes ([`Bytes`], the types of `serde_bytes`) becomes an attachment. Floats that JSON has no
    /// word for become `null`.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use socketio_client_core::EncodeError;
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::event("hello", &())?.json(), r#"["hello"]"#);
    /// assert_eq!(Payload::event("hello", "world")?.json(), r#"["hello","world"]"#);
    /// assert_eq!(Payload::event("hello", &(1, "world"))?.json(), r#"["hello",1,"world"]"#);
    ///
    /// let photo = Payload::event("photo", &Bytes::from_static(b"\xff\xd8"))?;
    /// assert_eq!(photo.json(), r#"["photo",{"_placeholder":true,"num":0}]"#);
    /// assert_eq!(photo.attachments(), [Bytes::from_static(b"\xff\xd8")]);
    ///
    /// assert!(matches!(Payload::event("connect", &()), Err(EncodeError::Reserved { .. })));
    /// # Ok::<(), EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::Reserved`] for the names `connect`, `connect_error`, `disconnect`, `disconnecting`, `newListener`
    /// and `removeListener`; [`EncodeError::Value`] if a type refuses, or has map keys that JSON has no form for.
    pub fn event<A: Serialize + ?Sized>(name: &str, args: &A) -> Result<Self, EncodeError> {
        if RESERVED.contains(&name) {
            return Err(EncodeError::Reserved { name: name.to_string() });
        }
        let (mut text, attachments) = ser::event(name, args)?;
        text.insert_str(0, PLAIN);
        let last = text.len().saturating_sub(1);
        let head = PLAIN.len() + 1;
        // As it was given, or with escapes.
        let written = head + 1..head + 1 + name.len();
        let quote = text.as_bytes().get(written.end);
        let name = (quote == Some(&b'"') && text.get(written.clone()) == Some(name)).then_some(written);
        let args = name.as_ref().map_or(last..last, |name| (name.end + 2).min(last)..last);
        let name = name.map(Name::Here);
        let mut payload = Self { text: text.into(), start: PLAIN.len(), name, args, attachments: None };
        if payload.name.is_none() {
            let shape = Shape { first: b'[', head, rest: 0, last, lone: false };
            if let Err(error) = payload.find_name(&shape) {
                return Err(EncodeError::Value { cause: error.to_string() });
            }
        }
        payload.attach(attachments);
        Ok(payload)
    }

    /// The arguments of an ack, by the same rule.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::args(&())?.json(), "[]");
    /// assert_eq!(Payload::args(&("ok", 200))?.json(), r#"["ok",200]"#);
    /// # Ok::<(), socketio_client_core::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::Value`] if a type refuses, or has map keys that JSON has no form for.
    pub fn args<A: Serialize + ?Sized>(args: &A) -> Result<Self, EncodeError> {
        let (text, attachments) = ser::list(args)?;
        let args = 1..text.len().saturating_sub(1);
        let mut payload = Self { text: text.into(), start: 0, name: None, args, attachments: None };
        payload.attach(attachments);
        Ok(payload)
    }

    /// Authentication data: an object, without bytes.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use socketio_client_core::EncodeError;
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::object(&BTreeMap::from([("token", "t")]))?.json(), r#"{"token":"t"}"#);
    /// assert_eq!(Payload::object("t"), Err(EncodeError::AuthNotObject));
    /// # Ok::<(), EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::AuthNotObject`] for anything but a struct or map; [`EncodeError::Value`] if a type refuses, or
    /// there are bytes in it.
    pub fn object<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let (text, attachments) = ser::value(value)?;
        if !attachments.is_empty() {
            return Err(EncodeError::Value { cause: "authentication data cannot hold bytes".to_string() });
        }
        if !text.starts_with('{') {
            return Err(EncodeError::AuthNotObject);
        }
        Ok(Self::unchecked(text))
    }

    /// One value, known to be valid.
    pub(super) fn unchecked(text: String) -> Self {
        let args = 0..text.len();
        Self { text: text.into(), start: 0, name: None, args, attachments: None }
    }

    /// A payload that [`scan`](super::scan::scan) has found valid.
    pub(super) fn received(text: ByteString, start: usize, shape: &Shape) -> Self {
        let args = if shape.first == b'[' { shape.head..shape.last } else { start..text.len() };
        Self { text, start, name: None, args, attachments: None }
    }

    /// Takes the first element as an event's name.
    pub(super) fn find_name(&mut self, shape: &Shape) -> Result<(), DecodeError> {
        const CAUSE: &str = "an event must be an array that starts with its name";
        let error = || DecodeError::Payload { cause: CAUSE.to_string() };
        let bytes = self.text.as_bytes();
        let (name, end) = match bytes.get(shape.head) {
            Some(b'"') => {
                let end = string(bytes, shape.head, &mut false)?;
                (shape.head + 1..end.saturating_sub(1), end)
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.text.get(shape.head..).unwrap_or_default();
                let len = number.find([',', ']', ' ', '\t', '\r', '\n']).ok_or_else(error)?;
                (shape.head..shape.head + len, shape.head + len)
            }
            _ => return Err(error()),
        };
        let written = self.text.get(name.clone()).unwrap_or_default();
        self.name = Some(if written.contains('\\') {
            let quoted = self.text.get(shape.head..end).unwrap_or_default();
            let name: String = serde_json::from_str(quoted).map_err(|_| error())?;
            Name::Unescaped(name.into())
        } else {
            Name::Here(name)
        });
        // When sending, the second argument's place is known only now.
        let rest = if shape.rest == 0 && bytes.get(end) == Some(&b',') { end + 1 } else { shape.rest };
        self.args = if rest == 0 { shape.last..shape.last } else { rest..shape.last };
        Ok(())
    }

    pub(super) fn attach(&mut self, attachments: Vec<Bytes>) {
        if !attachments.is_empty() {
            self.attachments = Some(attachments.into());
        }
    }

    /// `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::unchecked("{}".into())
    }

    /// This object with one more field, whose value is a JSON text. One that has the field, and what is no object, stays as it
    /// is.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// let with = |object: &Payload| object.with_field("after", "7").json().to_string();
    /// assert_eq!(with(&Payload::empty_object()), r#"{"after":7}"#);
    /// let token = Payload::object(&[("token", "t")].into_iter().collect::<std::collections::BTreeMap<_, _>>())?;
    /// assert_eq!(with(&token), r#"{"after":7,"token":"t"}"#);
    /// assert_eq!(with(&token.with_field("after", "1")), r#"{"after":1,"token":"t"}"#);
    /// # Ok::<(), socketio_client_core::EncodeError>(())
    /// ```
    #[must_use]
    pub fn with_field(&self, key: &str, value: &str) -> Self {
        let Ok(taken) = self.parse_value::<BTreeMap<String, IgnoredAny>>() else { return self.clone() };
        let Some(fields) = self.json().trim_ascii().strip_prefix('{') else { return self.clone() };
        if taken.contains_key(key) {
            return self.clone();
        }
        // A text has a form in JSON whatever is in it.
        let key = serde_json::to_string(key).unwrap_or_default();
        let comma = if taken.is_empty() { "" } else { "," };
        Self::unchecked(format!("{{{key}:{value}{comma}{fields}"))
    }

    /// An event's name; empty if this is none. A surrogate without a partner, which Rust strings cannot hold, is U+FFFD
    /// here and wherever a received payload is read.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::event("hello", &1)?.event_name(), "hello");
    /// assert_eq!(Payload::args(&1)?.event_name(), "");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn event_name(&self) -> &str {
        match &self.name {
            Some(Name::Here(name)) => self.text.get(name.clone()).unwrap_or_default(),
            Some(Name::Unescaped(name)) => name,
            None => "",
        }
    }

    /// The whole as JSON text, with placeholders for attachments.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::event("hello", &1)?.json(), r#"["hello",1]"#);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn json(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// The arguments as JSON texts between commas: no brackets, no event name.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::event("sum", &(1, [2, 3]))?.args_json(), "1,[2,3]");
    /// assert_eq!(Payload::event("hello", &())?.args_json(), "");
    /// # Ok::<(), socketio_client_core::EncodeError>(())
    /// ```
    #[must_use]
    pub fn args_json(&self) -> &str {
        self.text.get(self.args.clone()).unwrap_or_default()
    }

    /// Bytes in the order of their numbers.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// let both = (bytes::Bytes::from("a"), bytes::Bytes::from("b"));
    /// assert_eq!(Payload::event("two", &both)?.attachments(), ["a", "b"]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// Bytes of the JSON and of the attachments.
    ///
    /// ```
    /// use socketio_client_core::codec::Payload;
    ///
    /// assert_eq!(Payload::event("hello", &())?.size(), r#"["hello"]"#.len());
    /// # Ok::<(), socketio_client_core::EncodeError>(())
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.attachments().iter().fold(self.json().len(), |sum, bytes| sum.saturating_add(bytes.len()))
    }

    /// The arguments of an event (after its name) or ack, by the rule of [`event`](Self::event). Further arguments are
    /// ignored; missing ones can be read as `Option` or `()`.
    ///
    /// Byte buffers ([`Bytes`], the types of `serde_bytes`, `Vec<u8>`, and `&[u8]` with `serde_bytes` without a copy)
    /// and dynamic types such as [`Value`](super::Value) get the attachments that stand in their places. No encoder lets
    /// two places share one; where a server does, all that is read may be 16 times what came, and no more.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use socketio_client_core::codec::Payload;
    ///
    /// let event = Payload::event("photo", &("cat.jpg", Bytes::from_static(b"\xff\xd8")))?;
    /// assert_eq!(event.parse::<String>()?, "cat.jpg");
    /// assert_eq!(event.parse::<(&str, Bytes)>()?.1, &b"\xff\xd8"[..]);
    /// assert_eq!(event.parse::<(&str, Bytes, Option<u8>)>()?.2, None);
    /// assert!(event.parse::<(u8, Bytes)>().is_err());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError::Type`] if the arguments do not fit, or share attachments beyond that bound.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        if is_list::<T>() {
            let attachments = Attachments::of(self);
            let list = List { named: self.name.is_some(), attachments: &attachments, target: PhantomData };
            return serde_json::Deserializer::from_str(self.json()).deserialize_seq(list).map_err(mismatch);
        }
        let args = self.args_json();
        if args.is_empty() { T::deserialize(Missing::new(1)).map_err(mismatch) } else { self.first(args) }
    }

    /// The whole as one value, such as the object of a refusal.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use socketio_client_core::codec::Payload;
    ///
    /// let auth = BTreeMap::from([("token".to_string(), "t".to_string())]);
    /// assert_eq!(Payload::object(&auth)?.parse_value::<BTreeMap<String, String>>()?, auth);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError::Type`] if it does not fit.
    pub fn parse_value<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        self.first(self.json())
    }

    /// The first value in valid JSON; what comes after it is not looked at.
    fn first<'de, T: Deserialize<'de>>(&'de self, json: &'de str) -> Result<T, DecodeError> {
        let mut inner = serde_json::Deserializer::from_str(json);
        let attachments = Attachments::of(self);
        T::deserialize(With::new(&mut inner, &attachments)).map_err(mismatch)
    }

    /// Whether the text is that of a plain event of the root namespace.
    pub(super) fn is_plain(&self) -> bool {
        self.start == PLAIN.len() && self.attachments.is_none() && self.text.starts_with(PLAIN)
    }

    /// The JSON, behind what a plain event has in front.
    pub(super) const fn text(&self) -> &ByteString {
        &self.text
    }

    pub(super) fn into_text(self) -> ByteString {
        self.text
    }
}

/// serde's word, without the place in a text that the application never sees.
pub(super) fn mismatch(error: serde_json::Error) -> DecodeError {
    let mut cause = error.to_string();
    if let Some((end, _)) = cause.rmatch_indices(" at line ").next().filter(|_| error.line() != 0) {
        cause.truncate(end);
    }
    DecodeError::Type { cause: brief(&cause) }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json() && self.attachments() == other.attachments()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("json", &self.json())
            .field("attachments", &self.attachments())
            .finish()
    }
}
