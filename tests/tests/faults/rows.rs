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

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) transports: &'static [Transport],
    pub(crate) secure: bool,
    pub(crate) fault: Fault,
    pub(crate) course: Course,
    /// What the application is told, among other things.
    pub(crate) says: Vec<&'static str>,
}

impl Row {
    fn new(
        name: &str,
        kind: Kind,
        transports: &'static [Transport],
        fault: Fault,
        says: &[&'static str],
    ) -> Self {
        let (name, says) = (name.to_owned(), says.to_vec());
        Self { name, kind, transports, secure: false, fault, course: Course::Told, says }
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

/// What breaks in the middle of a session, at a byte that comes after it has begun.
fn breaks(kind: Kind, dice: &mut Dice, rows: &mut Vec<Row>) {
    use Direction::{Down, Up};
    for transports in [WEBSOCKET, POLLING] {
        // A session over polling ends by a failed request.
        let lost = if transports == WEBSOCKET { "transport close" } else { "transport error" };
        let mut cut = |name, direction, end, says| {
            let fault = Fault::Cut(direction, dice.roll(BYTES), end);
            rows.push(Row::new(name, kind, transports, fault, &[says]));
        };
        cut("reset, in what the server sends", Down, End::Reset, lost);
        cut("reset, in what we send", Up, End::Reset, lost);
        cut("half-close by the server", Down, End::HalfClose, lost);
        // Over polling the server may notice it first, and refuse the next POST.
        let silent = if transports == POLLING { "" } else { "ping timeout" };
        cut("stall of what the server sends", Down, End::Stall, silent);
        if transports == WEBSOCKET {
            cut("half-close of what we send", Up, End::HalfClose, lost);
            cut("stall of what we send", Up, End::Stall, lost);
        }
        rows.push(Row::new(
            "black hole",
            kind,
            transports,
            Fault::BlackHole,
            &["ping timeout", "no answer in time"],
        ));
    }
    let mut flip = |name, direction, place, transports, says| {
        rows.push(Row::new(name, kind, transports, Fault::Flip(direction, place), says));
    };
    flip(
        "a frame's header changed, of the server's",
        Down,
        Place::FrameHeader,
        WEBSOCKET,
        &["transport close"][..],
    );
    flip("a frame's header changed, of ours", Up, Place::FrameHeader, WEBSOCKET, &["transport close"]);
    flip(
        "a frame's text changed, of the server's",
        Down,
        Place::FramePayload,
        WEBSOCKET,
        &["transport error"],
    );
    flip("a frame's text changed, of ours", Up, Place::FramePayload, WEBSOCKET, &["transport close"]);
    flip("a body changed, of the server's", Down, Place::Body, POLLING, &["transport error"]);
    // python-socketio says OK to a body that it cannot read.
    let says: &[&str] = if kind == Kind::Python { &[] } else { &["transport"] };
    flip("a body changed, of ours", Up, Place::Body, POLLING, says);
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
    for transports in [WEBSOCKET, UPGRADED] {
        let fault = Fault::Drip(Duration::from_millis(10));
        let mut row = Row::new("a byte in 10 ms", Kind::Node, transports, fault, &[]);
        row.course = Course::Works;
        rows.push(row);
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
        let mut others = Vec::new();
        breaks(kind, &mut dice, &mut others);
        answers(kind, &mut others);
        busy(kind, &mut others);
        let chosen = [
            "reset, in what",
            "stall of what the server",
            "black hole",
            "changed",
            "502",
            "503, `Retry-After: 1`",
        ];
        rows.extend(others.into_iter().filter(|row| {
            chosen.iter().any(|name| row.name.starts_with(name) || row.name.contains("changed"))
        }));
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
