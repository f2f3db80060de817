//! A Socket.IO server that is faster than any client: frames by hand, floods from a prepared buffer,
//! everything that arrived at once is answered at once. WebSocket only, one namespace, no attachments.

use std::io;
use std::time::Duration;

use bench_peers::{Done, Meter, OwnedMessage, Tally, Texts};
use bytes::{Buf, BytesMut};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Events in the prepared buffer of a flood.
const BLOCK: u64 = 4096;
const READ: usize = 256 * 1024;
const OPEN: &str =
    r#"0{"sid":"b","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

#[derive(Deserialize)]
struct Flood {
    count: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Err(error) = serve(stream).await
                && !matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            {
                eprintln!("server: {error}");
            }
        });
    }
}

/// One connection, until the client closes it.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut input = BytesMut::with_capacity(4096);
    handshake(&mut stream, &mut input).await?;
    let mut connection =
        Connection { output: Vec::new(), received: Tally::default(), meter: Meter::start(), flood: None };
    // Small until the client has much to say: a connect must not pay for a large buffer.
    let mut room = 4096;
    let mut ping = tokio::time::interval(Duration::from_secs(25));
    ping.reset();
    loop {
        let open = connection.frames(&mut input)?;
        if !connection.output.is_empty() {
            stream.write_all(&connection.output).await?;
            connection.output.clear();
        }
        if !open {
            return stream.shutdown().await;
        }
        if let Some(count) = connection.flood.take() {
            connection.flood(&mut stream, count).await?;
            continue;
        }
        input.reserve(room);
        tokio::select! {
            read = stream.read_buf(&mut input) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            _ = ping.tick() => frame(&mut connection.output, TEXT, &[b"2"]),
        }
        if input.len() == input.capacity() {
            room = READ;
        }
    }
}

