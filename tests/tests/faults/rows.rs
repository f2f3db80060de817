//! What is done to connections, one line of the table each.

use std::time::Duration;

use simulator::dice::Dice;
use socketio_client_native::Transport;
use tests::{Certificate, Direction, End, Fault, Place};

use crate::servers::Kind;

pub(crate) const WEBSOCKET: &[Transport] = &[Transport::WebSocket];
pub(crate) const POLLING: &[Transport] = &[Transport::Polling];
const UPGRADED: &[Transport] = &[Transport::Polling, Transport::WebSocket];

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// It lasts until the application was told of it.
    Told,
    /// It lasts, and the client works all the same.
    Works,
    /// As `Told`, and each answer asks to be left alone: for so long, and this is what is waited at least.
    Asked(Duration),
}

/// What the application is told of a fault.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// Each of these, among other things.
    All(Vec<&'static str>),
    /// One of these or several, and nothing else.
    Any(&'static [&'static str]),
    /// Nothing but what is one of these, or not a word.
    Only(&'static [&'static str]),
}

impl Says {
    /// Whether enough was told.
    pub(crate) fn met(&self, words: &[String]) -> bool {
        match self {
            Self::All(texts) => texts.iter().all(|text| words.iter().any(|word| word.contains(text))),
            Self::Any(_) => !words.is_empty(),
            Self::Only(_) => true,
        }
    }

    /// What was told beyond that.
    pub(crate) fn beyond<'a>(&self, words: &'a [String]) -> Vec<&'a String> {
        match self {
            Self::All(_) => Vec::new(),
            Self::Any(texts) | Self::Only(texts) => {
                words.iter().filter(|word| !texts.contains(&word.as_str())).collect()
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) transports: &'static [Transport],
    pub(crate) secure: bool,
    pub(crate) fault: Fault,
    pub(crate) course: Course,
    pub(crate) says: Says,
}

