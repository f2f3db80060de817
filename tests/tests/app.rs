//! The application that is also compiled for the browser (`tests/wasm/face.test.mjs` runs it there).

extern crate socketio_client_native as socketio;

#[path = "../app/app.rs"]
mod app;

use tests::{NodeServer, Options};

/// On a runtime with several threads, so that everything in it has to be `Send`.
#[tokio::test(flavor = "multi_thread")]
async fn one_application_source_runs_here_too() {
    let server = NodeServer::start(Options::new());
    let url = server.url();
    let lines = tokio::spawn(async move { app::run(&url).await }).await.unwrap().unwrap();
    assert_eq!(lines, app::EXPECTED);
}
