//! `listen`, `emit` and `call`; exit statuses; lines of `connect` that are not as they should be.

use serde_json::{Value, json};
use tests::{Ended, NodeServer, Options, Scratch, Sio, closed_port};

fn run(args: &[&str]) -> Ended {
    Sio::run(args).wait()
}

/// One line for people, which says what `words` say.
#[track_caller]
fn assert_ends(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code(), code, "{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), usize::from(!words.is_empty()), "{ended:#?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is missing: {ended:#?}");
    }
}

#[test]
fn emit_returns_once_the_server_has_it() {
    let mut server = NodeServer::start(Options::new().record());
    for (n, transports) in ["websocket", "polling", "polling,websocket"].into_iter().enumerate() {
        for round in 0..10 {
            let value = format!("{transports} {round}");
            let ended = run(&["emit", &server.url(), "record", &value, "--transports", transports]);
            assert_ends(&ended, 0, &[]);
            assert!(ended.lines.is_empty());
            // At once: not a moment later.
            assert_eq!(server.recorded().len(), n * 10 + round + 1);
            assert_eq!(server.recorded().last(), Some(&json!(value)));
        }
    }
    let stats = server.wait_until("disconnects", 30);
    let reasons: Vec<_> =
        stats["disconnects"].as_array().into_iter().flatten().map(|line| &line["reason"]).collect();
    assert!(reasons.iter().all(|reason| **reason == "client namespace disconnect"), "{reasons:?}");
}

#[test]
fn arguments_are_json_text_or_a_file() {
    let server = NodeServer::start(Options::new());
    let folder = Scratch::new();
    std::fs::write(folder.file("bytes"), [0, 1, 255]).expect("a file");
    let file = format!("@{}", folder.file("bytes").display());
    let args = [
        "-1.5",
        "text",
        "\"quoted\"",
        r#"{"b":[{"$bytes":"AP8="}],"a":null}"#,
        "true",
        "",
        "{no",
        file.as_str(),
    ];
    let ended = run(&[&["call", &server.url(), "call"], &args[..]].concat());
    assert_ends(&ended, 0, &[]);
    assert_eq!(
        ended.lines,
        [
            json!([-1.5, "text", "quoted", {"b": [{"$bytes": "AP8="}], "a": null}, true, "", "{no", {"$bytes": "AAH/"}])
        ]
    );
    assert_eq!(run(&["call", &server.url(), "call"]).lines, [json!([])]);
    let url = format!("{}/admin", server.url());
    assert_eq!(run(&["call", &url, "rooms", "--transports", "polling"]).code(), 0);
}

#[test]
fn an_answer_that_does_not_come_ends_with_4() {
    let server = NodeServer::start(Options::new());
    let ended = run(&["call", &server.url(), "never", "--ack-timeout", "100ms"]);
    assert_ends(&ended, 4, &["never", "timed out"]);
    let ended = run(&["call", &server.url(), "never", "--timeout", "1500ms"]);
    assert_ends(&ended, 4, &[&server.url(), "1.5s"]);
    assert!(ended.lines.is_empty());
}

#[test]
fn a_server_that_ends_the_namespace_ends_call_listen_and_connect_with_5() {
    let mut server = NodeServer::start(Options::new());
    assert_ends(&run(&["call", &server.url(), "kick"]), 5, &[&server.url()]);
    assert_ends(&run(&["call", &server.url(), "kick-all"]), 5, &[&server.url()]);
    let mut listen = Sio::run(["listen", &server.url()]);
    listen.wait_for("connect", |line| line["type"] == "connect");
    server.disconnect_all();
    assert_ends(&listen.wait(), 5, &[&server.url()]);
    let mut connect = Sio::connect(&server.url(), &["--reconnection-delay", "10ms"]);
    connect.send(&json!({"emit": "never", "ack": true, "id": "open"}));
    connect.send(&json!({"emit": "kick"}));
    let ended = connect.wait();
    assert_ends(&ended, 5, &[&server.url()]);
    let types: Vec<_> = ended.lines.iter().map(|line| line["type"].as_str().unwrap_or_default()).collect();
    assert!(types.contains(&"disconnect") && types.contains(&"ack"), "{types:?}");
    assert_eq!(server.stats()["connections"].as_array().map(Vec::len), Some(4), "kicked clients stay out");
}

