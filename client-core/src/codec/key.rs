//! An object's key, read ahead and handed on.

use alloc::string::{String, ToString};
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A key as it stands in the text, or what its escapes mean.
pub(super) enum Key<'de> {
    Borrowed(&'de str),
    Escaped(String),
}

impl<'de> Key<'de> {
    /// Whether a placeholder starts here. A user's key of that name has an escape in it.
    #[inline]
    pub(super) fn is_placeholder(&self) -> bool {
        matches!(self, Self::Borrowed("_placeholder"))
    }

    pub(super) fn replay<S: DeserializeSeed<'de>, E: Error>(self, seed: S) -> Result<S::Value, E> {
        seed.deserialize(Replay { key: self, error: PhantomData })
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(key) => key,
            Self::Escaped(key) => key,
        }
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key::Borrowed(key))
            }
            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key::Escaped(key.to_string()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

struct Replay<'de, E> {
    key: Key<'de>,
    error: PhantomData<E>,
}

/// Like serde_json, a key is a number where a number is asked for.
macro_rules! parsed {
    ($($method:ident => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.key.as_str().parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Replay<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.key {
            Key::Borrowed(key) => visitor.visit_borrowed_str(key),
            Key::Escaped(key) => visitor.visit_string(key),
        }
    }

    parsed! {
        deserialize_bool => visit_bool, deserialize_i8 => visit_i8, deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32, deserialize_i64 => visit_i64, deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8, deserialize_u16 => visit_u16, deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64, deserialize_u128 => visit_u128, deserialize_f32 => visit_f32,
        deserialize_f64 => visit_f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(self.key.as_str().into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
