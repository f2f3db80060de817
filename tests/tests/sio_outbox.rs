//! `sio`: how events are delivered, what became of them, and what an outbox holds.

use std::process::Command;

use serde_json::{Value, json};
use tests::{Ended, LineProcess, NodeServer, Options, Scratch, Sio, closed_port, sio_path};

fn fates(ended: &Ended, id: &Value) -> Vec<String> {
    let of_id = |line: &&Value| line["type"] == "fate" && line["id"] == *id;
    ended
        .lines
        .iter()
        .filter(of_id)
        .map(|line| line["fate"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Without waiting for a connection.
fn start(url: &str, options: &[&str]) -> Sio {
    Sio::run([&["connect", url], options].concat())
}

fn nowhere() -> String {
    format!("http://127.0.0.1:{}", closed_port())
}

fn listed(file: &str) -> Vec<Value> {
    let ended = Sio::run(["outbox", file]).wait();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    ended.lines
}

#[test]
fn an_emit_with_an_id_tells_its_fate() {
    let server = NodeServer::start(Options::new().record());
    let mut sio = Sio::connect(&server.url(), &[]);
    sio.send(&json!({"emit": "record", "args": ["plain"], "id": "plain"}));
    sio.send(&json!({"emit": "call", "args": [7], "ack": true, "id": 7}));
    sio.send(&json!({"emit": "record", "args": ["silent"]}));
    sio.send(&json!({"emit": "connect", "id": "reserved"}));
    let ended = sio.finish();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(fates(&ended, &json!("plain")), ["held", "inFlight", "delivered"]);
    assert_eq!(fates(&ended, &json!(7)), ["held", "inFlight", "acknowledged"]);
    assert_eq!(fates(&ended, &json!("reserved")), ["refused"]);
    assert_eq!(ended.lines.iter().filter(|line| line["type"] == "fate").count(), 7);
    assert!(ended.lines.contains(&json!({"type": "ack", "id": 7, "args": [7]})));
    assert_eq!(server.recorded(), ["plain", "silent"]);
}

#[test]
fn what_was_never_sent_is_told_as_such() {
    let emits = |sio: &mut Sio| {
        for id in 1..=3 {
            sio.send(&json!({"emit": "e", "args": [id], "id": id}));
        }
    };
    for (policy, last) in [
        ("refuse", [&["held", "cancelled"][..], &["held", "cancelled"], &["refused"]]),
        ("drop-oldest", [&["held", "dropped"], &["held", "cancelled"], &["held", "cancelled"]]),
        ("drop-newest", [&["held", "cancelled"], &["held", "cancelled"], &["dropped"]]),
    ] {
        let options = ["--buffer-size", "2", "--buffer-policy", policy, "--timeout", "500ms"];
        let mut sio = start(&nowhere(), &options);
        emits(&mut sio);
        let ended = sio.finish();
        assert_eq!(ended.code(), 4, "{ended:#?}");
        for (id, expected) in (1..).zip(last) {
            assert_eq!(fates(&ended, &json!(id)), expected, "{policy}: {ended:#?}");
        }
    }
    let mut sio = start(&nowhere(), &["--buffer-max-age", "10ms"]);
    emits(&mut sio);
    sio.wait_for("expired", |line| *line == json!({"type": "fate", "id": 3, "fate": "expired"}));
}

#[test]
fn an_outbox_survives_its_process() {
    let server = NodeServer::start(Options::new().record());
    let folder = Scratch::new();
    let file = folder.file("events.outbox").display().to_string();
    let options = ["--outbox", &file, "--timeout", "500ms"];
    let mut sio = start(&nowhere(), &options);
    sio.send(&json!({"emit": "call", "args": ["a", {"$bytes": "AAEC"}], "id": 1}));
    sio.send(&json!({"emit": "record", "args": ["b"], "ack": true, "id": 2}));
    let ended = sio.finish();
    assert_eq!(ended.code(), 4, "there is no connection: {ended:#?}");
    assert_eq!(
        (fates(&ended, &json!(1)), fates(&ended, &json!(2))),
        (vec!["held".into()], vec!["held".into()])
    );

    let left = listed(&file);
    let events: Vec<_> = left.iter().map(|line| (&line["seq"], &line["event"], &line["args"])).collect();
    assert_eq!(json!(events), json!([[0, "call", ["a", {"$bytes": "AAEC"}]], [1, "record", ["b"]]]));
    assert!(left.iter().all(|line| line["namespace"] == "/" && line["created_at"].as_u64() > Some(1 << 40)));
    assert!(left.iter().all(|line| line["expires_at"].as_u64() > line["created_at"].as_u64()));

    let mut sio = start(&server.url(), &options);
    sio.wait_for("one of last time", |line| {
        *line
            == json!({"type": "outbox_settled", "seq": 0, "fate": "acknowledged", "event": "call",
                "args": ["a", {"$bytes": "AAEC"}]})
    });
    sio.wait_for("the other", |line| line["type"] == "outbox_settled" && line["seq"] == 1);
    sio.send(&json!({"emit": "call", "args": ["c"], "ack": true, "id": 3}));
    let ended = sio.finish();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(fates(&ended, &json!(3)), ["held", "inFlight", "acknowledged"]);
    assert_eq!(server.recorded(), ["b"]);
    assert_eq!(listed(&file), [Value::Null; 0]);
}

#[test]
fn an_outbox_is_one_process_s_and_can_be_emptied() {
    let server = NodeServer::start(Options::new());
    let folder = Scratch::new();
    let file = folder.file("events.outbox").display().to_string();
    let mut first = start(&server.url(), &["--outbox", &file]);
    // The server never answers it.
    first.send(&json!({"emit": "never", "id": 1}));
    first.wait_for("a stored one", |line| line["fate"] == "inFlight");

    let mut second = start(&server.url(), &["--outbox", &file]);
    let error = second.wait_for("locked", |line| line["type"] == "outbox_error");
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains(&file) && text.contains("in use")),
        "{error}"
    );
    second.send(&json!({"emit": "call", "ack": true, "id": 2}));
    let ended = second.finish();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(fates(&ended, &json!(2)), ["refused"]);
    let ack = ended.lines.iter().find(|line| line["type"] == "ack");
    assert!(
        ack.is_some_and(|ack| ack["error"].as_str().is_some_and(|text| text.contains("locked"))),
        "{ack:?}"
    );
    let other = Sio::run(["outbox", &file]).wait();
    assert_eq!(other.code(), 2);
    assert!(other.stderr.contains("in use"), "{other:?}");

    first.kill();
    assert_eq!(listed(&file).len(), 1);
    let cleared = Sio::run(["outbox", "--clear", &file]).wait();
    assert_eq!((cleared.code(), cleared.lines.len()), (0, 0));
    assert_eq!(listed(&file), [Value::Null; 0]);
    let missing = Sio::run(["outbox", "no such file"]).wait();
    assert_eq!((missing.code(), missing.lines.len()), (2, 0));
    assert!(missing.stderr.contains("no such file"));
}

#[test]
fn a_server_without_the_middleware_is_told() {
    let server = NodeServer::start(Options::new());
    let mut sio = start(&server.url(), &["--exactly-once", "--ack-timeout", "200ms"]);
    sio.wait_for("the lack", |line| line["type"] == "delivery_unsupported");
    sio.send(&json!({"emit": "call", "args": [1], "ack": true, "id": 1}));
    assert_eq!(sio.finish().code(), 0);
}

#[test]
fn what_is_not_answered_is_sent_again() {
    let mut server = NodeServer::start(Options::new());
    let mut sio = start(&server.url(), &["--retries", "2", "--ack-timeout", "100ms", "--retry-window", "4"]);
    sio.send(&json!({"emit": "never", "args": [1], "id": "n"}));
    let ended = sio.finish();
    assert_eq!(fates(&ended, &json!("n")), ["held", "inFlight", "inFlight", "inFlight", "uncertain"]);
    assert!(ended.lines.iter().any(|line| line["type"] == "error"), "{ended:#?}");
    assert_eq!(server.stats()["events"]["counts"]["never"], 3);
}

#[test]
fn a_full_disk_refuses_what_it_cannot_keep() {
    let folder = Scratch::new();
    let file = folder.file("events.outbox").display().to_string();
    // A limit on the size of files, in KiB. Without its signal, a write beyond it is an error.
    let script = r#"trap '' XFSZ; ulimit -S -f 3500; exec "$0" "$@""#;
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(sio_path()).args([
        "connect",
        &nowhere(),
        "--outbox",
        &file,
        "--timeout",
        "500ms",
        // Otherwise input waits.
        "--buffer-bytes",
        "100000000",
    ]);
    let mut sio = LineProcess::start("sio on a full disk", &mut command);
    let text = "x".repeat(20_000);
    let emits = 250;
    for id in 0..emits {
        sio.send(&json!({"emit": "e", "args": [id, text], "id": id}));
    }
    let ended = sio.finish();
    assert_eq!(ended.code(), 4, "there is no connection: {}", ended.stderr);
    assert!(ended.lines.iter().any(|line| line["type"] == "outbox_error"));
    let kept: Vec<_> = listed(&file).into_iter().map(|mut line| line["args"][0].take()).collect();
    let refused = |id: &Value| fates(&ended, id).last().is_some_and(|fate| fate == "refused");
    let (lost, held): (Vec<_>, Vec<_>) = (0..emits).map(Value::from).partition(refused);
    println!("figures: {} kept, {} refused", held.len(), lost.len());
    assert_eq!(kept, held, "each is in the file, or was refused");
    assert!(!kept.is_empty() && !lost.is_empty());
}
