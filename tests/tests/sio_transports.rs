//! `sio connect` against a Node server, the same conversation over each transport.

use serde_json::{Value, json};
use tests::{NodeServer, Options, Sio};

fn bytes(base64: &str) -> Value {
    json!({"$bytes": base64})
}

/// `{"a":[bytes,{"b":bytes}],"c":empty bytes}`, as the server builds it too.
fn nested() -> Value {
    json!({"a": [bytes("AAEC/w=="), {"b": bytes("HgqA")}], "c": bytes("")})
}

/// Everything that an event or an answer can carry, both ways.
fn converse(sio: &mut Sio) {
    // What a text protocol trips over: the separator of polling bodies, a line separator, characters beyond 16 bits.
    let texts = json!(["a\u{1e}b", "\u{2028}\u{2029}", "\u{1f600}\u{10ffff}", "\u{0}\"\\\n", ""]);
    sio.send(&json!({"emit": "echo", "args": texts, "ack": true, "id": "texts"}));
    assert_eq!(sio.wait_for_event("echo")["args"], texts);
    // An answer may overtake the event before it on its way through the client: both are looked for from the start.
    assert_eq!(answer(sio, &json!("texts")), texts);

    sio.send(&json!({"emit": "binary", "args": [nested()], "ack": true, "id": 1}));
    assert_eq!(sio.wait_for_event("binary")["args"], json!([nested()]));
    // The second value is the server's view of what it received.
    assert_eq!(answer(sio, &json!(1)), json!([nested(), nested()]));

    sio.send(&json!({"emit": "ask", "args": [nested()]}));
    let question = sio.wait_for_event("question");
    assert_eq!(question["args"], json!([nested()]));
    sio.send(&json!({"ack": question["ack"], "args": [nested(), "\u{1e}"]}));
    assert_eq!(sio.wait_for_event("answered")["args"], json!([nested(), "\u{1e}"]));

    sio.send(&json!({"emit": "noargs"}));
    assert_eq!(sio.wait_for_event("noargs")["args"], json!([]));

    sio.send(&json!({"emit": "big", "args": [3_000_000], "ack": true, "id": "big"}));
    assert_eq!(answer(sio, &json!("big"))[0].as_str().map(str::len), Some(3_000_000));

    sio.send(&json!({"emit": "flood", "args": [5_000]}));
    let flood = sio.wait_for_many("flood", 5_000, |line| line["event"] == "flood");
    assert!(flood.iter().enumerate().all(|(n, line)| line["args"] == json!([n])), "out of order");

    for n in 0..5_000 {
        sio.send(&json!({"emit": "record", "args": [n]}));
    }
    sio.send(&json!({"emit": "recorded", "ack": true, "id": "recorded"}));
    let recorded = answer(sio, &json!("recorded"))[0].take();
    assert_eq!(recorded, json!((0..5_000).collect::<Vec<_>>()));
}

fn answer(sio: &Sio, id: &Value) -> Value {
    sio.wait_for_any(&format!("ack {id}"), |line| line["type"] == "ack" && line["id"] == *id)["args"].take()
}

fn end(sio: Sio, server: &mut NodeServer) -> Value {
    let ended = sio.finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let last = ended.lines.last().expect("lines");
    assert_eq!(*last, json!({"type": "disconnect", "namespace": "/", "reason": "io client disconnect"}));
    let stats = server.wait_until("disconnects", 1);
    assert_eq!(stats["disconnects"][0]["reason"], "client namespace disconnect");
    stats
}

#[test]
fn polling_only() {
    let mut server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &["--transports", "polling"]);
    converse(&mut sio);
    let stats = end(sio, &mut server);
    assert_eq!(stats["requests"]["upgrades"], 0, "an Upgrade request came");
    assert_eq!(stats["engine"]["upgraded"], 0);
    assert_eq!(stats["websocket"]["bytes_in"], 0);
}

#[test]
fn websocket_only() {
    let mut server = NodeServer::start(Options::new().transports(&["websocket"]));
    let mut sio = Sio::connect(&server.url(), &["--transports", "websocket"]);
    converse(&mut sio);
    let stats = end(sio, &mut server);
    assert_eq!(stats["requests"]["total"], 1, "one request, the WebSocket handshake");
    assert_eq!(stats["requests"]["upgrades"], 1);
    assert_eq!(stats["polling"]["bytes_in"], 0);
}

#[test]
fn websocket_comes_first_where_nothing_is_said() {
    let mut server = NodeServer::start(Options::new());
    let sio = Sio::connect(&server.url(), &[]);
    let stats = end(sio, &mut server);
    assert_eq!(stats["connections"][0]["transport"], "websocket");
    assert_eq!(stats["requests"]["total"], 1);
}

#[test]
fn upgrade_with_bytes_on_both() {
    let mut server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &["--transports", "polling,websocket"]);
    // Before, amid and after the move: nothing is lost, nothing comes twice.
    for n in 0..200 {
        sio.send(&json!({"emit": "record", "args": [n]}));
    }
    server.wait_until("engine.upgraded", 1);
    for n in 200..400 {
        sio.send(&json!({"emit": "record", "args": [n]}));
    }
    sio.send(&json!({"emit": "recorded", "ack": true, "id": "first"}));
    assert_eq!(answer(&sio, &json!("first"))[0], json!((0..400).collect::<Vec<_>>()));
    sio.send(&json!({"emit": "transport", "ack": true, "id": "transport"}));
    assert_eq!(answer(&sio, &json!("transport")), json!(["websocket"]));
    let stats = end(sio, &mut server);
    assert!(
        stats["polling"]["bytes_in"].as_u64() > Some(0) && stats["polling"]["bytes_out"].as_u64() > Some(0)
    );
    assert!(stats["websocket"]["bytes_in"].as_u64() > Some(0));
    assert_eq!(stats["engine"]["upgraded"], 1);
}

