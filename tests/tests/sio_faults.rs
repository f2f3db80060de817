//! `sio` against servers that die, freeze, throw it out, or are no Socket.IO servers at all.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{
    Behaviour, Ended, Hostile, NodeServer, Options, PATIENCE, Sio, closed_port, self_signed, sio_path,
};

const QUICK: [&str; 4] = ["--reconnection-delay", "50ms", "--reconnection-delay-max", "200ms"];

fn is_type(line: &Value, name: &str) -> bool {
    line["type"] == name
}

/// Everything sent before has been read: a line that cannot be read has its error.
fn all_is_read(sio: &mut Sio, mark: &str) {
    sio.send(&json!({"emit": "e", "namespace": mark}));
    sio.wait_for(mark, |line| {
        is_type(line, "error") && line["message"].as_str().is_some_and(|m| m.contains(mark))
    });
}

fn killed_while_emits_flow(transports: &str) {
    let mut server = NodeServer::start(Options::new().fixed_port().record());
    let mut sio = Sio::connect(&server.url(), &[&QUICK[..], &["--transports", transports]].concat());
    // Known to have arrived, so that something was before the kill.
    for n in 0..100 {
        sio.send(&json!({"emit": "record", "args": [n]}));
    }
    server.wait_until("events.counts.record", 100);
    for n in 100..2_000 {
        sio.send(&json!({"emit": "record", "args": [n]}));
        if n == 1_000 {
            server.kill();
        }
    }
    sio.wait_for("disconnect", |line| is_type(line, "disconnect"));
    let offline: Vec<Value> = (0..500).map(|n| json!(format!("offline {n}"))).collect();
    for value in &offline {
        sio.send(&json!({"emit": "record", "args": [value]}));
    }
    all_is_read(&mut sio, "/mark");
    assert!(server.recorded().iter().all(Value::is_u64), "the server is down");

    server.restart_on_same_port();
    sio.wait_for("reconnect", |line| is_type(line, "reconnect"));
    let connect = sio.wait_for("connect", |line| is_type(line, "connect"));
    assert_eq!(connect["recovered"], false);
    sio.send(&json!({"emit": "recorded", "ack": true, "id": "recorded"}));
    let recorded = sio.wait_for_ack("recorded")["args"][0].take();
    let recorded = recorded.as_array().expect("a list");
    let first = recorded.iter().position(Value::is_string).expect("offline values");
    assert_eq!(recorded[first..], offline, "each once, in order");
    // Those that were on their way when it died may be lost, but none is there twice or too late.
    let before: Vec<_> = recorded[..first].iter().map(|n| n.as_u64().expect("a number")).collect();
    assert!(before.is_sorted_by(|a, b| a < b), "{before:?}");
    assert!(before.starts_with(&(0..100).collect::<Vec<_>>()));
    println!("figures: {transports}: {} of 2000 arrived around the kill", before.len());

    let ended = sio.finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let attempt = ended.lines.iter().find(|line| is_type(line, "reconnect_attempt")).expect("an attempt");
    assert!(
        attempt["attempt"] == 1 && attempt["delay_ms"].as_u64().is_some_and(|delay| delay <= 75),
        "{attempt}"
    );
    let failed = ended.lines.iter().find(|line| is_type(line, "disconnect")).expect("a disconnect");
    assert!(
        ["transport close", "transport error"].iter().any(|reason| failed["reason"] == *reason),
        "{failed}"
    );
}

#[test]
fn killed_while_emits_flow_over_websocket() {
    killed_while_emits_flow("websocket");
}

#[test]
fn killed_while_emits_flow_over_polling() {
    killed_while_emits_flow("polling");
}

#[test]
fn killed_while_emits_flow_after_an_upgrade() {
    killed_while_emits_flow("polling,websocket");
}

fn frozen(transports: &str) {
    let mut server = NodeServer::start(Options::new().heartbeat(300, 200));
    let mut sio = Sio::connect(&server.url(), &[&QUICK[..], &["--transports", transports]].concat());
    server.wait_until("pongs", 1);
    server.stop();
    let stopped = Instant::now();
    let line = sio.wait_for("disconnect", |line| is_type(line, "disconnect"));
    // At most pingInterval + pingTimeout, 500 ms, on a machine that is not busy.
    println!("figures: {transports}: noticed after {:?}", stopped.elapsed());
    assert_eq!(line, json!({"type": "disconnect", "namespace": "/", "reason": "ping timeout"}));
    server.cont();
    sio.wait_for("connect", |line| is_type(line, "connect"));
    sio.send(&json!({"emit": "call", "ack": true, "id": 1}));
    sio.wait_for_ack(1);
    assert_eq!(sio.finish().code(), 0);
}

#[test]
fn a_frozen_server_is_noticed_over_websocket() {
    frozen("websocket");
}

#[test]
fn a_frozen_server_is_noticed_over_polling() {
    frozen("polling");
}

