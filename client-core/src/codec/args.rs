//! What is an argument list, and what is one argument.

use core::any::type_name;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// An argument list whose length is known at run time only.
///
/// A tuple is an argument list too, and `()` an empty one. Everything else, also a `Vec`, is one argument.
///
/// ```
/// use socketio_client_core::codec::{Arguments, Payload};
///
/// let numbers = vec![1, 2, 3];
/// assert_eq!(Payload::event("sum", &numbers)?.json(), r#"["sum",[1,2,3]]"#);
/// assert_eq!(Payload::event("sum", &Arguments(&numbers))?.json(), r#"["sum",1,2,3]"#);
///
/// let sent = Payload::event("sum", &(1, 2, 3))?;
/// assert_eq!(sent.parse::<Arguments<Vec<u32>>>()?.0, numbers);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arguments<T>(
    /// Anything that serialises as a sequence.
    pub T,
);

const NAME: &str = "Arguments";

impl<T: Serialize> Serialize for Arguments<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Arguments<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inner<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
            type Value = Arguments<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of arguments")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
                T::deserialize(inner).map(Arguments)
            }
        }
        deserializer.deserialize_newtype_struct(NAME, Inner(PhantomData))
    }
}

/// Whether a value of type `T` is an argument list: `()`, a tuple, or [`Arguments`], also behind references.
///
/// serde cannot tell: it shows a tuple and an array by the same call. The compiler's name of the type can, and both
/// directions ask here, so that what is sent as a list is read as one.
pub(super) fn is_list<T: ?Sized>() -> bool {
    let name = referent(type_name::<T>());
    // A trait object with several bounds is written in parentheses behind a reference.
    let tuple = name.starts_with('(') && !name.starts_with("(dyn ");
    tuple || type_name::<Arguments<()>>().strip_suffix("()>").is_some_and(|prefix| name.starts_with(prefix))
}

/// `&'a mut T` to `T`.
fn referent(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix('&') {
        let rest = match rest.strip_prefix('\'') {
            Some(lifetime) => lifetime.split_once(' ').map_or(rest, |(_, rest)| rest),
            None => rest,
        };
        name = rest.strip_prefix("mut ").unwrap_or(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[expect(dead_code, reason = "only its shape counts")]
    struct Pair(u8, u8);

    #[test]
    fn lists() {
        assert!(is_list::<()>());
        assert!(is_list::<(u8,)>());
        assert!(is_list::<(String, &str)>());
        assert!(is_list::<&(u8, u8)>());
        assert!(is_list::<&'static &mut (u8, u8)>());
        assert!(is_list::<((), u8)>());
        assert!(is_list::<Arguments<Vec<u8>>>());
        assert!(is_list::<&Arguments<&[u8]>>());
    }

    #[test]
    fn single_arguments() {
        assert!(!is_list::<u8>());
        assert!(!is_list::<str>());
        assert!(!is_list::<&&str>());
        assert!(!is_list::<[u8; 2]>());
        assert!(!is_list::<[(u8, u8)]>());
        assert!(!is_list::<Vec<(u8, u8)>>());
        assert!(!is_list::<Option<(u8, u8)>>());
        assert!(!is_list::<Option<Arguments<u8>>>());
        assert!(!is_list::<Pair>());
        assert!(!is_list::<&Pair>());
        assert!(!is_list::<&(dyn Send + Sync)>());
        assert!(!is_list::<Box<dyn Send>>());
    }

    #[test]
    fn references_are_looked_through_however_the_compiler_writes_them() {
        for name in ["(u8,)", "&(u8,)", "&mut (u8,)", "&'_ (u8,)", "&'a mut &'static (u8,)"] {
            assert_eq!(referent(name), "(u8,)");
        }
    }
}
