//! Emptying the outboxes of a client.

use js_sys::Promise;
use socketio_client_core::ClearError;
use wasm_bindgen_futures::JsFuture;

use super::values::reason;
use crate::driver::Shared;

impl Shared {
    /// Empties the outbox of each namespace, for all tabs. All of them begin now.
    pub(crate) fn clear_outboxes(&self) -> Vec<Promise> {
        let outboxes = self.read(|inner| {
            let links = inner.namespaces.values().filter_map(|namespace| namespace.outbox.as_ref());
            links.map(|link| link.durable.clone()).collect::<Vec<_>>()
        });
        // The module calls back, so outside the borrow.
        outboxes.into_iter().map(|durable| durable.clear()).collect()
    }
}

/// Waits for all of them; the first failure counts.
pub(crate) async fn cleared(clears: Vec<Promise>) -> Result<(), ClearError> {
    let mut result = Ok(());
    for clear in clears {
        let done = JsFuture::from(clear).await;
        result = result.and(done.map(drop).map_err(|error| ClearError::Storage { cause: reason(&error) }));
    }
    result
}