#[test]
fn kicked_from_one_namespace_the_client_stays_out_of_it() {
    let mut server = NodeServer::start(Options::new());
    let names = ["--namespace", "/", "--namespace", "/admin"];
    let mut sio = Sio::connect(&server.url(), &[&QUICK[..], &names].concat());
    sio.wait_for("both", |line| is_type(line, "connect"));
    sio.send(&json!({"emit": "kick", "namespace": "/admin"}));
    let line = sio.wait_for("disconnect", |line| is_type(line, "disconnect"));
    assert_eq!(line, json!({"type": "disconnect", "namespace": "/admin", "reason": "io server disconnect"}));
    // Also after a new connection, which the other namespace gets.
    sio.send(&json!({"emit": "close-engine"}));
    sio.wait_for("again", |line| is_type(line, "connect") && line["namespace"] == "/");
    sio.send(&json!({"emit": "echo", "namespace": "/admin"}));
    sio.wait_for("error", |line| is_type(line, "error"));
    sio.send(&json!({"emit": "call", "ack": true, "id": 1}));
    sio.wait_for_ack(1);
    let stats = server.stats();
    let admins =
        stats["connections"].as_array().into_iter().flatten().filter(|of| of["namespace"] == "/admin");
    assert_eq!(admins.count(), 1);
    assert_eq!(sio.finish().code(), 0);
}

