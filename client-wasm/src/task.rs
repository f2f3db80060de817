//! What an application needs beside the client, so that one source compiles for browser and server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::channel::{Receiver, channel};
use crate::clock::{Clock, Timer};

/// Runs a future in the background.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(future);
}

/// Waits. Dropping the future clears its timer.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
    let (sender, receiver) = channel();
    let mut timer = Timer::new(move || sender.send(()));
    let now = Clock::new().now();
    timer.arm(Some(now + duration), now);
    Sleep { _timer: timer, receiver }
}

struct Sleep {
    _timer: Timer,
    receiver: Receiver<()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.receiver.poll(cx).map(|_| ())
    }
}
