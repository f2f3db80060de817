//! Application values to JSON, with byte buffers taken out as attachments, in one pass.
//!
//! Without `std`, serde_json exports functions that serialise a value, but not its serialiser. So the value is wrapped:
//! it hands itself a serialiser that forwards to whichever it was given, except for byte buffers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::Display;

use bytes::Bytes;
use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::to_string;

use super::args::is_list;
use super::placeholder::Placeholders;
use super::scan::scan;
use super::spread::Spread;
use crate::error::EncodeError;

/// Byte buffers in the order in which they are met.
#[derive(Default)]
pub(super) struct Sink(Cell<Vec<Bytes>>);

impl Sink {
    fn push(&self, bytes: &[u8]) -> usize {
        let mut all = self.0.take();
        let number = all.len();
        all.push(Bytes::copy_from_slice(bytes));
        self.0.set(all);
        number
    }
}

/// `["name",…]`
pub(super) fn event<A: Serialize + ?Sized>(
    name: &str,
    args: &A,
) -> Result<(String, Vec<Bytes>), EncodeError> {
    write(|sink| to_string(&List { name: Some(name), args, sink }))
}

/// `[…]`
pub(super) fn list<A: Serialize + ?Sized>(args: &A) -> Result<(String, Vec<Bytes>), EncodeError> {
    write(|sink| to_string(&List { name: None, args, sink }))
}

/// Any value.
pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<(String, Vec<Bytes>), EncodeError> {
    write(|sink| to_string(&Out { value, sink }))
}

fn write(
    to_string: impl FnOnce(&Sink) -> serde_json::Result<String>,
) -> Result<(String, Vec<Bytes>), EncodeError> {
    let sink = Sink::default();
    let mut text = to_string(&sink).map_err(|error| EncodeError::Value { cause: error.to_string() })?;
    let attachments = sink.0.take();
    // The application's own data may have a key of that name.
    if !attachments.is_empty() && text.matches(r#""_placeholder""#).count() != attachments.len() {
        let mut placeholders = Placeholders::new(attachments.len());
        scan(&text, 0, &mut placeholders).map_err(|error| EncodeError::Value { cause: error.to_string() })?;
        text = placeholders.rewritten(&text, 0).unwrap_or(text);
    }
    Ok((text, attachments))
}

struct List<'a, A: ?Sized> {
    name: Option<&'a str>,
    args: &'a A,
    sink: &'a Sink,
}

impl<A: Serialize + ?Sized> Serialize for List<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(name) = self.name {
            list.serialize_element(name)?;
        }
        if is_list::<A>() {
            self.args.serialize(Spread { list: &mut list, sink: self.sink })?;
        } else {
            list.serialize_element(&Out { value: self.args, sink: self.sink })?;
        }
        list.end()
    }
}

/// A value that hands its byte buffers to the sink.
pub(super) struct Out<'a, T: ?Sized> {
    pub(super) value: &'a T,
    pub(super) sink: &'a Sink,
}

impl<T: Serialize + ?Sized> Serialize for Out<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Tap { inner, sink: self.sink })
    }
}

/// A serialiser, or a part of one, that wraps every value passing through.
struct Tap<'a, S> {
    inner: S,
    sink: &'a Sink,
}

macro_rules! scalars {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

macro_rules! compounds {
    ($($method:ident($($arg:ident: $type:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self, $($arg: $type),*) -> Result<Self::$compound, S::Error> {
            Ok(Tap { inner: self.inner.$method($($arg),*)?, sink: self.sink })
        }
    )*};
}

impl<'a, S: Serializer> Serializer for Tap<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Tap<'a, S::SerializeSeq>;
    type SerializeTuple = Tap<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Tap<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Tap<'a, S::SerializeTupleVariant>;
    type SerializeMap = Tap<'a, S::SerializeMap>;
    type SerializeStruct = Tap<'a, S::SerializeStruct>;
    type SerializeStructVariant = Tap<'a, S::SerializeStructVariant>;

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        let mut map = self.inner.serialize_map(Some(2))?;
        map.serialize_entry("_placeholder", &true)?;
        map.serialize_entry("num", &self.sink.push(bytes))?;
        map.end()
    }

    scalars! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str,
        serialize_unit_struct: &'static str,
    }

    compounds! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Out { value, sink: self.sink })
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Out { value, sink: self.sink })
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, &Out { value, sink: self.sink })
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($name:ident :: $method:ident),* $(,)?) => {$(
        impl<S: ser::$name> ser::$name for Tap<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&Out { value, sink: self.sink })
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}

macro_rules! fields {
    ($($name:ident),*) => {$(
        impl<S: ser::$name> ser::$name for Tap<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.serialize_field(key, &Out { value, sink: self.sink })
            }

            #[inline]
            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl<S: SerializeMap> SerializeMap for Tap<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        // A key is text; serde_json refuses bytes there.
        self.inner.serialize_key(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&Out { value, sink: self.sink })
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
