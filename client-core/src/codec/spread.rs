//! The elements of an argument list, one by one, into a list that is being written already.

use core::fmt::Display;

use serde::ser::{Error, Impossible, Serialize, SerializeSeq, SerializeTuple, Serializer};

use super::ser::{Out, Sink};

/// Accepts what [`is_list`](super::args::is_list) calls a list, and nothing else.
pub(super) struct Spread<'a, L> {
    pub(super) list: &'a mut L,
    pub(super) sink: &'a Sink,
}

fn no_list<T, E: Error>() -> Result<T, E> {
    Err(E::custom("`Arguments` must hold a list, such as a `Vec`"))
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<(), L::Error> {
            no_list()
        }
    )*};
}

macro_rules! refuse_compound {
    ($($method:ident($($type:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<Self::$compound, L::Error> {
            no_list()
        }
    )*};
}

impl<L: SerializeSeq> Serializer for Spread<'_, L> {
    type Ok = ();
    type Error = L::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), L::Error>;
    type SerializeTupleVariant = Impossible<(), L::Error>;
    type SerializeMap = Impossible<(), L::Error>;
    type SerializeStruct = Impossible<(), L::Error>;
    type SerializeStructVariant = Impossible<(), L::Error>;

    fn serialize_unit(self) -> Result<(), L::Error> {
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, L::Error> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, L::Error> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), L::Error> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), L::Error> {
        no_list()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), L::Error> {
        no_list()
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), L::Error> {
        no_list()
    }

    refuse! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
        serialize_unit_struct(&'static str); serialize_unit_variant(&'static str, u32, &'static str);
    }

    refuse_compound! {
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }
}

impl<L: SerializeSeq> SerializeSeq for Spread<'_, L> {
    type Ok = ();
    type Error = L::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), L::Error> {
        self.list.serialize_element(&Out { value, sink: self.sink })
    }

    fn end(self) -> Result<(), L::Error> {
        Ok(())
    }
}

impl<L: SerializeSeq> SerializeTuple for Spread<'_, L> {
    type Ok = ();
    type Error = L::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), L::Error> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), L::Error> {
        Ok(())
    }
}