#[test]
fn the_whole_conversation_after_an_upgrade() {
    let mut server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &["--transports", "polling,websocket"]);
    server.wait_until("engine.upgraded", 1);
    converse(&mut sio);
    let stats = end(sio, &mut server);
    assert!(stats["websocket"]["bytes_out"].as_u64() > Some(3_000_000));
}

#[test]
fn a_server_without_websocket_is_reached_by_polling() {
    let mut server = NodeServer::start(Options::new().transports(&["polling"]));
    let mut sio = Sio::connect(&server.url(), &[]);
    sio.send(&json!({"emit": "transport", "ack": true, "id": "t"}));
    assert_eq!(answer(&sio, &json!("t")), json!(["polling"]));
    end(sio, &mut server);
}

#[test]
fn four_namespaces_on_one_connection() {
    let mut server = NodeServer::start(Options::new());
    let names = ["/", "/admin", "/secret", "/nowhere"].map(|name| ["--namespace", name]).concat();
    let mut sio = Sio::run(["connect", server.url().as_str()].iter().chain(&names));
    // In which order they are answered is the server's business.
    let mut lines = sio.wait_for_many("answers", 4, |_| true);
    lines.sort_by_key(|line| line["namespace"].to_string());
    let refused = |namespace, message, data: Value| json!({"type": "connect_error", "namespace": namespace, "message": message, "data": data});
    assert_eq!((&lines[0]["type"], &lines[0]["namespace"]), (&json!("connect"), &json!("/")));
    assert_eq!(lines[0]["recovered"], false);
    assert!(lines[0]["id"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!((&lines[1]["type"], &lines[1]["namespace"]), (&json!("connect"), &json!("/admin")));
    assert_eq!(lines[2], refused("/nowhere", "Invalid namespace", Value::Null));
    assert_eq!(lines[3], refused("/secret", "not authorized", json!({"code": "denied"})));

    // The others are unharmed, and events stay in their namespace.
    for namespace in ["/admin", "/"] {
        sio.send(&json!({"emit": "echo", "args": [namespace], "namespace": namespace}));
        let echo = sio.wait_for_event("echo");
        assert_eq!((&echo["namespace"], &echo["args"]), (&json!(namespace), &json!([namespace])));
    }
    // The first one named is meant where none is given.
    sio.send(&json!({"emit": "echo", "args": [1]}));
    assert_eq!(sio.wait_for_event("echo")["namespace"], "/");
    server.emit("/admin", "news", &[json!("for admins")]);
    assert_eq!(sio.wait_for_event("news")["namespace"], "/admin");
    // What goes to a namespace that is not there is told.
    sio.send(&json!({"emit": "echo", "namespace": "/secret"}));
    let error = sio.wait_for("error", |line| line["type"] == "error");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains("/secret") && text.contains("not authorized"))
    );
    sio.send(&json!({"emit": "echo", "namespace": "/other"}));
    sio.wait_for("error", |line| {
        line["type"] == "error" && line["message"].as_str().is_some_and(|m| m.contains("/other"))
    });

    let stats = server.stats();
    assert_eq!(stats["engine"]["opened"], 1, "one connection");
    assert_eq!(sio.finish().code(), 0);
}

#[test]
fn auth_query_header_and_path_reach_the_server() {
    let mut server = NodeServer::start(Options::new().set("path", "/chat"));
    let auth = r#"{"token":"good","n":[1,null]}"#;
    let given = [
        "--auth",
        auth,
        "--query",
        "a=1",
        "--query",
        "b=x y&z",
        "--header",
        "X-One: two: three",
        "--path",
        "/chat",
    ];
    for transports in ["websocket", "polling"] {
        let options: Vec<&str> = given
            .into_iter()
            .chain(["--namespace", "secret", "--namespace", "/", "--transports", transports])
            .collect();
        // The URL's namespace is replaced.
        let mut sio = Sio::connect(&format!("{}/nowhere", server.url()), &options);
        sio.wait_for("both", |line| line["type"] == "connect");
        assert_eq!(sio.finish().code(), 0);
    }
    let stats = server.stats();
    let connections = stats["connections"].as_array().expect("a list");
    assert_eq!(connections.len(), 4);
    for connection in connections {
        assert_eq!(connection["auth"], json!({"token": "good", "n": [1, null]}));
        assert_eq!((&connection["query"]["a"], &connection["query"]["b"]), (&json!("1"), &json!("x y&z")));
        assert_eq!(connection["headers"]["x-one"], "two: three");
    }
    // The URL's path names the namespace where no option does.
    let sio = Sio::connect(&format!("{}/admin?c=3", server.url()), &["--path", "/chat"]);
    assert_eq!(sio.lines()[0]["namespace"], "/admin");
    let stats = server.stats();
    assert_eq!(stats["connections"][4]["query"]["c"], "3");
}