#[test]
fn every_namespace_refused_ends_with_3() {
    let server = NodeServer::start(Options::new());
    let url = format!("{}/secret", server.url());
    for command in [&["connect", &url][..], &["listen", &url], &["emit", &url, "e"], &["call", &url, "e"]] {
        assert_ends(&run(command), 3, &[&url, "/secret", "not authorized"]);
    }
    let ended = run(&["connect", &url, "--namespace", "/secret", "--namespace", "/nowhere"]);
    assert_ends(&ended, 3, &["not authorized", "Invalid namespace"]);
    // One of two is enough to listen, but not to say that the event was sent.
    let both = ["--namespace", "/", "--namespace", "/nowhere"];
    assert_ends(&run(&[&["emit", &server.url(), "e"], &both[..]].concat()), 4, &["/nowhere"]);
    let ended = run(&[&["listen", &server.url(), "--for", "1s"], &both[..]].concat());
    assert_ends(&ended, 0, &[]);
}

#[test]
fn wrong_arguments_end_with_2() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    for line in [
        &[][..],
        &["nonsense"],
        &["connect"],
        &["emit", &url],
        &["connect", &url, "--timeout", "5"],
        &["connect", &url, "--timeout", "5 s"],
        &["connect", &url, "--nonsense"],
        &["connect", &url, "--transports", "smoke"],
        &["connect", &url, "--auth", "{"],
        &["connect", &url, "--auth", "[]"],
        &["connect", &url, "--query", "x"],
        &["connect", &url, "--header", "x"],
        &["connect", &url, "--header", "bad name: x"],
        &["listen", &url, "--count", "0"],
        &["listen", &url, "--for", "soon"],
    ] {
        let ended = run(line);
        assert_eq!(ended.code(), 2, "{line:?} {ended:#?}");
        assert!(ended.lines.is_empty() && !ended.stderr.is_empty(), "{ended:#?}");
    }
    assert_ends(&run(&["emit", &url, "e", "@/no/such/file"]), 2, &["/no/such/file"]);
    assert_ends(&run(&["emit", &url, "e", r#"{"$bytes":"?"}"#]), 2, &["base64"]);
    assert_ends(&run(&["connect", "nonsense"]), 2, &["nonsense"]);
    assert_ends(&run(&["connect", "ftp://example.com"]), 2, &["ftp://example.com"]);
    assert_ends(&run(&["connect", "http://127.0.0.1:99999"]), 2, &["99999"]);
    assert_ends(
        &run(&["connect", "https://localhost:1", "--ca", "/no/such/ca.pem"]),
        2,
        &["/no/such/ca.pem"],
    );
    let ended = run(&["--help"]);
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_sent_ends_with_2() {
    let server = NodeServer::start(Options::new());
    assert_ends(&run(&["emit", &server.url(), "disconnect"]), 2, &["reserved"]);
    assert_ends(&run(&["call", &server.url(), "connect"]), 2, &["reserved"]);
    let eleven = format!("[{}]", [r#"{"$bytes":""}"#; 11].join(","));
    assert_ends(&run(&["emit", &server.url(), "e", &eleven]), 2, &["11 attachments"]);
    // More than maxHttpBufferSize: sent, it would cost the connection.
    let folder = Scratch::new();
    std::fs::write(folder.file("large"), vec![b'x'; 1_500_000]).expect("a file");
    let file = format!("@{}", folder.file("large").display());
    assert_ends(&run(&["emit", &server.url(), "e", &file]), 2, &["1000000"]);
}

#[test]
fn listen_prints_the_events_that_were_asked_for() {
    let mut server = NodeServer::start(Options::new());
    let mut all = Sio::run(["listen", &server.url(), "--namespace", "/", "--namespace", "/admin"]);
    all.wait_for_many("both", 2, |line| line["type"] == "connect");
    let mut two = Sio::run(["listen", &server.url(), "b", "c", "--count", "2"]);
    two.wait_for("connect", |line| line["type"] == "connect");
    server.emit("/", "a", &[]);
    server.emit("/", "b", &[json!(1), json!({"$bytes": "AA=="})]);
    server.emit("/admin", "x", &[]);
    server.emit("/", "c", &[json!("\u{2028}")]);
    server.emit("/", "b", &[json!("one too many")]);
    let ended = two.wait();
    assert_ends(&ended, 0, &[]);
    let event = |namespace, event, args: Value| json!({"type": "event", "namespace": namespace, "event": event, "args": args});
    let lines: Vec<_> = ended.lines.iter().filter(|line| line["type"] == "event").collect();
    assert_eq!(
        lines,
        [&event("/", "b", json!([1, {"$bytes": "AA=="}])), &event("/", "c", json!(["\u{2028}"]))]
    );
    let seen = all.wait_for_many("all", 5, |line| line["type"] == "event");
    let mut names: Vec<_> = seen.iter().map(|line| line["event"].as_str().unwrap_or_default()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "b", "c", "x"]);
}

#[test]
fn listen_ends_after_its_time() {
    let server = NodeServer::start(Options::new());
    assert_ends(&run(&["listen", &server.url(), "--for", "1s"]), 0, &[]);
    let ended = run(&["listen", &server.url(), "--for", "1s", "--count", "1"]);
    assert_ends(&ended, 4, &["0 of 1"]);
    let url = format!("http://127.0.0.1:{}", closed_port());
    assert_ends(&run(&["listen", &url, "--for", "300ms"]), 3, &[&url, "refused"]);
}

#[test]
fn lines_that_cannot_be_read_are_told_and_passed_over() {
    let server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &[]);
    for line in [
        "nonsense",
        "{}",
        "[]",
        "7",
        "{\"emit\":7}",
        "{\"emit\":\"e\",\"args\":1}",
        "{\"emit\":\"e\",\"id\":{}}",
        "{\"emit\":\"e\",\"nonsense\":1}",
        "{\"disconnect\":1}",
        "{\"ack\":99}",
        "{\"ack\":\"x\"}",
        "{\"emit\":\"e\"",
        "{\"emit\":\"e\",\"args\":[{\"$bytes\":1}]}",
        "{\"emit\":\"disconnect\"}",
        "{\"emit\":\"e\",\"namespace\":\"/x\"}",
    ] {
        sio.send_text(line);
        let error = sio.wait_for(line, |line| line["type"] == "error");
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty() && !text.contains('\n')),
            "{error}"
        );
        assert_eq!(error.as_object().map(serde_json::Map::len), Some(2), "{error}");
    }
    sio.send_text(&"x".repeat(33 << 20));
    let error = sio.wait_for("long line", |line| line["type"] == "error");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("longer")), "{error}");
    sio.send_text("");
    sio.send(&json!({"emit": "call", "args": [1], "ack": true, "id": 7}));
    assert_eq!(sio.wait_for_ack(7), json!({"type": "ack", "id": 7, "args": [1]}));
    assert_ends(&sio.finish(), 0, &[]);
}

