//! What may be missing, and how the connection does.

use web_sys::HtmlElement;

use super::{View, clock};
use crate::chat::Numbers;
use crate::socketio::GapReason;
use crate::state::State;

impl View {
    /// The banner over the conversation.
    pub(crate) fn gap(&self, state: &State) {
        self.set_hidden("gap", state.gap.is_none());
        let Some(missed) = &state.gap else { return self.set_text("gap-text", "") };
        let mut words = format!(
            "Messages since {} ({}) may be missing: {}.",
            clock(missed.since),
            seconds(missed.outage),
            reason(missed.reason)
        );
        if missed.room != state.room {
            words = format!("{}: {words}", missed.room);
        }
        if !missed.problem.is_empty() {
            words = format!("{words} The history could not be loaded: {}.", missed.problem);
        }
        self.set_text("gap-text", &words);
        self.set_text("gap-load", if missed.loading { "Loading…" } else { "Load history" });
        // Not `disabled`: that would take the keyboard's focus away.
        let busy = if missed.loading { "true" } else { "false" };
        let _ = self.element::<HtmlElement>("gap-load").set_attribute("aria-disabled", busy);
    }

    pub(crate) fn numbers(&self, numbers: &Numbers) {
        let none = || "none".to_owned();
        self.set_text("n-transport", &numbers.transport.clone().unwrap_or_else(none));
        let round_trip = numbers.round_trip.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.0} ms"));
        self.set_text("n-round-trip", &round_trip);
        self.set_text("n-session", &numbers.session.clone().unwrap_or_else(none));
        self.set_text(
            "n-recovered",
            match numbers.recovered {
                None => "first connection",
                Some(true) => "yes",
                Some(false) => "no",
            },
        );
        self.set_text("n-held", &bytes(numbers.held));
    }
}

fn seconds(ms: f64) -> String {
    let seconds = ms / 1000.0;
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// Why, in words.
fn reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::NoneOffered => "this server keeps nothing for those who are away",
        GapReason::NoOffset => "nothing had come yet from which to go on",
        GapReason::ServerNotNoticed => "the server had not noticed that we were gone",
        GapReason::UnknownSession => "the server no longer knows our session",
        GapReason::NamespaceDisconnect => "one side had left",
        GapReason::NewNode => "another server has answered",
        GapReason::Overflow => "more came than may be held",
        GapReason::Seam => "the session has moved between servers",
        GapReason::Storage => "what was kept of our session cannot be used",
        other => other.as_str(),
    }
}
