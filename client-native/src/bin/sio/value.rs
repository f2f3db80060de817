//! Arguments as people write them: JSON, with `{"$bytes":"<base64>"}` for bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use socketio_client_native::Value;

const BYTES: &str = "$bytes";

/// A value on its way to standard output.
#[derive(Debug)]
pub(crate) struct Json<'a>(pub(crate) &'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(values) => serializer.collect_seq(values.iter().map(Json)),
            Value::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, Json(value))))
            }
            Value::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES, &STANDARD.encode(bytes))?;
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

/// An argument list on its way to standard output.
#[derive(Debug)]
pub(crate) struct JsonList<'a>(pub(crate) &'a [Value]);

impl Serialize for JsonList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Json))
    }
}

/// Puts bytes in the place of each `{"$bytes":"<base64>"}`.
pub(crate) fn with_bytes(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(values) => list_with_bytes(values).map(Value::Array),
        Value::Object(entries) => match entries.as_slice() {
            [(key, Value::String(text))] if key == BYTES => {
                let bytes = STANDARD.decode(text).map_err(|e| format!("\"{BYTES}\" is not base64: {e}"))?;
                Ok(Value::Bytes(bytes.into()))
            }
            [(key, _)] if key == BYTES => Err(format!("\"{BYTES}\" must be a base64 text")),
            _ => {
                let entries = entries.into_iter().map(|(key, value)| Ok((key, with_bytes(value)?)));
                entries.collect::<Result<_, String>>().map(Value::Object)
            }
        },
        plain => Ok(plain),
    }
}

/// [`with_bytes`] for each value of a list.
pub(crate) fn list_with_bytes(values: Vec<Value>) -> Result<Vec<Value>, String> {
    values.into_iter().map(with_bytes).collect()
}

/// An argument of the command line: JSON, text where it is not JSON, the bytes of a file after `@`.
pub(crate) fn argument(text: &str) -> Result<Value, String> {
    if let Some(path) = text.strip_prefix('@') {
        let bytes = std::fs::read(path).map_err(|e| format!("the file {path:?} cannot be read: {e}"))?;
        return Ok(Value::Bytes(bytes.into()));
    }
    match serde_json::from_str(text) {
        Ok(value) => with_bytes(value),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(value: &Value) -> String {
        serde_json::to_string(&Json(value)).unwrap()
    }

    #[test]
    fn bytes_go_both_ways() {
        let text = r#"{"a":[{"$bytes":"AAEC/w=="},{"b":{"$bytes":"HgqA"}}],"c":{"$bytes":""}}"#;
        let value = argument(text).unwrap();
        let Value::Object(entries) = &value else { panic!("{value:?}") };
        assert_eq!(entries[1], ("c".to_owned(), Value::Bytes(Vec::new().into())));
        assert_eq!(print(&value), text);
    }

    #[test]
    fn what_is_not_json_is_text() {
        for text in ["hello", "1 2", "{\"a\"", "", "'x'", "-", "NaN", "01"] {
            assert_eq!(argument(text), Ok(Value::String(text.to_owned())));
        }
        for text in
            ["1", "-2.5", "true", "null", "\"quoted\"", "[1,{}]", "{\"z\":1,\"a\":2}", "18446744073709551615"]
        {
            assert_eq!(print(&argument(text).unwrap()), text);
        }
    }

    #[test]
    fn bytes_that_are_no_base64_are_refused() {
        assert!(argument(r#"{"$bytes":"*"}"#).unwrap_err().contains("not base64"));
        assert!(argument(r#"[{"$bytes":1}]"#).unwrap_err().contains("must be a base64 text"));
        // Not the form for bytes: an object like any other.
        let plain = r#"{"$bytes":1,"more":2}"#;
        assert_eq!(print(&argument(plain).unwrap()), plain);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        assert!(argument("@/no/such/file").unwrap_err().contains("/no/such/file"));
    }
}