#[test]
fn answers_carry_the_id_unchanged() {
    let server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &["--ack-timeout", "200ms"]);
    for id in ["\"q1\"", "7", "-1.50", "12345678901234567890123", "\"\\u0041\"", "\"\""] {
        sio.send_text(&format!(r#"{{"emit":"call","ack":true,"id":{id}}}"#));
        let id: Value = serde_json::from_str(id).expect("JSON");
        assert_eq!(sio.wait_for_ack(id.clone()), json!({"type": "ack", "id": id, "args": []}));
    }
    sio.send(&json!({"emit": "call", "ack": true}));
    let line = sio.wait_for("no id", |line| line["type"] == "ack");
    assert_eq!(line, json!({"type": "ack", "args": []}));
    sio.send(&json!({"emit": "never", "ack": true, "id": "late"}));
    let line = sio.wait_for_ack("late");
    assert_eq!(line, json!({"type": "ack", "id": "late", "error": "operation has timed out"}));
    sio.send(&json!({"emit": "connect", "ack": true, "id": "reserved"}));
    assert!(sio.wait_for_ack("reserved")["error"].as_str().is_some_and(|text| text.contains("reserved")));
    // An answer is missing.
    assert_eq!(sio.finish().code(), 4);
}

#[test]
fn events_are_answered_by_number() {
    let server = NodeServer::start(Options::new());
    let names = ["/", "/admin"].map(|name| ["--namespace", name]).concat();
    let mut sio = Sio::connect(&server.url(), &names);
    sio.wait_for("both", |line| line["type"] == "connect");
    let mut numbers = Vec::new();
    for namespace in ["/", "/admin", "/", "/admin"] {
        sio.send(&json!({"emit": "ask", "args": [namespace], "namespace": namespace}));
        numbers.push(sio.wait_for_event("question")["ack"].as_u64().expect("a number"));
    }
    let unique: std::collections::BTreeSet<_> = numbers.iter().collect();
    assert_eq!(unique.len(), 4, "{numbers:?}");
    // In any order, each once.
    for (n, number) in numbers.iter().enumerate().rev() {
        sio.send(&json!({"ack": number, "args": [n]}));
        let answered = sio.wait_for_event("answered");
        assert_eq!(
            (&answered["args"], &answered["namespace"]),
            (&json!([n]), &json!(["/", "/admin"][n % 2]))
        );
    }
    sio.send(&json!({"ack": numbers[0]}));
    sio.wait_for("error", |line| line["type"] == "error");
    // Without "args": an empty answer.
    sio.send(&json!({"emit": "ask"}));
    let number = sio.wait_for_event("question")["ack"].take();
    sio.send(&json!({"ack": number}));
    assert_eq!(sio.wait_for_event("answered")["args"], json!([]));
    assert_eq!(sio.finish().code(), 0);
}

#[test]
fn the_end_of_input_waits_for_everything() {
    let server = NodeServer::start(Options::new().record());
    for transports in ["websocket", "polling"] {
        // All of it is written before there is a connection.
        let mut sio = Sio::run(["connect", &server.url(), "--transports", transports]);
        for n in 0..3_000 {
            sio.send(&json!({"emit": "record", "args": [n]}));
        }
        sio.send(&json!({"emit": "later", "args": [300, "answer"], "ack": true, "id": "later"}));
        sio.send(&json!({"emit": "record", "args": ["last"]}));
        let ended = sio.finish();
        assert_ends(&ended, 0, &[]);
        let last_two: Vec<_> =
            ended.lines.iter().rev().filter(|line| line["type"] != "fate").take(2).collect();
        assert_eq!(*last_two[1], json!({"type": "ack", "id": "later", "args": ["answer"]}));
        assert_eq!(last_two[0]["type"], "disconnect");
    }
    let mut wanted: Vec<_> = (0..3_000).map(Value::from).collect();
    wanted.push("last".into());
    assert_eq!(server.recorded(), [wanted.clone(), wanted].concat());
}

#[test]
fn the_end_of_input_without_a_connection_ends_with_4() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    let options = ["--timeout", "400ms", "--reconnection-delay", "50ms"];
    let mut sio = Sio::run([&["connect", &url], &options[..]].concat());
    sio.send(&json!({"emit": "held", "ack": true, "id": 1}));
    let ended = sio.finish();
    assert_ends(&ended, 4, &[&url, "refused"]);
    assert!(ended.lines.iter().any(|line| line["type"] == "connect_error"));
    // Even then each answer that was asked for has its line.
    assert!(
        ended.lines.iter().any(|line| line["type"] == "ack" && line["id"] == 1 && line["error"].is_string())
    );
}

