//! Who listens to what.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// One registration, to be given to [`Router::off`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

#[derive(Clone)]
struct Listener<H> {
    id: ListenerId,
    once: bool,
    handler: H,
}

type Listeners<H> = Arc<Vec<Listener<H>>>;

/// Listener bookkeeping. The shell chooses `H`, and with it whether handlers are `Send`.
///
/// [`Router::take`] hands out a snapshot, so that the shell calls handlers after every lock is released and a handler may
/// add and remove listeners; such changes count from the next event on.
///
/// ```
/// use socketio_client_core::Router;
///
/// let mut router = Router::new();
/// let id = router.on("news", "first");
/// router.once("news", "second");
/// assert_eq!(router.take("news").iter().collect::<Vec<_>>(), [&"first", &"second"]);
/// assert_eq!(router.take("news").iter().collect::<Vec<_>>(), [&"first"]);
/// assert!(router.off(id));
/// assert!(router.take("news").is_empty());
/// ```
pub struct Router<H> {
    next: u64,
    any: Listeners<H>,
    named: BTreeMap<Box<str>, Listeners<H>>,
}

/// The handlers of one event, in order: those for any event, then those for its name.
pub struct Taken<H> {
    any: Listeners<H>,
    named: Option<Listeners<H>>,
}

impl<H> Taken<H> {
    /// In the order in which they are to be called.
    pub fn iter(&self) -> impl Iterator<Item = &H> {
        self.any
            .iter()
            .chain(self.named.iter().flat_map(|named| named.iter()))
            .map(|listener| &listener.handler)
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.is_empty() && self.named.as_ref().is_none_or(|named| named.is_empty())
    }
}

impl<H: Clone> Default for Router<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Clone> Router<H> {
    /// Nobody listens.
    #[must_use]
    pub fn new() -> Self {
        Self { next: 0, any: Arc::default(), named: BTreeMap::new() }
    }

    /// Calls `handler` for each event of this name.
    pub fn on(&mut self, event: &str, handler: H) -> ListenerId {
        self.add(event, handler, false)
    }

    /// Calls `handler` for the next event of this name only.
    pub fn once(&mut self, event: &str, handler: H) -> ListenerId {
        self.add(event, handler, true)
    }

    /// Calls `handler` for each event, before the listeners for its name.
    pub fn on_any(&mut self, handler: H) -> ListenerId {
        let id = self.id();
        Arc::make_mut(&mut self.any).push(Listener { id, once: false, handler });
        id
    }

    /// Removes one registration; false if it is gone already.
    pub fn off(&mut self, id: ListenerId) -> bool {
        if remove(&mut self.any, id) {
            return true;
        }
        let found = self.named.iter_mut().find_map(|(name, listeners)| {
            remove(listeners, id).then(|| listeners.is_empty().then(|| name.clone()))
        });
        match found {
            Some(emptied) => {
                if let Some(name) = emptied {
                    self.named.remove(&name);
                }
                true
            }
            None => false,
        }
    }

    /// Removes all listeners for a name.
    pub fn off_event(&mut self, event: &str) {
        self.named.remove(event);
    }

    /// As [`Router::off`], with the handler handed back: dropping it may run the application's code, which is not to
    /// happen inside the shell's lock.
    #[must_use]
    pub fn remove(&mut self, id: ListenerId) -> Option<H> {
        let find = |listeners: &Listeners<H>| {
            listeners.iter().find(|listener| listener.id == id).map(|listener| listener.handler.clone())
        };
        let handler = find(&self.any).or_else(|| self.named.values().find_map(find))?;
        self.off(id);
        Some(handler)
    }

    /// As [`Router::off_event`], with the handlers handed back.
    #[must_use]
    pub fn remove_event(&mut self, event: &str) -> Vec<H> {
        let removed = self.named.remove(event);
        removed
            .iter()
            .flat_map(|listeners| listeners.iter())
            .map(|listener| listener.handler.clone())
            .collect()
    }

    /// The handlers to call for one event. Those registered with `once` are gone afterwards.
    pub fn take(&mut self, event: &str) -> Taken<H> {
        let named = self.named.get_mut(event).map(|listeners| {
            let taken = Arc::clone(listeners);
            if taken.iter().any(|listener| listener.once) {
                Arc::make_mut(listeners).retain(|listener| !listener.once);
            }
            taken
        });
        if self.named.get(event).is_some_and(|listeners| listeners.is_empty()) {
            self.named.remove(event);
        }
        Taken { any: Arc::clone(&self.any), named }
    }

    /// Whether somebody listens to events of this name in particular.
    #[must_use]
    pub fn has(&self, event: &str) -> bool {
        self.named.contains_key(event)
    }

    fn add(&mut self, event: &str, handler: H, once: bool) -> ListenerId {
        let id = self.id();
        Arc::make_mut(self.named.entry(event.into()).or_default()).push(Listener { id, once, handler });
        id
    }

    const fn id(&mut self) -> ListenerId {
        self.next += 1;
        ListenerId(self.next)
    }
}

fn remove<H: Clone>(listeners: &mut Listeners<H>, id: ListenerId) -> bool {
    let Some(at) = listeners.iter().position(|listener| listener.id == id) else { return false };
    Arc::make_mut(listeners).remove(at);
    true
}

impl<H> fmt::Debug for Router<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("any", &self.any.len()).field("named", &self.named.keys()).finish()
    }
}

impl<H> fmt::Debug for Taken<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({})", self.iter().count())
    }
}
