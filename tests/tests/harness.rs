//! The harness itself, with the published JavaScript client in place of ours.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use tests::{Behaviour, Hostile, NodeServer, Options, closed_port, published_client, self_signed};

fn connect(server: &NodeServer, options: &[&str]) -> tests::LineProcess {
    let mut client = published_client([server.url().as_str()].iter().chain(options));
    client.wait_for("connect", |line| line["type"] == "connect");
    client
}

fn is_event(line: &Value, event: &str) -> bool {
    line["type"] == "event" && line["event"] == event
}

fn ack_of(client: &mut tests::LineProcess, id: &str) -> Value {
    client.wait_for(id, |line| line["type"] == "ack" && line["id"] == id)["args"].take()
}

#[test]
fn the_published_client_speaks_to_the_node_server() {
    let mut server = NodeServer::start(Options::new().transports(&["websocket"]));
    let mut client = connect(&server, &["--transports", "websocket", "--auth", r#"{"token":"t"}"#]);
    let bytes = json!({"$bytes": "AAH/"});
    client.send(&json!({"emit": "echo", "args": ["a\u{1e}\u{2028}\u{1f600}", bytes, 1.5]}));
    let echo = client.wait_for("echo", |line| is_event(line, "echo"));
    assert_eq!(echo["args"], json!(["a\u{1e}\u{2028}\u{1f600}", bytes, 1.5]));

    client.send(&json!({"emit": "noargs"}));
    assert_eq!(client.wait_for("noargs", |line| is_event(line, "noargs"))["args"], json!([]));

    client.send(&json!({"emit": "big", "args": [100_000], "ack": true, "id": "big"}));
    assert_eq!(ack_of(&mut client, "big")[0].as_str().map(str::len), Some(100_000));

    client.send(&json!({"emit": "flood", "args": [500]}));
    let flood = client.wait_for_many("flood", 500, |line| is_event(line, "flood"));
    assert!(flood.iter().enumerate().all(|(n, line)| line["args"] == json!([n])));

    client.send(&json!({"emit": "ask", "args": ["why"]}));
    let question = client.wait_for("question", |line| is_event(line, "question"));
    client.send(&json!({"ack": question["ack"], "args": ["because", bytes]}));
    let answered = client.wait_for("answered", |line| is_event(line, "answered"));
    assert_eq!(answered["args"], json!(["because", bytes]));

    client.send(&json!({"emit": "binary", "ack": true, "id": "binary"}));
    let fixture = json!({"a": [{"$bytes": "AAEC/w=="}, {"b": {"$bytes": "HgqA"}}], "c": {"$bytes": ""}});
    assert_eq!(ack_of(&mut client, "binary")[0], fixture);

    server.emit("/", "news", &[json!("for all")]);
    client.wait_for("news", |line| is_event(line, "news"));

    let ended = client.finish();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let stats = server.wait_until("disconnects", 1);
    assert_eq!(stats["disconnects"][0]["reason"], "client namespace disconnect");
    assert_eq!(stats["connections"][0]["auth"], json!({"token": "t"}));
    assert_eq!(stats["events"]["counts"]["echo"], 1);
    assert_eq!(stats["requests"]["upgrades"], 1);
    assert_eq!(stats["polling"]["bytes_in"], 0);
    assert!(stats["websocket"]["bytes_out"].as_u64() > Some(100_000));
}

#[test]
fn namespaces_are_refused_or_unknown_and_the_others_unharmed() {
    let mut server = NodeServer::start(Options::new());
    let names = ["/", "/admin", "/secret", "/nowhere"].map(|name| ["--namespace", name]).concat();
    let mut client = published_client([server.url().as_str()].iter().chain(&names));
    // In which order they are answered is the server's business.
    let mut lines = client.wait_for_many("answers", 4, |line| line["type"] != "event");
    lines.sort_by_key(|line| line["namespace"].to_string());
    let types: Vec<_> = lines.iter().map(|line| (&line["namespace"], &line["type"])).collect();
    assert_eq!(
        json!(types),
        json!([
            ["/", "connect"],
            ["/admin", "connect"],
            ["/nowhere", "connect_error"],
            ["/secret", "connect_error"]
        ])
    );
    assert_eq!(lines[2]["message"], "Invalid namespace");
    assert_eq!(lines[3]["data"], json!({"code": "denied"}));
    client.send(&json!({"emit": "kick", "namespace": "/admin"}));
    let kicked = client.wait_for("kick", |line| line["type"] == "disconnect");
    assert_eq!((&kicked["namespace"], &kicked["reason"]), (&json!("/admin"), &json!("io server disconnect")));
    client.send(&json!({"emit": "call", "args": [1], "ack": true, "id": "q", "namespace": "/"}));
    assert_eq!(ack_of(&mut client, "q"), json!([1]));
    assert_eq!(server.stats()["engine"]["opened"], 1);
}

#[test]
fn a_killed_server_comes_back_with_its_record() {
    let mut server = NodeServer::start(Options::new().fixed_port().record());
    let mut client = connect(&server, &["--reconnection-delay", "20", "--reconnection-delay-max", "50"]);
    client.send(&json!({"emit": "record", "args": ["before"], "ack": true, "id": "before"}));
    ack_of(&mut client, "before");
    server.kill();
    let lost = client.wait_for("disconnect", |line| line["type"] == "disconnect");
    assert_eq!(lost["reason"], "transport close");
    client.send(&json!({"emit": "record", "args": ["offline"], "ack": true, "id": "offline"}));
    client.wait_for("attempt", |line| line["type"] == "reconnect_attempt");
    server.restart_on_same_port();
    client.wait_for("reconnect", |line| line["type"] == "connect");
    ack_of(&mut client, "offline");
    assert_eq!(server.recorded(), ["before", "offline"]);
}

#[test]
fn a_frozen_server_is_noticed_by_its_silence() {
    let mut server = NodeServer::start(Options::new().heartbeat(200, 200));
    let mut client = connect(&server, &["--reconnection-delay", "20"]);
    server.wait_until("pongs", 2);
    server.stop();
    let lost = client.wait_for("disconnect", |line| line["type"] == "disconnect");
    assert_eq!(lost["reason"], "ping timeout");
    server.cont();
    client.wait_for("reconnect", |line| line["type"] == "connect");
}

#[test]
fn certificates_are_trusted_through_their_authority_only() {
    let certificate = self_signed();
    let server = NodeServer::start(Options::new().tls(&certificate));
    let mut stranger = published_client([server.url().as_str(), "--transports", "websocket"]);
    stranger.wait_for("refusal", |line| line["type"] == "connect_error");

    // Node takes further authorities from its environment only.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/servers/js-client.mjs");
    let mut command = std::process::Command::new("node");
    command.arg(script).arg(server.url()).env("NODE_EXTRA_CA_CERTS", certificate.ca());
    let mut client = tests::LineProcess::start("trusting client", &mut command);
    client.wait_for("connect", |line| line["type"] == "connect");
}

#[test]
fn hostile_servers_do_as_told() {
    let ask = |behaviour: Behaviour| {
        let server = Hostile::start(behaviour);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.take(100_000).read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(ask(Behaviour::Silent), "");
    assert_eq!(ask(Behaviour::Close), "");
    assert!(ask(Behaviour::Hello).ends_with("\r\n\r\nhello"));
    assert!(ask(Behaviour::Status(500)).starts_with("HTTP/1.1 500 "));
    assert!(!ask(Behaviour::Garbage).starts_with("HTTP"));
    assert!(ask(Behaviour::HalfAnswer).contains("Content-Length: 100000"));
    assert_eq!(ask(Behaviour::EndlessHeader).len(), 100_000);
    assert_eq!(ask(Behaviour::EndlessBody).len(), 100_000);
    assert_eq!(ask(Behaviour::Raw(b"as is".to_vec())), "as is");
    assert!(TcpStream::connect(("127.0.0.1", closed_port())).is_err());
}
