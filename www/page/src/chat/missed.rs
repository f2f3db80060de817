//! What was missed while there was no connection, and the server's history that makes it good.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, Chat, Event, JOIN, Text};
use crate::socketio::{sleep, spawn};

/// How long events wait for somebody's word on what was missed: others may be talking to them meanwhile.
const DECIDE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct History {
    messages: Vec<Text>,
}

/// From a gap until what was missed is loaded, or not wanted: meanwhile the client holds back what comes.
#[derive(Default)]
pub(super) struct Hold(RefCell<Held>);

#[derive(Default)]
struct Held {
    /// Counts the gaps.
    gap: u32,
    holds: bool,
    loading: bool,
    waker: Option<Waker>,
}

impl Hold {
    /// Whoever still waits for the gap before need not: this one includes it.
    fn begin(&self) -> u32 {
        let (gap, waker) = {
            let mut held = self.0.borrow_mut();
            held.gap += 1;
            held.holds = true;
            (held.gap, held.waker.take())
        };
        // Outside the borrow: whoever is woken may look at once.
        if let Some(waker) = waker {
            waker.wake();
        }
        gap
    }

    fn release(&self) {
        let waker = {
            let mut held = self.0.borrow_mut();
            (held.holds, held.loading) = (false, false);
            held.waker.take()
        };
        // Outside the borrow: whoever is woken may look at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nobody has said anything for too long.
    fn undecided(&self, gap: u32) {
        let held = self.0.borrow();
        let release = held.gap == gap && !held.loading;
        drop(held);
        if release {
            self.release();
        }
    }

    fn poll(&self, gap: u32, cx: &Context<'_>) -> Poll<()> {
        let mut held = self.0.borrow_mut();
        if held.gap != gap || !held.holds {
            return Poll::Ready(());
        }
        held.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Chat {
    pub(super) fn listen_for_gaps(&self) {
        let tell = self.tell.clone();
        self.socket.on_gap(move |gap| tell(Event::Gap(gap)));
        let hold = self.hold.clone();
        self.socket.resync(move |_| {
            let gap = hold.begin();
            let (hold, timer) = (hold.clone(), hold.clone());
            spawn(async move {
                sleep(DECIDE).await;
                timer.undecided(gap);
            });
            async move { poll_fn(|cx| hold.poll(gap, cx)).await }
        });
    }

    /// Asks for what was said in `room`. What comes meanwhile is delivered after the answer.
    pub(crate) fn load_history(&self, room: &str) {
        #[derive(Serialize)]
        struct Ask<'a> {
            room: &'a str,
        }
        self.hold.0.borrow_mut().loading = true;
        let answer = self.socket.emit_with_ack("history", &Ask { room }).send();
        if let Some(ticket) = answer.id() {
            let socket = self.socket.clone();
            spawn(async move {
                sleep(JOIN).await;
                socket.cancel(ticket);
            });
        }
        let (socket, tell, hold) = (self.socket.clone(), self.tell.clone(), self.hold.clone());
        let room = room.to_owned();
        spawn(async move {
            let result = match answer.await {
                Ok(Answer::Done(History { messages })) => Ok(messages),
                Ok(Answer::Refused { error }) => Err(error),
                Err(error) => Err(error.to_string()),
            };
            if let Ok(messages) = &result {
                // For their second tick, so worth no second attempt.
                let _ = socket.volatile().emit("seen", &Seen::of(messages));
            }
            tell(Event::History { room, result });
            hold.release();
        });
    }

    /// What was missed is not wanted.
    pub(crate) fn skip_history(&self) {
        self.hold.release();
    }
}

#[derive(Serialize)]
struct Seen<'a> {
    messages: Vec<Known<'a>>,
}

#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    from: &'a str,
}

impl<'a> Seen<'a> {
    fn of(messages: &'a [Text]) -> Self {
        Self { messages: messages.iter().map(|text| Known { id: &text.id, from: &text.from }).collect() }
    }
}
