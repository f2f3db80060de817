//! Authentication data that the application is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use socketio_client_core::codec::Payload;
use socketio_client_core::{Auth, AuthRequest};

use crate::shared::Shared;

/// Asks the application for authentication data, in a task of its own since it may take long.
pub(crate) fn authenticate(shared: &Arc<Shared>, request: AuthRequest) {
    let mut answer = Answer { shared: Arc::clone(shared), request: Some(request) };
    let Some(auth) = &shared.setup.auth_with else {
        let data = match &shared.setup.auth {
            Auth::Value(data) => Some(data.clone()),
            Auth::None | Auth::Ask => None,
        };
        return answer.give(Ok(data));
    };
    match catch_unwind(AssertUnwindSafe(auth)) {
        Ok(data) => shared.spawn(async move {
            let data = data.await;
            answer.give(data.map(Some));
        }),
        Err(_) => drop(answer),
    }
}

/// An answer is given even if the application's function panics.
struct Answer {
    shared: Arc<Shared>,
    request: Option<AuthRequest>,
}

impl Answer {
    fn give(&mut self, data: Result<Option<Payload>, String>) {
        if let Some(request) = self.request.take() {
            let data = match &self.shared.cursor {
                Some(cursor) => data.map(|data| cursor.add_to(request.socket(), data)),
                None => data,
            };
            self.shared.change(|state, now| state.manager.authenticate(request, data, now));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.give(Err("the function that provides it panicked, or the runtime has shut down".to_owned()));
    }
}