async fn handshake(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<()> {
    let end = loop {
        if let Some(at) = input.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    input.advance(end);
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let Some(key) = key else {
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await?;
        return Err(io::Error::other("only WebSocket is served here"));
    };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
    .into_bytes();
    frame(&mut answer, TEXT, &[OPEN.as_bytes()]);
    stream.write_all(&answer).await
}

struct Connection {
    output: Vec<u8>,
    received: Tally,
    meter: Meter,
    flood: Option<u64>,
}

impl Connection {
    /// Takes every complete frame off the input; `false` once the client wants to leave.
    fn frames(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        let mut at = 0;
        let mut open = true;
        while open && self.flood.is_none() {
            let Some((start, mask, end)) = header(&input[at..]) else { break };
            if input.len() - at < end {
                break;
            }
            let opcode = input[at] & 0x0f;
            if input[at] & 0x80 == 0 {
                return Err(io::Error::other("fragments are not served here"));
            }
            let body = &mut input[at + start..at + end];
            unmask(body, mask);
            open = match opcode {
                TEXT => self.packet(body)?,
                CLOSE => {
                    frame(&mut self.output, CLOSE, &[body]);
                    false
                }
                PING => {
                    frame(&mut self.output, PONG, &[body]);
                    true
                }
                PONG => true,
                _ => return Err(io::Error::other("only text is served here")),
            };
            at += end;
        }
        input.advance(at);
        Ok(open)
    }

    fn packet(&mut self, packet: &[u8]) -> io::Result<bool> {
        if let Some(message) = packet.strip_prefix(br#"42["m","#) {
            count(&mut self.received, message.strip_suffix(b"]").unwrap_or(message))?;
            return Ok(true);
        }
        match packet {
            b"41" | b"1" => return Ok(false),
            b"2" => frame(&mut self.output, TEXT, &[b"3"]),
            b"3" => {}
            _ if packet.starts_with(b"40") => frame(&mut self.output, TEXT, &[br#"40{"sid":"s"}"#]),
            _ => {
                let rest = packet.strip_prefix(b"42").ok_or_else(|| unknown(packet))?;
                self.event(rest).ok_or_else(|| unknown(packet))?;
            }
        }
        Ok(true)
    }

    /// `7["echo",{…}]`, `["report"]` or `["flood",{"count":1}]`.
    fn event(&mut self, event: &[u8]) -> Option<()> {
        let id = event.iter().position(|b| !b.is_ascii_digit())?;
        let (id, event) = event.split_at(id);
        if let Some(argument) = event.strip_prefix(br#"["echo","#) {
            count(&mut self.received, argument.strip_suffix(b"]")?).ok()?;
            frame(&mut self.output, TEXT, &[b"43", id, b"[", argument]);
        } else if let Some(argument) = event.strip_prefix(br#"["note","#) {
            count(&mut self.received, argument.strip_suffix(b"]")?).ok()?;
            frame(&mut self.output, TEXT, &[b"43", id, b"[]"]);
        } else if event.starts_with(br#"["report""#) {
            let tally = std::mem::take(&mut self.received);
            self.done(tally);
        } else {
            let argument = event.strip_prefix(br#"["flood","#)?.strip_suffix(b"]")?;
            self.flood = Some(serde_json::from_slice::<Flood>(argument).ok()?.count);
        }
        Some(())
    }

    async fn flood(&mut self, stream: &mut TcpStream, count: u64) -> io::Result<()> {
        let texts = Texts::default();
        let mut block = Vec::new();
        for i in 0..BLOCK.min(count) {
            let message = serde_json::to_vec(&texts.message(i))?;
            frame(&mut block, TEXT, &[br#"42["m","#, &message, b"]"]);
        }
        let one = block.len() / usize::try_from(BLOCK.min(count).max(1)).unwrap_or(1);
        let mut left = count;
        let mut tally = Tally::default();
        while left > 0 {
            let now = left.min(BLOCK);
            stream.write_all(&block[..one * now as usize]).await?;
            for i in 0..now {
                let message = texts.message(i);
                tally.add(message.n, message.text);
            }
            left -= now;
        }
        self.done(tally);
        Ok(())
    }

    fn done(&mut self, tally: Tally) {
        let done = Done { count: tally.count, sum: tally.sum, cpu_ns: self.meter.cpu_ns() };
        self.meter = Meter::start();
        let done = serde_json::to_vec(&done).unwrap_or_default();
        frame(&mut self.output, TEXT, &[br#"42["done","#, &done, b"]"]);
    }
}

fn unknown(packet: &[u8]) -> io::Error {
    io::Error::other(format!("not expected: {}", String::from_utf8_lossy(packet)))
}

/// Where the payload of a masked frame starts, its mask, and where it ends.
fn header(input: &[u8]) -> Option<(usize, [u8; 4], usize)> {
    let (length, at) = match input.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let mask = input.get(at..at + 4)?.try_into().ok()?;
    Some((at + 4, mask, at + 4 + length))
}

fn unmask(body: &mut [u8], mask: [u8; 4]) {
    let mask8 = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = body.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ mask8).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

fn frame(output: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    output.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => output.push(short),
        (_, Ok(medium)) => {
            output.push(126);
            output.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            output.push(127);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    for part in parts {
        output.extend_from_slice(part);
    }
}

/// Adds a message to the tally: by hand in the usual order of its keys, else with a parser.
fn count(tally: &mut Tally, json: &[u8]) -> io::Result<()> {
    let fast = || {
        let rest = json.strip_prefix(br#"{"n":"#)?;
        let (digits, rest) = rest.split_first_chunk::<7>()?;
        let text = rest.strip_prefix(br#","text":""#)?.strip_suffix(br#""}"#)?;
        if !digits.iter().all(u8::is_ascii_digit) || text.contains(&b'\\') {
            return None;
        }
        let n = digits.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        Some((n, std::str::from_utf8(text).ok()?))
    };
    if let Some((n, text)) = fast() {
        tally.add(n, text);
        return Ok(());
    }
    let message: OwnedMessage = serde_json::from_slice(json).map_err(|_| unknown(json))?;
    tally.add(message.n, &message.text);
    Ok(())
}