#[test]
fn an_answer_missing_at_the_end_of_input_ends_with_4() {
    let server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &["--timeout", "500ms"]);
    sio.send(&json!({"emit": "never", "ack": true, "id": "a"}));
    let ended = sio.finish();
    assert_ends(&ended, 4, &[&server.url(), "no answer"]);
    assert!(ended.lines.iter().any(|line| line["type"] == "ack" && line["error"].is_string()), "{ended:#?}");
}

#[test]
fn disconnect_ends_the_command_while_input_is_open() {
    let mut server = NodeServer::start(Options::new().record());
    let names = ["/", "/admin"].map(|name| ["--namespace", name]).concat();
    let mut sio = Sio::connect(&server.url(), &names);
    sio.wait_for("both", |line| line["type"] == "connect");
    sio.send(&json!({"emit": "record", "args": ["bye"]}));
    sio.send(&json!({"disconnect": true}));
    let ended = sio.wait();
    assert_ends(&ended, 0, &[]);
    let last: Vec<_> = ended.lines.iter().filter(|line| line["type"] == "disconnect").collect();
    assert_eq!(last.len(), 2);
    assert!(last.iter().all(|line| line["reason"] == "io client disconnect"));
    // The Node server drops an event that a DISCONNECT follows at once: it must not.
    assert_eq!(server.recorded(), [json!("bye")]);
    let stats = server.wait_until("disconnects", 2);
    assert_eq!(stats["disconnects"][0]["reason"], "client namespace disconnect");
}

#[test]
fn more_answers_are_wanted_than_anybody_keeps() {
    let server = NodeServer::start(Options::new());
    let mut sio = Sio::connect(&server.url(), &[]);
    // More than the client's buffer holds: input waits instead.
    for n in 0..12_000 {
        sio.send(&json!({"emit": "call", "args": [n], "ack": true, "id": n}));
    }
    let mut answers =
        sio.wait_for_many("answers", 12_000, |line| !matches!(line["type"].as_str(), Some("event" | "fate")));
    answers.sort_by_key(|line| line["id"].as_u64());
    let wrong = answers.iter().enumerate().find(|(n, line)| line["id"] != *n || line["args"] != json!([n]));
    assert_eq!(wrong, None);

    for n in 0..10_001 {
        sio.send(&json!({"emit": "ask", "args": [n]}));
    }
    let questions = sio.wait_for_many("questions", 10_001, |line| line["event"] == "question");
    // Only the last 10,000 are kept.
    sio.send(&json!({"ack": questions[0]["ack"]}));
    sio.wait_for("error", |line| line["type"] == "error");
    for question in [&questions[1], &questions[10_000]] {
        sio.send(&json!({"ack": question["ack"], "args": question["args"]}));
        assert_eq!(sio.wait_for_event("answered")["args"], question["args"]);
    }
    assert_eq!(sio.finish().code(), 0);
}
