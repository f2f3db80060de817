//! JSON to application values, with attachments where placeholders stand, straight into the user's type.
//!
//! A deserialiser is wrapped to see every object before its visitor does. A placeholder is known by its first key:
//! [`placeholder`](super::placeholder) has brought every one into that form, and every other object out of it.

use alloc::string::String;
use core::cell::Cell;
use core::fmt;

use bytes::Bytes;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::SeqDeserializer,
};

use super::key::Key;
use super::payload::Payload;

/// No encoder lets placeholders share an attachment; where a server does, the application has a copy for each. All together
/// may be so many times what came.
const COPIES: usize = 16;

/// What placeholders stand for.
pub(super) struct Attachments<'de> {
    all: &'de [Bytes],
    /// So many bytes more may be read.
    left: Cell<usize>,
}

impl<'de> Attachments<'de> {
    pub(super) fn of(payload: &'de Payload) -> Self {
        let all = payload.attachments();
        let came = if all.is_empty() { 0 } else { payload.size() };
        Self { all, left: Cell::new(came.saturating_mul(COPIES)) }
    }

    /// The one that the rest of a placeholder refers to.
    fn read<A: MapAccess<'de>>(&self, mut rest: A) -> Result<&'de [u8], A::Error> {
        if rest.next_value()?
            && let Some((Key::Borrowed("num"), number)) = rest.next_entry::<Key<'de>, usize>()?
            && let Some(bytes) = self.all.get(number)
        {
            let many = || {
                Error::custom(format_args!(
                    "placeholders that share attachments: more than {COPIES} times what came"
                ))
            };
            self.left.set(self.left.get().checked_sub(bytes.len()).ok_or_else(many)?);
            return Ok(bytes);
        }
        Err(Error::custom("a placeholder that refers to no attachment"))
    }
}

/// A deserialiser, a visitor, a seed, or a part of a value, that passes attachments on to what is inside.
pub(super) struct With<'a, 'de, T> {
    inner: T,
    attachments: &'a Attachments<'de>,
    /// Of a visitor: it expects a sequence, so bytes come one by one.
    sequence: bool,
}

impl<'a, 'de, T> With<'a, 'de, T> {
    #[inline]
    pub(super) const fn new(inner: T, attachments: &'a Attachments<'de>) -> Self {
        Self { inner, attachments, sequence: false }
    }

    #[inline]
    const fn around<U>(&self, inner: U) -> With<'a, 'de, U> {
        With::new(inner, self.attachments)
    }
}

macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.around(visitor);
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

macro_rules! forward_to_any {
    ($($method:ident($($type:ty),*) $sequence:literal;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $(_: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = With { inner: visitor, attachments: self.attachments, sequence: $sequence };
            self.inner.deserialize_any(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for With<'_, 'de, D> {
    type Error = D::Error;

    forward! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32();
        deserialize_u64(); deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char();
        deserialize_str(); deserialize_string(); deserialize_option(); deserialize_unit(); deserialize_map();
        deserialize_unit_struct(name: &'static str); deserialize_newtype_struct(name: &'static str);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    // Where these stand, the text may have a placeholder.
    forward_to_any! {
        deserialize_bytes() false; deserialize_byte_buf() false; deserialize_seq() true;
        deserialize_tuple(usize) true; deserialize_tuple_struct(&'static str, usize) true;
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_identifier(visitor)
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for With<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32,
        visit_f64: f64, visit_char: char, visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.visit_some(inner)
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.visit_newtype_struct(inner)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.visit_seq(inner)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut inner: A) -> Result<V::Value, A::Error> {
        let mut first = None;
        if !self.attachments.all.is_empty() {
            first = inner.next_key::<Key<'de>>()?;
            if first.as_ref().is_some_and(Key::is_placeholder) {
                let bytes = self.attachments.read(inner)?;
                return if self.sequence {
                    self.inner.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
                } else {
                    self.inner.visit_borrowed_bytes(bytes)
                };
            }
        }
        let inner = self.around(Entries { inner, first });
        self.inner.visit_map(inner)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.visit_enum(inner)
    }
}

/// The entries of an object of which the first key may have been read.
struct Entries<'de, A> {
    inner: A,
    first: Option<Key<'de>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for With<'_, 'de, Entries<'de, A>> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.inner.first.take() {
            Some(key) => key.replay(seed).map(Some),
            None => self.inner.inner.next_key_seed(seed),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.inner.next_value_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.inner.size_hint()
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for With<'_, 'de, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.around(seed);
        self.inner.next_element_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for With<'_, 'de, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.deserialize(inner)
    }
}

impl<'a, 'de, A: EnumAccess<'de>> EnumAccess<'de> for With<'a, 'de, A> {
    type Error = A::Error;
    type Variant = With<'a, 'de, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.inner.variant_seed(seed)?;
        Ok((name, With::new(variant, self.attachments)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for With<'_, 'de, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.newtype_variant_seed(seed)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
