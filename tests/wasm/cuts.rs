//! One hundred plain emits at a time, over a connection that is cut after so many bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use socketio::{Client, EmitId, Fates, Receipts, Socket, Transport};
use wasm_bindgen::prelude::*;

use super::{Failure, told};

#[wasm_bindgen]
extern "C" {
    /// Of the page: has the connection to `url` cut once so many bytes of ours have passed. Resolves when that is arranged.
    #[wasm_bindgen(catch)]
    async fn arm(url: &str, bytes: u32) -> Result<JsValue, JsValue>;
}

const EMITS: u32 = 100;

/// What became of one round.
#[derive(Serialize)]
struct Round {
    bytes: u32,
    /// The fates of each emit, in order.
    fates: Vec<Vec<&'static str>>,
    /// What the server got, as pairs of number and connection, in order.
    seen: Vec<(u32, u32)>,
}

/// A round for each of `cuts`, each with `size` bytes more in every emit. JSON.
#[wasm_bindgen]
pub async fn cut_off(url: &str, cuts: Vec<u32>, size: usize) -> Result<String, JsError> {
    let run = async {
        let client = Client::builder(url)
            .transports([Transport::WebSocket])
            .receipts(Receipts::Namespace)
            .reconnection_delay(Duration::from_millis(5))
            .randomization_factor(0.0)
            .build()?;
        let socket = client.socket("/");
        let mut fates = socket.fates();
        let mut rounds = Vec::new();
        for (number, bytes) in (1000..).zip(cuts) {
            socket.connected().await?;
            arm(url, bytes).await.map_err(|thrown| format!("{thrown:?}"))?;
            rounds.push(round(&socket, &mut fates, (number, bytes), size).await?);
        }
        client.close();
        Ok(serde_json::to_string(&rounds)?)
    };
    told(run.await)
}

async fn round(
    socket: &Socket,
    fates: &mut Fates,
    (number, bytes): (u32, u32),
    size: usize,
) -> Result<Round, Failure> {
    let filler = "x".repeat(size);
    let mut emits = BTreeMap::<EmitId, Vec<&'static str>>::new();
    for n in 100..100 + EMITS {
        emits.insert(socket.emit("one", &(number, n, &filler))?, Vec::new());
    }
    let mut open = emits.len();
    while open > 0 {
        let change = fates.next().await.ok_or("the client ended")?;
        let known = emits.get_mut(&change.emit).ok_or("a fate that comes late")?;
        known.push(change.fate.as_str());
        open -= usize::from(change.fate.is_final());
    }
    let call = socket.emit_with_ack("seen", &number).send();
    let asked = call.id().ok_or("the question was not sent")?;
    let seen = call.await?;
    // Its fates are not those of the next round.
    while !fates.next().await.is_some_and(|change| change.emit == asked && change.fate.is_final()) {}
    Ok(Round { bytes, fates: emits.into_values().collect(), seen })
}
