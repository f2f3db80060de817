//! What may have been missed: told, loaded, or let be.

use crate::App;
use crate::chat::{Chat, Text};
use crate::socketio::Gap;

impl App {
    pub(crate) fn gap(&self, gap: &Gap) {
        let mut state = self.state.borrow_mut();
        state.missed(gap);
        self.view.gap(&state);
        self.view.conversation(&state);
    }

    pub(crate) fn load_history(&self) {
        let room = {
            let mut state = self.state.borrow_mut();
            let Some(missed) = state.gap.as_mut().filter(|missed| !missed.loading) else { return };
            missed.loading = true;
            missed.problem.clear();
            missed.room.clone()
        };
        self.view.gap(&self.state.borrow());
        self.with_chat(|chat| chat.load_history(&room));
    }

    pub(crate) fn skip_history(&self) {
        self.state.borrow_mut().gap = None;
        self.view.gap(&self.state.borrow());
        self.view.focus_text();
        self.with_chat(Chat::skip_history);
    }

    pub(crate) fn history(&self, room: &str, result: Result<Vec<Text>, String>) {
        let mut state = self.state.borrow_mut();
        let loaded = result.is_ok();
        match result {
            Ok(messages) => state.fill(room, messages),
            Err(cause) => {
                if let Some(missed) = &mut state.gap {
                    (missed.loading, missed.problem) = (false, cause);
                }
            }
        }
        self.view.gap(&state);
        if loaded {
            self.view.side(&state);
            self.view.conversation(&state);
            // The button that was pressed is gone.
            self.view.focus_text();
        }
    }
}
