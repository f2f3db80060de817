//! What the page tells: that the network is gone or back, and that it is seen again.

use std::fmt;
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    // Neither is there in Node, and a worker has no page.
    #[wasm_bindgen(js_name = addEventListener, catch)]
    fn add_event_listener(event: &str, listener: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = removeEventListener, catch)]
    fn remove_event_listener(event: &str, listener: &Function) -> Result<(), JsValue>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Offline,
    Online,
    /// It was hidden, or frozen.
    Seen,
}

type Listener = Closure<dyn Fn(JsValue)>;

/// Listens until it is dropped.
pub(crate) struct Page(Vec<(&'static str, Listener)>);

impl Page {
    /// A server on this machine needs no network.
    pub(crate) fn new(is_local: bool, tell: impl Fn(News) + 'static) -> Self {
        let tell = Rc::new(tell);
        let listen = |event, news: fn(&JsValue) -> Option<News>| {
            let tell = Rc::clone(&tell);
            let listener = Listener::new(move |event: JsValue| {
                if let Some(news) = news(&event).filter(|news| !(is_local && *news == News::Offline)) {
                    tell(news);
                }
            });
            add_event_listener(event, listener.as_ref().unchecked_ref()).ok().map(|()| (event, listener))
        };
        let events = [
            listen("offline", |_| Some(News::Offline)),
            listen("online", |_| Some(News::Online)),
            listen("visibilitychange", |_| is_visible().then_some(News::Seen)),
            listen("pageshow", |event| has(event, "persisted").then_some(News::Seen)),
        ];
        Self(events.into_iter().flatten().collect())
    }
}

fn has(object: &JsValue, name: &str) -> bool {
    Reflect::get(object, &name.into()).is_ok_and(|value| value.is_truthy())
}

fn is_visible() -> bool {
    let document = Reflect::get(&js_sys::global(), &"document".into());
    let state = document.and_then(|document| Reflect::get(&document, &"visibilityState".into()));
    state.is_ok_and(|state| state == "visible")
}

impl Drop for Page {
    fn drop(&mut self) {
        for (event, listener) in &self.0 {
            let _ = remove_event_listener(event, listener.as_ref().unchecked_ref());
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(event, _)| event)).finish()
    }
}
