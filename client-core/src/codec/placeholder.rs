//! Where a packet's attachments belong: `{"_placeholder":true,"num":0}`.
//!
//! As in the JavaScript client, an object is a placeholder if its `_placeholder` is `true`, wherever that key stands and
//! whatever else the object holds; `num` counts attachments from 0, in any order, any number of times.

use alloc::string::String;
use alloc::vec::Vec;

use super::scan::Watch;
use crate::error::DecodeError;

const MARK: &str = "_placeholder";

/// Checks every placeholder during a scan, and notes what [`rewritten`] has to change.
pub(super) struct Placeholders {
    attachments: usize,
    open: Vec<Container>,
    changes: Vec<Change>,
}

enum Container {
    Array,
    Object(Object),
}

#[derive(Default)]
struct Object {
    start: usize,
    keys: usize,
    last: Role,
    /// The first key, if it is the mark and has no escapes.
    first_is_mark: Option<(usize, usize)>,
    /// The second key is `num`, without escapes.
    second_is_num: bool,
    marked: bool,
    number: Option<usize>,
    /// The number has another form than digits.
    odd_number: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    Mark,
    Number,
    #[default]
    Other,
}

struct Change {
    start: usize,
    end: usize,
    new: New,
}

enum New {
    Placeholder(usize),
    Key,
}

impl Placeholders {
    pub(super) const fn new(attachments: usize) -> Self {
        Self { attachments, open: Vec::new(), changes: Vec::new() }
    }

