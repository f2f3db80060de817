//! Faults that the exploration has to find, each as a change of the text.

pub(crate) enum Place {
    Sync,
    /// The order in which driver and dispatcher use it.
    Model,
}

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

const fn sync(name: &'static str, from: &'static str, to: &'static str) -> Fault {
    Fault { name, place: Place::Sync, from, to }
}

const fn model(name: &'static str, from: &'static str, to: &'static str) -> Fault {
    Fault { name, place: Place::Model, from, to }
}

pub(crate) const FAULTS: &[Fault] = &[
    sync("woken_is_never_forgotten", "        looked.woken = false;\n", ""),
    sync(
        "the_driver_is_woken_before_the_change",
        "        let mut looked = self.lock();
        let result = change(&mut looked.state);
        self.wake(looked);
        result",
        "        self.wake(self.lock());
        change(&mut self.lock().state)",
    ),
    sync(
        "a_stalled_driver_does_not_look_again",
        "        // The dispatcher may have caught up between the two.
        self.over()",
        "        true",
    ),
    sync(
        "the_dispatcher_looks_for_a_stalled_driver_before_it_makes_room",
        "        let events = self.events.fetch_sub(events, Ordering::SeqCst) - events;
        let bytes = self.bytes.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        let room = events <= T::EVENTS / 2 && bytes <= T::BYTES / 2;
        if room && self.stalled.swap(false, Ordering::SeqCst) {",
        "        let stalled = self.stalled.swap(false, Ordering::SeqCst);
        self.events.fetch_sub(events, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        if stalled {",
    ),
    sync("the_queue_has_no_bound", "        if !self.over() {", "        if true {"),
    sync(
        "the_dispatcher_sleeps_before_it_can_be_woken",
        "        self.dispatcher.register(cx.waker());
        let mut inner = lock(&self.inner);",
        "        let inner = lock(&self.inner);
        if inner.events.is_empty() && !inner.closed && !inner.nudged {
            drop(inner);
            self.dispatcher.register(cx.waker());
            return Poll::Pending;
        }
        let mut inner = inner;",
    ),
    sync(
        "the_dispatcher_is_woken_before_the_nudge",
        "        lock(&self.inner).nudged = true;
        self.dispatcher.wake();",
        "        self.dispatcher.wake();
        lock(&self.inner).nudged = true;",
    ),
    sync(
        "the_dispatcher_is_woken_before_the_end",
        "        lock(&self.inner).closed = true;
        self.dispatcher.wake();",
        "        self.dispatcher.wake();
        lock(&self.inner).closed = true;",
    ),
    sync(
        "a_batch_is_counted_after_it_can_be_taken",
        "        // Before the lock is released, so that the dispatcher cannot subtract first.",
        "        drop(self.inner);",
    ),
    model(
        "the_driver_sleeps_before_it_can_be_woken",
        "        self.shared.state.polled(cx.waker());
        for _ in 0..ROUNDS {
            match self.round() {",
        "        for _ in 0..ROUNDS {
            let next = self.round();
            self.shared.state.polled(cx.waker());
            match next {",
    ),
    model(
        "the_last_handle_wakes_nobody",
        "        self.state.change(|state| state.ended = true);",
        "        self.state.lock().ended = true;",
    ),
];
