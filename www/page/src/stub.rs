//! Stand-in for `socketio_client_wasm`, just enough of it for the page. Goes when the real one is there.
#![allow(dead_code)]
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

pub(crate) fn spawn(f: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(f);
}
pub(crate) async fn sleep(d: Duration) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let w = web_sys::window().expect("window");
        let _ = w.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, d.as_millis() as i32);
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Transport {
    WebSocket,
    Polling,
}
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::WebSocket { "websocket" } else { "polling" })
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DisconnectReason(&'static str);
impl DisconnectReason {
    pub(crate) fn as_str(&self) -> &'static str {
        self.0
    }
}
#[derive(Debug, Clone)]
pub(crate) struct ConnectError(String);
impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Debug, Clone)]
#[non_exhaustive]
pub(crate) enum AckError {
    Timeout,
    Disconnected,
    Decode(String),
}
impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
#[derive(Debug, Clone)]
#[non_exhaustive]
pub(crate) enum ClientEvent {
    Open { transport: Transport },
    OpenError(ConnectError),
    Close(DisconnectReason),
    Waiting { attempt: u32, delay: Duration },
    ReconnectAttempt { attempt: u32, delay: Duration },
    Reconnect { attempt: u32 },
    ReconnectFailed,
    Upgrade(Transport),
}
type Auth = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = Value>>>>;
pub(crate) struct ClientBuilder {
    url: String,
    auth: Option<Auth>,
}
impl ClientBuilder {
    pub(crate) fn auth_with<F, R>(mut self, f: F) -> Self
    where
        F: Fn() -> R + 'static,
        R: Future + 'static,
        R::Output: Serialize,
    {
        self.auth = Some(Rc::new(move || {
            let r = f();
            Box::pin(async move { serde_json::to_value(r.await).unwrap_or_default() })
        }));
        self
    }
    pub(crate) fn build(self) -> Result<Client, String> {
        let client = Client(Rc::new(Inner {
            url: self.url.replacen("http", "ws", 1),
            auth: self.auth,
            ws: RefCell::default(),
            connected: Cell::default(),
            closed: Cell::default(),
            offline: Cell::default(),
            generation: Cell::default(),
            attempt: Cell::default(),
            next_id: Cell::default(),
            buffer: RefCell::default(),
            acks: RefCell::default(),
            on: RefCell::default(),
            on_connect: RefCell::default(),
            on_disconnect: RefCell::default(),
            on_event: RefCell::default(),
        }));
        Ok(client)
    }
}
struct Inner {
    url: String,
    auth: Option<Auth>,
    ws: RefCell<Option<WebSocket>>,
    connected: Cell<bool>,
    closed: Cell<bool>,
    offline: Cell<bool>,
    generation: Cell<u32>,
    attempt: Cell<u32>,
    next_id: Cell<u64>,
    buffer: RefCell<VecDeque<(Option<u64>, String)>>,
    acks: RefCell<BTreeMap<u64, Rc<Slot>>>,
    on: RefCell<Vec<(String, Rc<dyn Fn(Message)>)>>,
    on_connect: RefCell<Vec<Rc<dyn Fn()>>>,
    on_disconnect: RefCell<Vec<Rc<dyn Fn(DisconnectReason)>>>,
    on_event: RefCell<Vec<Rc<dyn Fn(ClientEvent)>>>,
}
#[derive(Default)]
struct Slot {
    sent: Cell<bool>,
    value: RefCell<Option<Result<Value, AckError>>>,
    waker: RefCell<Option<Waker>>,
}
impl Slot {
    fn set(&self, value: Result<Value, AckError>) {
        *self.value.borrow_mut() = Some(value);
        if let Some(w) = self.waker.borrow_mut().take() {
            w.wake();
        }
    }
}
struct Wait(Rc<Slot>);
impl Future for Wait {
    type Output = Result<Value, AckError>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.value.borrow_mut().take() {
            Some(v) => Poll::Ready(v),
            None => {
                *self.0.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
#[derive(Clone)]
pub(crate) struct Client(Rc<Inner>);
#[derive(Clone)]
pub(crate) struct Socket(Rc<Inner>);
pub(crate) struct ListenerId;
impl Client {
    pub(crate) fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder { url: url.into(), auth: None }
    }
    pub(crate) fn default_socket(&self) -> Socket {
        let c = self.clone();
        spawn(async move { c.attempt() });
        Socket(self.0.clone())
    }
    pub(crate) fn on_event(&self, f: impl Fn(ClientEvent) + 'static) -> ListenerId {
        self.0.on_event.borrow_mut().push(Rc::new(f));
        ListenerId
    }
    pub(crate) fn transport(&self) -> Option<Transport> {
        self.0.connected.get().then_some(Transport::WebSocket)
    }
    pub(crate) fn close(&self) {
        self.0.closed.set(true);
        self.lost(None);
    }
    pub(crate) fn reconnect_now(&self) {
        self.attempt();
    }
    pub(crate) fn set_offline(&self, offline: bool) {
        self.0.offline.set(offline);
        if offline {
            self.lost(Some("transport close"));
        } else {
            self.attempt();
        }
    }
    fn tell(&self, e: ClientEvent) {
        let all = self.0.on_event.borrow().clone();
        for f in all {
            f(e.clone());
        }
    }
    fn attempt(&self) {
        let i = &self.0;
        if i.closed.get() || i.offline.get() || i.ws.borrow().is_some() {
            return;
        }
        i.generation.set(i.generation.get() + 1);
        if i.attempt.get() > 0 {
            self.tell(ClientEvent::ReconnectAttempt { attempt: i.attempt.get(), delay: Duration::ZERO });
        }
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", i.url.trim_end_matches('/'));
        let Ok(ws) = WebSocket::new(&url) else { return };
        let c = self.clone();
        let onmessage = Closure::<dyn Fn(MessageEvent)>::new(move |e: MessageEvent| {
            c.packet(&e.data().as_string().unwrap_or_default());
        });
        let c = self.clone();
        let onclose = Closure::<dyn Fn(CloseEvent)>::new(move |_| c.lost(Some("transport close")));
        ws.set_onmessage(Some(onmessage.into_js_value().unchecked_ref()));
        ws.set_onclose(Some(onclose.into_js_value().unchecked_ref()));
        *i.ws.borrow_mut() = Some(ws);
    }
    fn lost(&self, reason: Option<&'static str>) {
        let i = &self.0;
        if let Some(ws) = i.ws.borrow_mut().take() {
            ws.set_onclose(None);
            ws.set_onmessage(None);
            let _ = ws.close();
        }
        let was = i.connected.replace(false);
        let acks = std::mem::take(&mut *i.acks.borrow_mut());
        for (id, slot) in acks {
            if slot.sent.get() {
                slot.set(Err(AckError::Disconnected));
            } else {
                i.acks.borrow_mut().insert(id, slot);
            }
        }
        let Some(reason) = reason else { return };
        if was {
            i.attempt.set(0);
            self.tell(ClientEvent::Close(DisconnectReason(reason)));
            let all = i.on_disconnect.borrow().clone();
            for f in all {
                f(DisconnectReason(reason));
            }
        } else {
            self.tell(ClientEvent::OpenError(ConnectError("cannot connect".into())));
        }
        if i.offline.get() {
            return;
        }
        let attempt = i.attempt.get() + 1;
        i.attempt.set(attempt);
        let delay = Duration::from_millis(1000 << (attempt - 1).min(2));
        self.tell(ClientEvent::Waiting { attempt, delay });
        let generation = i.generation.get();
        let c = self.clone();
        spawn(async move {
            sleep(delay).await;
            if c.0.generation.get() == generation {
                c.attempt();
            }
        });
    }
    fn raw(&self, text: &str) {
        if let Some(ws) = &*self.0.ws.borrow() {
            let _ = ws.send_with_str(text);
        }
    }
    fn packet(&self, text: &str) {
        let i = &self.0;
        if text.starts_with('0') {
            let c = self.clone();
            spawn(async move {
                let auth = match &c.0.auth {
                    Some(auth) => auth().await.to_string(),
                    None => String::new(),
                };
                c.raw(&format!("40{auth}"));
            });
        } else if text == "2" {
            self.raw("3");
        } else if text.starts_with("40") {
            i.connected.set(true);
            self.tell(ClientEvent::Open { transport: Transport::WebSocket });
            let attempt = i.attempt.replace(0);
            if attempt > 0 {
                self.tell(ClientEvent::Reconnect { attempt });
            }
            let buffer = std::mem::take(&mut *i.buffer.borrow_mut());
            for (id, text) in buffer {
                if let Some(slot) = id.and_then(|id| i.acks.borrow().get(&id).cloned()) {
                    slot.sent.set(true);
                }
                self.raw(&text);
            }
            let all = i.on_connect.borrow().clone();
            for f in all {
                f();
            }
        } else if let Some(rest) = text.strip_prefix("42").or(text.strip_prefix("43")) {
            let at = rest.find('[').unwrap_or(0);
            let id = rest[..at].parse::<u64>().ok();
            let mut args: Vec<Value> = serde_json::from_str(&rest[at..]).unwrap_or_default();
            if text.starts_with("43") {
                let slot = id.and_then(|id| i.acks.borrow_mut().remove(&id));
                if let Some(slot) = slot {
                    slot.set(Ok(args.into_iter().next().unwrap_or_default()));
                }
                return;
            }
            let event = args.remove(0);
            let message =
                Message { arg: args.into_iter().next().unwrap_or_default(), id, client: self.clone() };
            let all: Vec<_> =
                i.on.borrow().iter().filter(|(n, _)| event == n.as_str()).map(|(_, f)| f.clone()).collect();
            for f in all {
                f(message.clone());
            }
        }
    }
}
#[derive(Clone)]
pub(crate) struct Message {
    arg: Value,
    id: Option<u64>,
    client: Client,
}
impl Message {
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_value(self.arg.clone()).map_err(|e| e.to_string())
    }
    pub(crate) fn ack<A: Serialize + ?Sized>(&self, _args: &A) -> Result<(), String> {
        if let Some(id) = self.id {
            self.client.raw(&format!("43{id}[]"));
        }
        Ok(())
    }
}
pub(crate) struct Volatile<'a>(&'a Socket);
impl Volatile<'_> {
    pub(crate) fn emit<A: Serialize + ?Sized>(&self, event: &str, args: &A) -> Result<(), String> {
        if self.0.0.connected.get() {
            let args = serde_json::to_string(args).unwrap_or_default();
            Client(self.0.0.clone()).raw(&format!("42[\"{event}\",{args}]"));
        }
        Ok(())
    }
}
impl Socket {
    pub(crate) fn on(&self, event: &str, f: impl Fn(Message) + 'static) -> ListenerId {
        self.0.on.borrow_mut().push((event.to_owned(), Rc::new(f)));
        ListenerId
    }
    pub(crate) fn on_connect(&self, f: impl Fn() + 'static) -> ListenerId {
        self.0.on_connect.borrow_mut().push(Rc::new(f));
        ListenerId
    }
    pub(crate) fn on_disconnect(&self, f: impl Fn(DisconnectReason) + 'static) -> ListenerId {
        self.0.on_disconnect.borrow_mut().push(Rc::new(f));
        ListenerId
    }
    pub(crate) fn on_connect_error(&self, _f: impl Fn(ConnectError) + 'static) -> ListenerId {
        ListenerId
    }
    pub(crate) fn is_connected(&self) -> bool {
        self.0.connected.get()
    }
    pub(crate) fn is_active(&self) -> bool {
        !self.0.closed.get()
    }
    pub(crate) fn volatile(&self) -> Volatile<'_> {
        Volatile(self)
    }
    pub(crate) fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Pin<Box<dyn Future<Output = Result<T, AckError>>>> {
        let args = serde_json::to_string(args).unwrap_or_default();
        let (inner, event) = (self.0.clone(), event.to_owned());
        Box::pin(async move {
            let id = inner.next_id.get();
            inner.next_id.set(id + 1);
            let slot = Rc::new(Slot::default());
            inner.acks.borrow_mut().insert(id, slot.clone());
            let text = format!("42{id}[\"{event}\",{args}]");
            if inner.connected.get() {
                slot.sent.set(true);
                Client(inner).raw(&text);
            } else {
                inner.buffer.borrow_mut().push_back((Some(id), text));
            }
            let value = Wait(slot).await?;
            serde_json::from_value(value).map_err(|e| AckError::Decode(e.to_string()))
        })
    }
}
