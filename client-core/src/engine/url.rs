//! Where to connect: what the application's URL says, and the URL of each request.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use crate::config::{Config, TransportKind};
use crate::packet::header::{ROOT, push_number};
use crate::rng::Rng;

/// The URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the URL {url:?} cannot be used: {cause}")]
pub struct UrlError {
    /// As it was given.
    pub url: String,
    /// What is wrong, and what to write instead.
    pub cause: &'static str,
}

/// What the application's URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// TLS or not.
    pub secure: bool,
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// 443 with TLS and 80 without, unless the URL names one.
    pub port: u16,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// The URL's path; `/` where it has none.
    pub namespace: String,
}

impl Address {
    /// Reads `http`, `https`, `ws` and `wss` URLs. User info and fragment are dropped, as in the JavaScript client.
    ///
    /// ```
    /// use socketio_client_core::Address;
    ///
    /// let address = Address::parse("https://example.com:8443/chat?room=a%20b")?;
    /// assert!(address.secure);
    /// assert_eq!((address.host.as_str(), address.port, address.namespace.as_str()), ("example.com", 8443, "/chat"));
    /// assert_eq!(address.query, [("room".to_string(), "a b".to_string())]);
    /// # Ok::<(), socketio_client_core::UrlError>(())
    /// ```
    ///
    /// # Errors
    /// If the URL has no host, another scheme, or a port that is none.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let error = |cause| UrlError { url: url.to_string(), cause };
        if url.len() > MAX_URL {
            return Err(UrlError {
                url: url.chars().take(64).collect(),
                cause: "longer than 8,000 characters",
            });
        }
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| error("no scheme; write http://, https://, ws:// or wss:// in front"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(error("unknown scheme; use http, https, ws or wss")),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) =
            before_query.find('/').map_or((before_query, ""), |at| before_query.split_at(at));
        let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host_port.strip_prefix('[') {
            Some(ipv6) => {
                let (host, after) =
                    ipv6.split_once(']').ok_or_else(|| error("no \"]\" after the IPv6 address"))?;
                (host, after.strip_prefix(':').or((!after.is_empty()).then_some("?")))
            }
            None => host_port.split_once(':').map_or((host_port, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty()
            || host.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"\\^`{|}[]".contains(c))
        {
            return Err(error("no host name"));
        }
        let port = match port {
            None | Some("") => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(error("the port is not a number from 1 to 65535")),
                Ok(port) => port,
            },
        };
        Ok(Self {
            secure,
            host: host.to_string(),
            port,
            query: parse_query(query),
            namespace: if path.is_empty() { ROOT.to_string() } else { path.to_string() },
        })
    }
}

impl Address {
    /// Whether both name one server.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }
}

/// As in the JavaScript client: longer ones are a mistake or an attack.
const MAX_URL: usize = 8000;

/// `a=1&b=2`, percent-decoded; `+` stays. A key without `=` has an empty value.
fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Like `encodeURIComponent`.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
        {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(digit + if digit < 10 { b'0' } else { b'A' - 10 }));
            }
        }
    }
}

/// The URL of one request: the application's query, then `EIO`, `transport`, `sid` and the cache-buster.
pub(crate) fn request(config: &Config, transport: TransportKind, sid: Option<&str>, rng: &mut Rng) -> String {
    let address = &config.address;
    let (scheme, stamped_by_default) = match (transport, address.secure) {
        (TransportKind::Polling, false) => ("http", true),
        (TransportKind::Polling, true) => ("https", true),
        (TransportKind::WebSocket, false) => ("ws", false),
        (TransportKind::WebSocket, true) => ("wss", false),
    };
    let mut url = String::from(scheme);
    url.push_str("://");
    let is_ipv6 = address.host.bytes().any(|byte| byte == b':');
    if is_ipv6 {
        url.push('[');
    }
    url.push_str(&address.host);
    if is_ipv6 {
        url.push(']');
    }
    if address.port != if address.secure { 443 } else { 80 } {
        url.push(':');
        push_number(address.port.into(), &mut url);
    }
    let path = config.path.strip_suffix('/').unwrap_or(&config.path);
    if !path.starts_with('/') {
        url.push('/');
    }
    url.push_str(path);
    if config.add_trailing_slash {
        url.push('/');
    }
    let mut separator = '?';
    let mut pair = |key: &str, value: &str| {
        url.push(separator);
        separator = '&';
        encode(key, &mut url);
        url.push('=');
        encode(value, &mut url);
    };
    for (key, value) in config.query.iter().chain(&address.query) {
        pair(key, value);
    }
    pair("EIO", "4");
    pair("transport", transport.as_str());
    if config.timestamp_requests.unwrap_or(stamped_by_default) {
        pair(&config.timestamp_param, &cache_buster(rng));
    }
    if config.force_base64 && (transport == TransportKind::WebSocket || sid.is_none()) {
        pair("b64", "1");
    }
    if let Some(sid) = sid {
        pair("sid", sid);
    }
    url
}