/// Each command ends with 3 and one line that names the URL and the cause; `connect` and `listen` tell each failure.
#[track_caller]
fn assert_no_connection(url: &str, words: &[&str], options: &[&str]) {
    let retry = ["--reconnection-attempts", "2", "--reconnection-delay", "10ms"];
    for command in [&["connect", url][..], &["listen", url], &["emit", url, "e"], &["call", url, "e"]] {
        let streams = matches!(command[0], "connect" | "listen");
        let retry = if streams { &retry[..] } else { &[] };
        let started = Instant::now();
        let ended = Sio::run([command, options, retry].concat()).wait();
        println!("{command:?}: {:?}, {}", started.elapsed(), ended.stderr.trim_end());
        assert_eq!(ended.code(), 3, "{ended:#?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
        for word in [&[url], words].concat() {
            assert!(ended.stderr.contains(word), "{word:?} is missing: {ended:#?}");
        }
        let failures = failures(&ended);
        assert_eq!(failures, if streams { 3 } else { 0 }, "{ended:#?}");
        if streams {
            assert_eq!(ended.lines.last(), Some(&json!({"type": "reconnect_failed"})));
        }
    }
}

fn failures(ended: &Ended) -> usize {
    ended.lines.iter().filter(|line| is_type(line, "connect_error") && line["namespace"] == "/").count()
}

#[test]
fn a_closed_port() {
    assert_no_connection(&format!("http://127.0.0.1:{}", closed_port()), &["refused"], &[]);
}

#[test]
fn a_host_that_does_not_exist() {
    assert_no_connection("http://does-not-exist.invalid", &["does-not-exist.invalid:80"], &[]);
}

#[test]
fn a_plain_http_server() {
    let server = Hostile::start(Behaviour::Hello);
    assert_no_connection(&server.url(), &["Socket.IO"], &[]);
    assert_no_connection(&server.url(), &["WebSocket"], &["--transports", "websocket"]);
    let server = Hostile::start(Behaviour::Status(404));
    assert_no_connection(&server.url(), &["404"], &[]);
    let server = Hostile::start(Behaviour::Status(503));
    assert_no_connection(&server.url(), &["503"], &["--transports", "websocket"]);
    // The right server, the wrong path.
    let server = NodeServer::start(Options::new());
    // It answers each handshake after a second, so that patience ends before half of this time does.
    assert_no_connection(&server.url(), &["404"], &["--path", "/wrong", "--timeout", "2m"]);
}

#[test]
fn servers_that_speak_nonsense() {
    for behaviour in [
        Behaviour::Garbage,
        Behaviour::Close,
        Behaviour::HalfAnswer,
        Behaviour::EndlessHeader,
        Behaviour::EndlessBody,
    ] {
        let server = Hostile::start(behaviour.clone());
        println!("{behaviour:?}");
        assert_no_connection(&server.url(), &[], &["--timeout", "5s"]);
    }
    let answer = "HTTP/1.1 500 Bad\r\nContent-Length: 24\r\n\r\n<html>\r\n\u{1b}[31m red\r\n</b>";
    let server = Hostile::start(Behaviour::Raw(answer.into()));
    let ended = Sio::run(["emit", &server.url(), "e"]).wait();
    assert!(ended.stderr.lines().count() == 1 && !ended.stderr.contains('\u{1b}'), "{ended:?}");
}

/// A session that ends before the namespace is connected is told as any other failure to connect.
#[test]
fn a_session_that_dies_before_the_namespace_is_connected() {
    let packets = "0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000}\u{1e}1";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{packets}", packets.len());
    let server = Hostile::start(Behaviour::Raw(answer.into()));
    let mut sio = Sio::run(
        ["connect", &server.url(), "--transports", "polling", "--namespace", "/a", "--namespace", "/b"]
            .iter()
            .chain(&QUICK),
    );
    for namespace in ["/a", "/b", "/a", "/b"] {
        let line = sio.wait_for("connect_error", |line| is_type(line, "connect_error"));
        let wanted = json!({"type": "connect_error", "namespace": namespace, "data": null, "message": "the connection was lost (transport close)"});
        assert_eq!(line, wanted);
    }
}

#[test]
fn a_server_that_accepts_and_says_nothing() {
    let server = Hostile::start(Behaviour::Silent);
    for transports in ["websocket", "polling", "websocket,polling"] {
        assert_no_connection(&server.url(), &["time"], &["--timeout", "300ms", "--transports", transports]);
    }
}

#[test]
fn tls_with_a_certificate_of_its_own() {
    let certificate = self_signed();
    let mut server = NodeServer::start(Options::new().tls(&certificate));
    let ca = certificate.ca().display().to_string();
    for transports in ["websocket", "polling", "polling,websocket"] {
        let mut sio = Sio::connect(&server.url(), &["--ca", &ca, "--transports", transports]);
        sio.send(&json!({"emit": "call", "args": [{"$bytes": "AP8="}], "ack": true, "id": 1}));
        assert_eq!(sio.wait_for_ack(1)["args"], json!([{"$bytes": "AP8="}]));
        assert_eq!(sio.finish().code(), 0);
    }
    assert_eq!(server.stats()["connections"].as_array().map(Vec::len), Some(3));
    // Nobody knows that authority unless told.
    assert_no_connection(&server.url(), &["certificate"], &[]);
    // The certificate is for another name.
    let by_other_name = server.url().replace("localhost", "127.0.0.2");
    let ended = Sio::run(["emit", &by_other_name, "e", "--ca", &ca]).wait();
    assert_eq!(ended.code(), 3, "{ended:?}");
}

#[test]
fn tls_and_no_tls_mixed_up() {
    let server = NodeServer::start(Options::new().tls(&self_signed()));
    assert_no_connection(&server.url().replace("https:", "http:"), &[], &["--timeout", "5s"]);
    let plain = NodeServer::start(Options::new());
    assert_no_connection(&plain.url().replace("http:", "https:"), &["TLS"], &["--timeout", "5s"]);
}

#[test]
fn a_server_that_comes_later_is_found() {
    let mut server = NodeServer::start(Options::new().fixed_port());
    server.kill();
    let mut sio = Sio::run([&["connect", &server.url()], &QUICK[..]].concat());
    sio.wait_for("failure", |line| is_type(line, "connect_error"));
    sio.send(&json!({"emit": "call", "args": ["held"], "ack": true, "id": 1}));
    let attempt = sio.wait_for("attempt", |line| is_type(line, "reconnect_attempt"));
    assert_eq!(attempt["attempt"], 1);
    // `call` does not try again by itself, but where it is told to.
    let call = ["call", &server.url(), "call", "held", "--reconnection-attempts", "1000", "--timeout", "30s"];
    let call = Sio::run([&call[..], &QUICK[..]].concat());
    server.restart_on_same_port();
    let ended = call.wait();
    assert_eq!((ended.code(), &ended.lines[..]), (0, &[json!(["held"])][..]), "{ended:?}");
    assert_eq!(sio.wait_for_ack(1)["args"], json!(["held"]));
    assert_eq!(sio.finish().code(), 0);
}

#[test]
fn output_that_nobody_reads_any_more_ends_it_quietly() {
    let server = NodeServer::start(Options::new());
    let mut sio = Command::new(sio_path())
        .args(["listen", &server.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sio");
    let mut first = [0];
    let mut stdout = sio.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("the first line");
    drop(stdout);
    let mut server = server;
    server.emit("/", "to nobody", &[]);
    let mut stderr = String::new();
    sio.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!((sio.wait().expect("an end").code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn output_that_is_read_slowly_holds_the_server_back_and_keeps_the_connection() {
    let mut server = NodeServer::start(Options::new().heartbeat(300, 200));
    let mut sio = Command::new(sio_path())
        .args(["connect", &server.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("sio");
    let mut stdin = sio.stdin.take().expect("a pipe");
    server.wait_until("connections", 1);
    // More than a pipe and every buffer on the way hold is not needed: one full pipe blocks the handler.
    let filler = json!("x".repeat(1_000));
    for _ in 0..500 {
        server.emit("/", "news", std::slice::from_ref(&filler));
    }
    let pongs = server.stats()["pongs"].as_u64().unwrap_or_default();
    server.wait_until("pongs", pongs + 4);
    assert_eq!(server.stats()["engine"]["closed"], json!([]), "the heartbeat went on");
    use std::io::Write;
    stdin.write_all(b"{\"disconnect\":true}\n").expect("a line");
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut stdout = sio.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    let text = receiver.recv_timeout(PATIENCE.max(Duration::from_secs(1))).expect("an end");
    assert_eq!(text.lines().filter(|line| line.contains("\"news\"")).count(), 500);
    assert_eq!(sio.wait().expect("an end").code(), Some(0));
}