    /// The object whose member was just met.
    fn object(&mut self) -> Option<&mut Object> {
        match self.open.last_mut() {
            Some(Container::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// A container is neither `true` nor a number.
    fn no_scalar(&mut self) {
        if let Some(object) = self.object() {
            match object.last {
                Role::Mark => object.marked = false,
                Role::Number => object.number = None,
                Role::Other => {}
            }
        }
    }

    /// The same payload, in which exactly the objects that start with an unescaped `"_placeholder"` are placeholders,
    /// and hold a plain number next to it and nothing else. `None` if that is so already, as in what every known server
    /// sends.
    pub(super) fn rewritten(mut self, text: &str, start: usize) -> Option<String> {
        if self.changes.is_empty() {
            return None;
        }
        self.changes.sort_unstable_by_key(|change| change.start);
        let mut out = String::with_capacity(text.len());
        out.push_str(text.get(..start)?);
        let mut copied = start;
        for Change { start, end, new } in self.changes {
            // What is inside a rewritten placeholder goes with it.
            if start < copied {
                continue;
            }
            out.push_str(text.get(copied..start)?);
            match new {
                New::Placeholder(number) => {
                    out.push_str(&alloc::format!(r#"{{"_placeholder":true,"num":{number}}}"#));
                }
                New::Key => out.push_str(r#""\u005fplaceholder""#),
            }
            copied = end;
        }
        out.push_str(text.get(copied..)?);
        Some(out)
    }
}

impl Watch for Placeholders {
    fn open_object(&mut self, start: usize) {
        self.no_scalar();
        self.open.push(Container::Object(Object { start, ..Object::default() }));
    }

    fn open_array(&mut self) {
        self.no_scalar();
        self.open.push(Container::Array);
    }

    fn close_array(&mut self) {
        self.open.pop();
    }

    fn key(&mut self, text: &str, start: usize, end: usize) {
        let raw = text.get(start..end).unwrap_or_default();
        let Some(object) = self.object() else { return };
        object.keys += 1;
        object.last = match raw {
            r#""_placeholder""# => Role::Mark,
            r#""num""# => Role::Number,
            _ if raw.contains('\\') => match serde_json::from_str::<String>(raw).as_deref() {
                Ok(MARK) => Role::Mark,
                Ok("num") => Role::Number,
                _ => Role::Other,
            },
            _ => Role::Other,
        };
        match object.keys {
            1 if raw == r#""_placeholder""# => object.first_is_mark = Some((start, end)),
            2 => object.second_is_num = raw == r#""num""#,
            _ => {}
        }
    }

    fn scalar(&mut self, text: &str, start: usize, end: usize) {
        let Some(object) = self.object() else { return };
        if object.last == Role::Other {
            return;
        }
        let raw = text.get(start..end).unwrap_or_default();
        if object.last == Role::Mark {
            object.marked = raw == "true";
        } else {
            object.odd_number = !raw.bytes().all(|byte| byte.is_ascii_digit());
            object.number = if object.odd_number { whole(raw) } else { raw.parse().ok() };
        }
    }

    fn close_object(&mut self, end: usize) -> Result<(), DecodeError> {
        let Some(Container::Object(object)) = self.open.pop() else { return Ok(()) };
        if object.marked {
            let Some(number) = object.number.filter(|&number| number < self.attachments) else {
                return Err(DecodeError::Payload { cause: "illegal attachments".into() });
            };
            let plain = object.first_is_mark.is_some()
                && object.second_is_num
                && object.keys == 2
                && !object.odd_number;
            if !plain {
                self.changes.push(Change { start: object.start, end, new: New::Placeholder(number) });
            }
        } else if let Some((start, end)) = object.first_is_mark {
            self.changes.push(Change { start, end, new: New::Key });
        }
        Ok(())
    }
}

/// `1.0`, `1e0` and `-0` are whole numbers to JavaScript.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "what changes on the way there and back is refused"
)]
fn whole(raw: &str) -> Option<usize> {
    // Also refuses `"1"`, `true` and the like.
    let number: f64 = raw.parse().ok()?;
    let whole = number as usize;
    (whole as f64 == number).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::scan::scan;

    fn rewrite(json: &str, attachments: usize) -> Result<Option<String>, DecodeError> {
        let mut placeholders = Placeholders::new(attachments);
        scan(json, 0, &mut placeholders)?;
        Ok(placeholders.rewritten(json, 0))
    }

    #[test]
    fn what_servers_send_stays_as_it_is() {
        for json in [
            r#"["a",{"_placeholder":true,"num":0}]"#,
            r#"["a",{"b":[{"_placeholder":true,"num":1},{"_placeholder" : true , "num":0 }]},{"num":5}]"#,
            r#"["_placeholder",{"num":"x","b":{"c":1,"_placeholder":false}},"_placeholder",{}]"#,
        ] {
            assert_eq!(rewrite(json, 2), Ok(None), "{json}");
        }
    }

    #[test]
    fn other_forms_are_brought_into_it() {
        for (json, expected) in [
            (r#"[{"num":1,"_placeholder":true}]"#, r#"[{"_placeholder":true,"num":1}]"#),
            (r#"[{"_placeholder":true,"num":1,"x":[1]}]"#, r#"[{"_placeholder":true,"num":1}]"#),
            (r#"[{"_placeholder":true,"num":0,"num":1}]"#, r#"[{"_placeholder":true,"num":1}]"#),
            (r#"[{"_placeholder":[],"_placeholder":true,"num":1}]"#, r#"[{"_placeholder":true,"num":1}]"#),
            (r#"[{"\u005fplaceholder":true,"num":1e0}]"#, r#"[{"_placeholder":true,"num":1}]"#),
            (r#"[{"_placeholder":true,"n\u0075m":-0}]"#, r#"[{"_placeholder":true,"num":0}]"#),
            (r#"[{"_placeholder":false,"num":9}]"#, r#"[{"\u005fplaceholder":false,"num":9}]"#),
            (
                r#"[{"_placeholder":true,"_placeholder":{}}]"#,
                r#"[{"\u005fplaceholder":true,"_placeholder":{}}]"#,
            ),
            (
                r#"[{"_placeholder":1,"a":{"num":0,"_placeholder":true}}]"#,
                r#"[{"\u005fplaceholder":1,"a":{"_placeholder":true,"num":0}}]"#,
            ),
            (
                r#"[1,{"num":0,"a":{"num":0,"_placeholder":true},"_placeholder":true},2]"#,
                r#"[1,{"_placeholder":true,"num":0},2]"#,
            ),
        ] {
            let new = rewrite(json, 2).unwrap();
            assert_eq!(new.as_deref(), Some(expected), "{json}");
            assert_eq!(rewrite(expected, 2), Ok(None), "{expected}");
        }
    }

    #[test]
    fn a_number_that_is_none_or_out_of_range_is_an_error() {
        for json in [
            r#"[{"_placeholder":true}]"#,
            r#"[{"_placeholder":true,"num":2}]"#,
            r#"[{"_placeholder":true,"num":-1}]"#,
            r#"[{"_placeholder":true,"num":0.5}]"#,
            r#"[{"_placeholder":true,"num":1e400}]"#,
            r#"[{"_placeholder":true,"num":99999999999999999999999}]"#,
            r#"[{"_placeholder":true,"num":"0"}]"#,
            r#"[{"_placeholder":true,"num":null}]"#,
            r#"[{"_placeholder":true,"num":true}]"#,
            r#"[{"_placeholder":true,"num":[0]}]"#,
            r#"[{"_placeholder":true,"num":0,"num":{}}]"#,
            r#"[[{"a":{"num":3,"_placeholder":true}}]]"#,
        ] {
            assert!(matches!(rewrite(json, 2), Err(DecodeError::Payload { .. })), "{json}");
        }
    }
}
