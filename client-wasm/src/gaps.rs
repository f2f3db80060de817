//! What may be missing, and what the application does about it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use socketio_client_core::{Gap, ListenerId, ResyncId, SocketId};
use wasm_bindgen_futures::spawn_local;

use crate::dispatch::{Handler, lifecycle};
use crate::driver::Shared;
use crate::socket::Socket;

pub(crate) type ResyncFn = dyn Fn(Gap) -> Pin<Box<dyn Future<Output = ()>>>;

impl Socket {
    /// Calls `listener` when the namespace is connected again and events may be missing: right after `on_connect`'s
    /// listeners, before events that were replayed.
    ///
    /// ```no_run
    /// # fn show(banner: &str) {}
    /// # fn example(socket: socketio_client_wasm::Socket) {
    /// socket.on_gap(|gap| show(&format!("{:?} without events: {}", gap.outage, gap.reason)));
    /// # }
    /// ```
    pub fn on_gap(&self, listener: impl Fn(Gap) + 'static) -> ListenerId {
        self.add(|router| router.on(lifecycle::GAP, Handler::Gap(Rc::new(listener))))
    }

    /// What may be missing between the last two connections; `None` if nothing is.
    #[must_use]
    pub fn last_gap(&self) -> Option<Gap> {
        self.handle.read(|inner| inner.manager.status(self.id).last_gap.copied())
    }

    /// Has what was missed made good at each gap that is told (`resync`): until the future that `load` returns has ended,
    /// events of this namespace wait, at most as many as the buffer takes, so that a snapshot can be loaded without events
    /// in between. Acks do not wait. Another call replaces it.
    ///
    /// ```no_run
    /// # fn show(line: &str) {}
    /// # fn example(socket: socketio_client_wasm::Socket) {
    /// let loader = socket.clone();
    /// socket.resync(move |gap| {
    ///     let socket = loader.clone();
    ///     async move {
    ///         let since = gap.since.as_millis() as u64;
    ///         match socket.emit_with_ack::<Vec<String>>("history", &since).await {
    ///             Ok(lines) => lines.iter().for_each(|line| show(line)),
    ///             Err(error) => show(&error.to_string()),
    ///         }
    ///     }
    /// });
    /// # }
    /// ```
    pub fn resync<F, Fut>(&self, load: F)
    where
        F: Fn(Gap) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let load: Rc<ResyncFn> = Rc::new(move |gap| Box::pin(load(gap)));
        let before = self.handle.call(|inner, _| {
            inner.manager.set_resync(self.id, true);
            inner.namespaces.get_mut(&self.id).and_then(|namespace| namespace.resync.replace(load))
        });
        // Outside the borrow: what it owns may call back.
        drop(before);
    }
}

impl Shared {
    /// Events of the namespace wait until the application has made good what it missed.
    pub(crate) fn begin_resync(self: &Rc<Self>, socket: SocketId, gap: Gap, id: ResyncId) {
        let load = self.read(|inner| inner.namespaces.get(&socket).and_then(|of| of.resync.clone()));
        let loaded = load.map(|load| load(gap));
        // What is loaded must not keep a client open that nobody else wants.
        let shared = Rc::downgrade(self);
        spawn_local(async move {
            if let Some(loaded) = loaded {
                loaded.await;
            }
            if let Some(shared) = shared.upgrade() {
                shared.call(|inner, _| inner.manager.resynced(id));
            }
        });
    }
}
