//! What may be missing, and what the application does about it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use socketio_client_core::{Gap, ListenerId, ResyncId};

use crate::listeners::{GAP, Handler, RESYNC};
use crate::shared::Shared;
use crate::socket::Socket;

pub(crate) type ResyncFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
pub(crate) type ResyncFn = dyn Fn(Gap) -> ResyncFuture + Send + Sync;

impl Socket {
    /// Calls `listener` when the namespace is connected again and events may be missing: right after `on_connect`'s
    /// listeners, before events that were replayed.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) {
    /// socket.on_gap(|gap| eprintln!("{:?} without events: {}", gap.outage, gap.reason));
    /// # }
    /// ```
    pub fn on_gap(&self, listener: impl Fn(Gap) + Send + Sync + 'static) -> ListenerId {
        self.listen(GAP, Handler::Gap(Arc::new(listener)))
    }

    /// What may be missing between the last two connections; `None` if nothing is.
    #[must_use]
    pub fn last_gap(&self) -> Option<Gap> {
        self.shared().state.lock().manager.status(self.id).last_gap.copied()
    }

    /// Has what was missed made good at each gap that is told (`resync`): until the future that `load` returns has ended,
    /// events of this namespace wait, at most as many as the buffer takes, so that a snapshot can be loaded without events
    /// in between. Acks do not wait. Another call replaces it. The future is dropped once the client has ended.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) {
    /// let loader = socket.clone();
    /// socket.resync(move |gap| {
    ///     let socket = loader.clone();
    ///     async move {
    ///         let since = gap.since.as_millis() as u64;
    ///         match socket.emit_with_ack::<Vec<String>>("history", &since).await {
    ///             Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
    ///             Err(error) => eprintln!("{error}"),
    ///         }
    ///     }
    /// });
    /// # }
    /// ```
    pub fn resync<F, Fut>(&self, load: F)
    where
        F: Fn(Gap) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let load: Arc<ResyncFn> = Arc::new(move |gap| Box::pin(load(gap)));
        // In one: a gap that is told between the two would not be made good.
        let before = self.with_router(|router| {
            let before = router.remove_event(RESYNC);
            router.on(RESYNC, Handler::Resync(load));
            before
        });
        // Outside the lock: what it owns may call back.
        drop(before);
        self.shared().change(|state, _| state.manager.set_resync(self.id, true));
    }
}

/// Whatever becomes of the application's future, events go on when it is gone.
pub(crate) struct Resync {
    shared: Arc<Shared>,
    id: ResyncId,
}

impl Resync {
    pub(crate) const fn new(shared: Arc<Shared>, id: ResyncId) -> Self {
        Self { shared, id }
    }

    /// In a task of its own, since it may take long.
    pub(crate) fn run(self, load: ResyncFuture) {
        let shared = Arc::clone(&self.shared);
        shared.spawn(async move {
            load.await;
            drop(self);
        });
    }
}

impl Drop for Resync {
    fn drop(&mut self) {
        self.shared.change(|state, _| state.manager.resynced(self.id));
    }
}
