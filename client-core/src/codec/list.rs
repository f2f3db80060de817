//! Argument lists into tuples.

use alloc::format;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::de::{Attachments, With};

/// Reads an array as an argument list. Arguments that the type has no place for are ignored, as in JavaScript.
pub(super) struct List<'a, 'de, T> {
    /// An event's name comes first.
    pub(super) named: bool,
    pub(super) attachments: &'a Attachments<'de>,
    pub(super) target: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<'_, 'de, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<T, A::Error> {
        let mut list = With::new(inner, self.attachments);
        if self.named {
            list.next_element::<IgnoredAny>()?;
        }
        let value = T::deserialize(Arguments { list: &mut list })?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

struct Arguments<'a, L> {
    list: &'a mut L,
}

impl<'de, L: SeqAccess<'de>> Deserializer<'de> for Arguments<'_, L> {
    type Error = L::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, L::Error> {
        visitor.visit_seq(self.list)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, L::Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, L::Error> {
        visitor.visit_seq(Padded { list: self.list, read: 0 })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, L::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct seq
        tuple_struct map struct enum identifier ignored_any
    }
}

/// A list that ends in as many missing arguments as the tuple wants.
struct Padded<'a, L> {
    list: &'a mut L,
    read: usize,
}

impl<'de, L: SeqAccess<'de>> SeqAccess<'de> for Padded<'_, L> {
    type Error = L::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, L::Error> {
        self.read += 1;
        // The list needs its seed whole, so whether there is an element shows only by what became of the seed.
        let mut seed = Some(seed);
        let value = self.list.next_element_seed(Lent(&mut seed))?;
        match (value, seed) {
            (None, Some(seed)) => seed.deserialize(Missing::new(self.read)).map(Some),
            (value, _) => Ok(value),
        }
    }
}

struct Lent<'a, S>(&'a mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lent<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(inner),
            None => Err(D::Error::custom("a list that gives one element twice")),
        }
    }
}

/// An argument that did not come: `None`, `()` and dynamic values can stand for it, nothing else.
pub(super) struct Missing<E> {
    number: usize,
    error: PhantomData<E>,
}

impl<E> Missing<E> {
    /// `number` counts from 1.
    pub(super) const fn new(number: usize) -> Self {
        Self { number, error: PhantomData }
    }
}

impl<E: Error> Missing<E> {
    fn refuse<T>(&self) -> Result<T, E> {
        Err(E::custom(format!("argument {} is missing", self.number)))
    }
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $type,)* _: V) -> Result<V::Value, E> {
            self.refuse()
        }
    )*};
}

macro_rules! unit {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $type,)* visitor: V) -> Result<V::Value, E> {
            visitor.visit_unit()
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    unit! {
        deserialize_any(); deserialize_unit(); deserialize_ignored_any(); deserialize_unit_struct(&'static str);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    refuse! {
        deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64();
        deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64();
        deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str();
        deserialize_string(); deserialize_bytes(); deserialize_byte_buf(); deserialize_seq();
        deserialize_tuple(usize); deserialize_tuple_struct(&'static str, usize); deserialize_map();
        deserialize_struct(&'static str, &'static [&'static str]); deserialize_identifier();
        deserialize_enum(&'static str, &'static [&'static str]);
    }
}
