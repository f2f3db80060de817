//! The cookies by which balancers find a session's server again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Request, Uri};

/// So many are kept, so many bytes of each, and of all; a server cannot make a client send more than that. Node refuses a
/// request with more than 16 KiB before its body, and by its own cookies a server could keep a client away for good.
const MOST: usize = 32;
const LONGEST: usize = 4096;
const ALL: usize = 8192;

/// What servers have set, for as long as the client lives. Each is sent to the host that has set it, and to no other. Clones
/// are the same jar.
#[derive(Debug, Clone, Default)]
pub(super) struct Cookies(Arc<Mutex<Vec<Cookie>>>);

#[derive(Debug)]
struct Cookie {
    host: String,
    /// Where the host's paths begin for which it is.
    path: String,
    name: String,
    value: String,
    /// For https only.
    secure: bool,
    until: Option<Instant>,
}

impl Cookies {
    /// Adds them to a request. Those of the application come first, and win.
    pub(super) fn add<B>(&self, request: &mut Request<B>) {
        let uri = request.uri();
        let own = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs: Vec<String> = own.map(str::to_owned).collect();
        let own: Vec<String> =
            pairs.iter().flat_map(|own| own.split(';')).map(|pair| name_of(pair).to_owned()).collect();
        let now = Instant::now();
        let mut jar = self.lock();
        jar.retain(|cookie| cookie.until.is_none_or(|until| now < until));
        let fitting = jar.iter().filter(|cookie| cookie.is_for(uri) && !own.contains(&cookie.name));
        pairs.extend(fitting.map(|Cookie { name, value, .. }| format!("{name}={value}")));
        if !pairs.is_empty()
            && let Ok(value) = HeaderValue::from_str(&pairs.join("; "))
        {
            request.headers_mut().insert(header::COOKIE, value);
        }
    }

    /// Keeps what an answer sets.
    pub(super) fn keep(&self, uri: &Uri, headers: &HeaderMap) {
        let now = Instant::now();
        for value in headers.get_all(header::SET_COOKIE) {
            let cookie = value.to_str().ok().filter(|text| text.len() <= LONGEST);
            let Some(cookie) = cookie.and_then(|text| Cookie::parse(uri, text, now)) else { continue };
            let mut jar = self.lock();
            jar.retain(|old| !old.is_replaced_by(&cookie));
            if cookie.until.is_none_or(|until| now < until) {
                jar.push(cookie);
                while jar.len() > MOST || jar.iter().map(Cookie::size).sum::<usize>() > ALL {
                    jar.remove(0);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cookie {
    fn parse(uri: &Uri, text: &str, now: Instant) -> Option<Self> {
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self {
            host: host(uri)?,
            path: "/".to_owned(),
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            secure: false,
            until: None,
        };
        let mut lasts = false;
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match attribute.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "secure" => cookie.secure = true,
                "max-age" => {
                    if let Ok(seconds) = value.parse::<i64>() {
                        lasts = true;
                        let age = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                        cookie.until = now.checked_add(age);
                    }
                }
                // The way to take one back; other dates are far enough away.
                "expires"
                    if !lasts
                        && (value.contains(" 1970 ")
                            || value.contains("-1970 ")
                            || value.contains("-70 ")) =>
                {
                    cookie.until = Some(now);
                }
                _ => {}
            }
        }
        (!cookie.name.is_empty()).then_some(cookie)
    }

    fn is_for(&self, uri: &Uri) -> bool {
        let rest = uri.path().strip_prefix(&self.path);
        let inside =
            rest.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        inside
            && host(uri).is_some_and(|host| host == self.host)
            && (!self.secure || uri.scheme() == Some(&Scheme::HTTPS))
    }

    /// Bytes that a request has of it.
    fn size(&self) -> usize {
        self.name.len() + self.value.len()
    }

    fn is_replaced_by(&self, other: &Self) -> bool {
        (&self.host, &self.path, &self.name) == (&other.host, &other.path, &other.name)
    }
}

fn host(uri: &Uri) -> Option<String> {
    uri.host().map(str::to_ascii_lowercase)
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(jar: &Cookies, url: &str, own: Option<&str>) -> String {
        let mut request = Request::builder().uri(url);
        if let Some(own) = own {
            request = request.header("cookie", own);
        }
        let mut request = request.body(()).unwrap();
        jar.add(&mut request);
        request.headers().get("cookie").map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    fn kept(url: &str, cookies: &[&str]) -> Cookies {
        let jar = Cookies::default();
        set(&jar, url, cookies);
        jar
    }

    fn set(jar: &Cookies, url: &str, cookies: &[&str]) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append("set-cookie", HeaderValue::from_str(cookie).unwrap());
        }
        jar.keep(&url.parse().unwrap(), &headers);
    }

    const URL: &str = "http://a.example:80/socket.io/?EIO=4";

    #[test]
    fn what_a_host_sets_it_gets() {
        let jar = kept(URL, &["SERVER=n1; path=/", "visitor=fw==; path=/; HttpOnly"]);
        assert_eq!(sent(&jar, URL, None), "SERVER=n1; visitor=fw==");
        assert_eq!(sent(&jar, "http://A.example:81/", None), "SERVER=n1; visitor=fw==");
        assert_eq!(sent(&jar, "http://b.example/", None), "");
        set(&jar, URL, &["SERVER=n2; path=/"]);
        assert_eq!(sent(&jar, URL, None), "visitor=fw==; SERVER=n2");
    }

    #[test]
    fn the_applications_own_win() {
        let jar = kept(URL, &["SERVER=n1", "b=2"]);
        assert_eq!(sent(&jar, URL, Some("SERVER=mine; c=3")), "SERVER=mine; c=3; b=2");
    }

    #[test]
    fn they_end() {
        let jar = kept(URL, &["a=1", "b=2", "c=3; Max-Age=100"]);
        set(&jar, URL, &["a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(sent(&jar, URL, None), "c=3");
    }

    #[test]
    fn paths_and_https() {
        let jar = kept(URL, &["a=1; Path=/socket.io", "b=2; Path=/sock", "c=3; Secure"]);
        assert_eq!(sent(&jar, URL, None), "a=1");
        assert_eq!(sent(&jar, "https://a.example/socket.io/x", None), "a=1; c=3");
    }

    #[test]
    fn what_is_not_one_is_left_out() {
        let long = format!("long={}", "x".repeat(LONGEST));
        let jar = kept(URL, &["", "nonsense", "=1", "; path=/", &long]);
        assert_eq!(sent(&jar, URL, None), "");
        let many: Vec<_> = (0..100).map(|n| format!("c{n}=1")).collect();
        set(&jar, URL, &many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(sent(&jar, URL, None).split(';').count(), MOST);
        let large: Vec<_> = (0..10).map(|n| format!("c{n}={}", "x".repeat(3000))).collect();
        set(&jar, URL, &large.iter().map(String::as_str).collect::<Vec<_>>());
        let left = sent(&jar, URL, None);
        assert!(left.len() <= ALL && left.starts_with("c8=") && left.contains("; c9="), "{left:.20}");
    }
}
