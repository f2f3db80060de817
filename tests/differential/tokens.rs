//! Values as flat lists of tokens, however deep they are: `README.md` has the form.

use serde_json::Value as Token;
use socketio_client_core::codec::Value;

/// Appends the tokens of a value.
pub(crate) fn write(value: &Value, out: &mut Vec<Token>) {
    match value {
        Value::Null => out.push(Token::Null),
        Value::Bool(value) => out.push((*value).into()),
        Value::Number(value) => out.push(Token::Number(value.clone())),
        Value::String(text) => out.push(format!("s{text}").into()),
        Value::Bytes(bytes) => out.push(format!("b{}", hex(bytes)).into()),
        Value::Array(values) => {
            out.push(format!("[{}", values.len()).into());
            values.iter().for_each(|value| write(value, out));
        }
        Value::Object(entries) => {
            out.push(format!("{{{}", entries.len()).into());
            for (key, value) in entries {
                out.push(format!("s{key}").into());
                write(value, out);
            }
        }
    }
}

/// Takes one value from the front.
pub(crate) fn read(tokens: &mut impl Iterator<Item = Token>) -> Option<Value> {
    Some(match tokens.next()? {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        Token::Number(value) => Value::Number(value),
        Token::String(token) => {
            let rest = token.get(1..)?;
            match token.as_bytes().first()? {
                b's' => Value::String(rest.into()),
                b'b' => Value::Bytes(unhex(rest)?.into()),
                b'[' => Value::Array(
                    (0..rest.parse::<usize>().ok()?).map(|_| read(tokens)).collect::<Option<_>>()?,
                ),
                b'{' => {
                    let mut entry = || match read(tokens)? {
                        Value::String(key) => Some((key, read(tokens)?)),
                        _ => None,
                    };
                    Value::Object((0..rest.parse::<usize>().ok()?).map(|_| entry()).collect::<Option<_>>()?)
                }
                _ => return None,
            }
        }
        Token::Array(_) | Token::Object(_) => return None,
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