impl Row {
    fn new(
        name: &str,
        kind: Kind,
        transports: &'static [Transport],
        fault: Fault,
        says: &[&'static str],
    ) -> Self {
        let (name, says) = (name.to_owned(), Says::All(says.to_vec()));
        Self { name, kind, transports, secure: false, fault, course: Course::Told, says }
    }

    fn saying(self, says: Says) -> Self {
        Self { says, ..self }
    }

    /// Holds what was told to what this is.
    pub(crate) fn tells(&self, words: &[String]) {
        let beyond = self.says.beyond(words);
        assert!(self.says.met(words) && beyond.is_empty(), "told {words:?}, and not {:?}", self.says);
    }

    pub(crate) fn transport(&self) -> &'static str {
        match (self.transports, self.secure) {
            (WEBSOCKET, true) => "WebSocket, TLS",
            (WEBSOCKET, false) => "WebSocket",
            (POLLING, _) => "polling",
            _ => "polling, then WebSocket",
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Fault {
    let length = body.len();
    Fault::Answer(
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes(),
    )
}

/// In what both sides say within a second, whatever the transport.
const BYTES: u64 = 200;

/// Who notices first that a session over polling has gone silent: the client, or the server, which ends it or knows it no
/// more.
const SILENCE: &[&str] = &["ping timeout", "transport close", "transport error"];

/// What breaks in the middle of a session, at a byte that comes after it has begun.
fn breaks(kind: Kind, dice: &mut Dice, rows: &mut Vec<Row>) {
    use Direction::{Down, Up};
    for transports in [WEBSOCKET, POLLING] {
        let polling = transports == POLLING;
        // A session over polling ends by a failed request.
        let lost = if polling { "transport error" } else { "transport close" };
        let mut cut = |name, direction, end, says| {
            let fault = Fault::Cut(direction, dice.roll(BYTES), end);
            rows.push(Row::new(name, kind, transports, fault, &[]).saying(says));
        };
        let ends = || Says::All(vec![lost]);
        cut("reset, in what the server sends", Down, End::Reset, ends());
        cut("reset, in what we send", Up, End::Reset, ends());
        cut("half-close by the server", Down, End::HalfClose, ends());
        // Over polling the server may notice it first, and refuse the next POST.
        let silence = if polling { Says::Any(SILENCE) } else { Says::All(vec!["ping timeout"]) };
        cut("stall of what the server sends", Down, End::Stall, silence);
        cut("half-close of what we send", Up, End::HalfClose, ends());
        let silence = if polling { Says::Any(SILENCE) } else { ends() };
        cut("stall of what we send", Up, End::Stall, silence);
        rows.push(Row::new(
            "black hole",
            kind,
            transports,
            Fault::BlackHole,
            &["ping timeout", "no answer in time"],
        ));
    }
    let mut flip = |name, direction, place, transports, says| {
        rows.push(Row::new(name, kind, transports, Fault::Flip(direction, place), &[]).saying(says));
    };
    let (close, error) = (|| Says::All(vec!["transport close"]), || Says::All(vec!["transport error"]));
    flip("a frame's header changed, of the server's", Down, Place::FrameHeader, WEBSOCKET, close());
    flip("a frame's header changed, of ours", Up, Place::FrameHeader, WEBSOCKET, close());
    flip("a frame's text changed, of the server's", Down, Place::FramePayload, WEBSOCKET, error());
    flip("a frame's text changed, of ours", Up, Place::FramePayload, WEBSOCKET, close());
    flip("a body changed, of the server's", Down, Place::Body, POLLING, error());
    let unread = match kind {
        // It says OK to a body that it cannot read. If a pong was in it, the session ends.
        Kind::Python => Says::Only(SILENCE),
        _ => Says::Any(&["transport close", "transport error"]),
    };
    flip("a body changed, of ours", Up, Place::Body, POLLING, unread);
}

/// What stands in front of the server answers in its place.
fn answers(kind: Kind, rows: &mut Vec<Row>) {
    for transports in [WEBSOCKET, POLLING] {
        for (status, says) in [
            ("400 Bad Request", "HTTP status 400: no"),
            ("403 Forbidden", "HTTP status 403: no"),
            ("404 Not Found", "HTTP status 404: no"),
            ("413 Content Too Large", "HTTP status 413: no"),
            ("500 Internal Server Error", "HTTP status 500: no"),
        ] {
            rows.push(Row::new(&status[..3], kind, transports, answer(status, "", "no"), &[says]));
        }
        let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
        let html = "Content-Type: text/html\r\n";
        let says = &["HTTP status 502: <html><body><h1>502 Bad Gateway</h1>"];
        rows.push(Row::new("502 with a page", kind, transports, answer("502 Bad Gateway", html, page), says));
        let location = "Location: http://elsewhere.test/socket.io/\r\n";
        let says =
            &["HTTP status 301: redirected to http://elsewhere.test/socket.io/; redirects are not followed"];
        rows.push(Row::new("301", kind, transports, answer("301 Moved Permanently", location, ""), says));
    }
}

/// Busy servers, which ask to be left alone.
fn busy(kind: Kind, rows: &mut Vec<Row>) {
    for transports in [WEBSOCKET, POLLING] {
        for (name, status, value, seconds, says) in [
            (
                "429, `Retry-After: 1`",
                "429 Too Many Requests",
                "1",
                1,
                "HTTP status 429, to be asked again in 1 s",
            ),
            (
                "503, `Retry-After: 1`",
                "503 Service Unavailable",
                "1",
                1,
                "HTTP status 503, to be asked again in 1 s",
            ),
            // Ten times the longest delay.
            (
                "503, `Retry-After: 3600`",
                "503 Service Unavailable",
                "3600",
                2,
                "503, to be asked again in 3600 s",
            ),
        ] {
            let headers = format!("Retry-After: {value}\r\n");
            let fault = answer(status, &headers, "busy");
            let mut row = Row::new(name, kind, transports, fault, &[says]);
            row.course = Course::Asked(Duration::from_secs(seconds));
            rows.push(row);
        }
    }
}

/// All lines. `tls`: the port of a server that speaks it.
pub(crate) fn all(tls: u16, seed: u64) -> Vec<Row> {
    let (mut rows, mut dice) = (Vec::new(), Dice::new(seed));
    // First, as it takes longest.
    for kind in [Kind::Node, Kind::Socketioxide, Kind::Python] {
        // python-socketio takes what has come of a POST's body for all of it, and says OK.
        let polled: &[_] = if kind == Kind::Python { &[WEBSOCKET] } else { &[WEBSOCKET, UPGRADED] };
        for &transports in polled {
            let fault = Fault::Drip(Duration::from_millis(10));
            let mut row = Row::new("a byte in 10 ms", kind, transports, fault, &[]).saying(Says::Only(&[]));
            row.course = Course::Works;
            rows.push(row);
        }
    }
    busy(Kind::Node, &mut rows);
    breaks(Kind::Node, &mut dice, &mut rows);
    answers(Kind::Node, &mut rows);
    let noise: Vec<u8> = (0..512_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut garbage = Row::new(
        "garbage instead of TLS",
        Kind::Node,
        WEBSOCKET,
        Fault::Garbage(noise.clone()),
        &["no TLS session"],
    );
    garbage.secure = true;
    rows.push(garbage);
    for transports in [WEBSOCKET, POLLING] {
        rows.push(Row::new(
            "garbage instead of HTTP",
            Kind::Node,
            transports,
            Fault::Garbage(noise.clone()),
            &["did not answer in HTTP/1.1"],
        ));
        rows.push(Row::new(
            "TLS where none is expected",
            Kind::Node,
            transports,
            Fault::Elsewhere(tls),
            &["if it expects TLS on this port, use https:// or wss://"],
        ));
        // An alert, as other TLS servers say before they close.
        rows.push(Row::new(
            "a TLS alert where none is expected",
            Kind::Node,
            transports,
            Fault::Garbage(vec![0x15, 3, 1, 0, 2, 2, 0x46]),
            &["the server speaks TLS on this port: use https:// or wss://"],
        ));
    }
    for kind in [Kind::Socketioxide, Kind::Python] {
        breaks(kind, &mut dice, &mut rows);
        let mut answered = Vec::new();
        answers(kind, &mut answered);
        busy(kind, &mut answered);
        // What is answered is the proxy's: one that fails, and one that asks to wait, show that the server takes it up again.
        let chosen = ["502 with a page", "503, `Retry-After: 1`"];
        rows.extend(answered.into_iter().filter(|row| chosen.contains(&row.name.as_str())));
    }
    rows
}

/// The name that a certificate is for.
pub(crate) fn url(row: &Row, port: u16) -> String {
    if row.secure { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
}

/// Trusts the server, where it has to.
pub(crate) fn trusting(
    builder: socketio_client_native::ClientBuilder,
    row: &Row,
    certificate: &Certificate,
) -> socketio_client_native::ClientBuilder {
    if row.secure { builder.ca_file(certificate.ca()) } else { builder }
}