/// Eight characters, base 36, as long as the JavaScript client's.
fn cache_buster(rng: &mut Rng) -> String {
    let mut number = rng.next();
    (0..8)
        .map(|_| {
            let digit = u32::try_from(number % 36).unwrap_or_default();
            number /= 36;
            char::from_digit(digit, 36).unwrap_or('0')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn url(
        url: &str,
        change: impl FnOnce(&mut Config),
        transport: TransportKind,
        sid: Option<&str>,
    ) -> String {
        let mut config = Config::new(url).unwrap();
        change(&mut config);
        request(&config, transport, sid, &mut Rng::new(1))
    }

    #[test]
    fn websocket_urls_carry_no_cache_buster() {
        let open = url("http://h:3000/chat?a=b c&d", |_| (), TransportKind::WebSocket, None);
        assert_eq!(open, "ws://h:3000/socket.io/?a=b%20c&d=&EIO=4&transport=websocket");
        let upgrade = url("https://h", |_| (), TransportKind::WebSocket, Some("E1"));
        assert_eq!(upgrade, "wss://h/socket.io/?EIO=4&transport=websocket&sid=E1");
    }

    #[test]
    fn polling_urls_carry_one_in_front_of_the_sid() {
        let poll = url("http://[::1]:8080", |_| (), TransportKind::Polling, Some("E1"));
        let (before, after) = poll.split_once("&t=").unwrap();
        assert_eq!(before, "http://[::1]:8080/socket.io/?EIO=4&transport=polling");
        assert_eq!(after.len(), "12345678&sid=E1".len());
        assert!(after.ends_with("&sid=E1"));
    }

    #[test]
    fn base64_is_asked_for_once_per_transport() {
        let base64 = |transport, sid| {
            let change = |config: &mut Config| {
                config.force_base64 = true;
                config.timestamp_requests = Some(false);
            };
            url("http://h", change, transport, sid)
        };
        let polling = "http://h/socket.io/?EIO=4&transport=polling";
        assert_eq!(base64(TransportKind::Polling, None), [polling, "&b64=1"].concat());
        assert_eq!(base64(TransportKind::Polling, Some("E1")), [polling, "&sid=E1"].concat());
        let upgrade = "ws://h/socket.io/?EIO=4&transport=websocket&b64=1&sid=E1";
        assert_eq!(base64(TransportKind::WebSocket, Some("E1")), upgrade);
    }

    #[test]
    fn options_shape_path_and_query() {
        let change = |config: &mut Config| {
            config.path = "/api/io/".into();
            config.add_trailing_slash = false;
            config.query = [("k&".into(), "v=".into())].into();
            config.timestamp_requests = Some(false);
        };
        let poll = url("https://h:80/x", change, TransportKind::Polling, None);
        assert_eq!(poll, "https://h:80/api/io?k%26=v%3D&EIO=4&transport=polling");
    }

    #[test]
    fn the_namespace_is_the_path() {
        let namespace = |url| Address::parse(url).unwrap().namespace;
        assert_eq!(namespace("http://h"), "/");
        assert_eq!(namespace("http://h/"), "/");
        assert_eq!(namespace("ws://u:p@h:1/a/b?x#y"), "/a/b");
    }

    #[test]
    fn what_is_no_url_says_why() {
        for url in [
            "",
            "h:3000",
            "/chat",
            "ftp://h",
            "http://",
            "http://:1",
            "http://h:0",
            "http://h:x",
            "http://[::1",
            "http://[::1]x",
            "http://a b",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        assert!(Address::parse(&format!("http://h/{}", "x".repeat(8000))).is_err());
    }
}
