//! What the page tells: that the network is gone or back, and that it is seen again.

use std::fmt;
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    // Neither is there in Node, and a worker has no page.
    #[wasm_bindgen(js_name = addEventListener, catch)]
    fn add_event_listener(event: &str, listener: &Function, capture: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = removeEventListener, catch)]
    fn remove_event_listener(event: &str, listener: &Function, capture: bool) -> Result<(), JsValue>;
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
        let on = |event, news: fn(&JsValue) -> Option<News>| {
            let tell = Rc::clone(&tell);
            listen(event, move |event| {
                if let Some(news) = news(&event).filter(|news| !(is_local && *news == News::Offline)) {
                    tell(news);
                }
            })
        };
        let events = [
            on("offline", |_| Some(News::Offline)),
            on("online", |_| Some(News::Online)),
            on("visibilitychange", |_| is_visible().then_some(News::Seen)),
            on("pageshow", |event| has(event, "persisted").then_some(News::Seen)),
        ];
        Self(events.into_iter().flatten().collect())
    }

    /// After these there may be no other time.
    pub(crate) fn leaving(tell: impl Fn() + 'static) -> Self {
        let tell = Rc::new(tell);
        let on = |event| {
            let tell = Rc::clone(&tell);
            listen(event, move |_| tell())
        };
        Self(["pagehide", "freeze", "visibilitychange"].into_iter().filter_map(on).collect())
    }
}

/// Those of the document, too, are heard on their way down.
const CAPTURE: bool = true;

fn listen(event: &'static str, hear: impl Fn(JsValue) + 'static) -> Option<(&'static str, Listener)> {
    let listener = Listener::new(hear);
    add_event_listener(event, listener.as_ref().unchecked_ref(), CAPTURE).ok().map(|()| (event, listener))
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
            let _ = remove_event_listener(event, listener.as_ref().unchecked_ref(), CAPTURE);
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(event, _)| event)).finish()
    }
}
