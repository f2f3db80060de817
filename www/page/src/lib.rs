//! The demonstration page: a chat in the browser over the Rust Socket.IO client.
//!
//! `chat` speaks with the server, `state` knows, `view` shows; here they meet.

mod chat;
mod missed;
mod state;
mod view;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use chat::{Chat, Event, Join};
use socketio::ClientEvent;
use socketio_client_wasm as socketio;
use state::{Came, Conversation, Delivery, Line, Link, Next, State};
use view::View;

/// How long somebody counts as typing after the last sign of it, in milliseconds.
const TYPING: f64 = 4000.0;

struct App {
    view: View,
    state: RefCell<State>,
    chat: RefCell<Option<Chat>>,
    /// Counts the times that we joined.
    joined: Cell<u32>,
    /// Begins the id of each message: unique to this page.
    prefix: String,
    sent: Cell<u32>,
    /// When we last said that we are typing, in milliseconds; zero where we said that we stopped.
    typing: Cell<f64>,
}

#[wasm_bindgen(start)]
fn start() {
    // Without it a panic is a bare "unreachable".
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
    let Some(view) = View::new() else { return };
    let app = Rc::new(App {
        view,
        state: RefCell::new(State::new(String::new(), String::new())),
        chat: RefCell::default(),
        joined: Cell::default(),
        prefix: random(),
        sent: Cell::default(),
        typing: Cell::default(),
    });
    app.listen();
    if let Some(name) = storage().and_then(|storage| storage.get_item("name").ok().flatten()) {
        app.view.input("name").set_value(&name);
    }
    app.view.ready();
    // The countdown, and those who stopped typing.
    socketio::spawn(async move {
        loop {
            socketio::sleep(Duration::from_millis(250)).await;
            app.clock();
        }
    });
}

impl App {
    /// What the user does.
    fn listen(self: &Rc<Self>) {
        self.on("enter", "submit", |app, _| app.enter());
        self.on("write", "submit", |app, _| app.write());
        self.on("text", "input", |app, _| app.type_text());
        self.on("network", "click", |app, _| app.switch_network());
        self.on("retry", "click", |app, _| app.with_chat(Chat::retry));
        self.on("gap-load", "click", |app, _| app.load_history());
        self.on("gap-close", "click", |app, _| app.skip_history());
        self.on("new-room", "submit", |app, _| {
            let input = app.view.input("new-room-name");
            let room = input.value().trim().to_owned();
            input.set_value("");
            if !room.is_empty() {
                app.open(Conversation::Room(room));
            }
        });
        self.on("outbox", "click", |app, event| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            // Only its button: the list is easily touched.
            if let Some(id) = target.and_then(|target| target.get_attribute("data-give-up")) {
                app.with_chat(|chat| chat.give_up(&id));
            }
        });
        for list in ["rooms", "people"] {
            self.on(list, "click", |app, event| {
                let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
                let Some(Ok(Some(button))) = target.map(|target| target.closest("[data-name]")) else {
                    return;
                };
                let name = button.get_attribute("data-name").unwrap_or_default();
                let room = button.get_attribute("data-kind").as_deref() == Some("room");
                app.open(if room { Conversation::Room(name) } else { Conversation::Person(name) });
            });
        }
    }

    fn on(self: &Rc<Self>, id: &str, event: &str, handler: fn(&Rc<Self>, &web_sys::Event)) {
        let app = self.clone();
        let closure = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            // A form would load the page again.
            if event.type_() == "submit" {
                event.prevent_default();
            }
            handler(&app, &event);
        });
        // For as long as the page is open, so it is never freed.
        let closure = closure.into_js_value();
        let element: HtmlElement = self.view.element(id);
        let _ = element.add_event_listener_with_callback(event, closure.unchecked_ref());
    }

    fn with_chat(&self, act: impl FnOnce(&Chat)) {
        // Cloned, because the client may call back before it returns.
        let chat = self.chat.borrow().clone();
        if let Some(chat) = chat {
            act(&chat);
        }
    }

    fn enter(self: &Rc<Self>) {
        let value = |input: HtmlInputElement| input.value().trim().to_owned();
        let (name, room) = (value(self.view.input("name")), value(self.view.input("room")));
        if name.is_empty() || room.is_empty() {
            return;
        }
        if let Some(storage) = storage() {
            let _ = storage.set_item("name", &name);
        }
        *self.state.borrow_mut() = State::new(name.clone(), room.clone());
        let app = Rc::downgrade(self);
        let number = self.joined.get() + 1;
        self.joined.set(number);
        let tell = move |event| {
            // A connection that we left may still have something to say, and nobody to say it to.
            if let Some(app) = app.upgrade().filter(|app| app.joined.get() == number) {
                app.happened(event);
            }
        };
        match Chat::connect(&server(), Join { name, room, key: key(), history: true }, tell) {
            Ok(chat) => {
                *self.chat.borrow_mut() = Some(chat);
                self.view.show_chat(&self.state.borrow());
            }
            Err(error) => self.view.show_welcome(&error),
        }
    }

    /// Back to the form.
    fn leave(&self, problem: &str) {
        let chat = self.chat.borrow_mut().take();
        if let Some(chat) = chat {
            chat.close();
        }
        self.view.show_welcome(problem);
    }

    fn write(&self) {
        let input = self.view.input("text");
        let text = input.value().trim().to_owned();
        if text.is_empty() {
            return;
        }
        input.set_value("");
        self.say_typing(false);
        self.sent.set(self.sent.get() + 1);
        let id = format!("{}-{}", self.prefix, self.sent.get());
        let open = {
            let mut state = self.state.borrow_mut();
            let (open, from) = (state.open.clone(), state.name.clone());
            let (at, delivery) = (js_sys::Date::now(), Some(Delivery::default()));
            let (id, text) = (id.clone(), text.clone());
            state.push(open.clone(), Line::Text { id, from, text, at, delivery, came: Came::Live });
            open
        };
        self.view.append(&self.state.borrow());
        self.with_chat(|chat| match &open {
            Conversation::Room(room) => chat.say(room, &id, &text),
            Conversation::Person(name) => chat.whisper(name, &id, &text),
        });
        self.view.ticks(&self.state.borrow(), &id);
    }

    fn type_text(&self) {
        let in_room = matches!(self.state.borrow().open, Conversation::Room(_));
        let on = in_room && !self.view.input("text").value().is_empty();
        // Often enough for the others not to think that we stopped.
        if !on || js_sys::Date::now() - self.typing.get() > TYPING / 2.0 {
            self.say_typing(on);
        }
    }

    fn say_typing(&self, on: bool) {
        let said = self.typing.replace(if on { js_sys::Date::now() } else { 0.0 }) > 0.0;
        if on || said {
            self.with_chat(|chat| chat.typing(on));
        }
    }

    fn switch_network(&self) {
        let cut = {
            let mut state = self.state.borrow_mut();
            state.cut = !state.cut;
            if !state.cut {
                state.link = Link::Connecting;
            }
            state.cut
        };
        self.with_chat(|chat| chat.set_offline(cut));
        self.view.link(&self.state.borrow());
    }

    fn open(&self, conversation: Conversation) {
        self.say_typing(false);
        let entered = {
            let mut state = self.state.borrow_mut();
            state.unread.remove(&conversation);
            state.open = conversation.clone();
            match conversation {
                Conversation::Room(room) if room != state.room => {
                    state.typing.clear();
                    room.clone_into(&mut state.room);
                    Some(room)
                }
                _ => None,
            }
        };
        if let Some(room) = entered {
            self.with_chat(|chat| chat.join(&room));
        }
        let state = self.state.borrow();
        self.view.side(&state);
        self.view.gap(&state);
        self.view.conversation(&state);
        self.view.focus_text();
    }

    /// What the chat says. Never called while the state is borrowed.
    fn happened(&self, event: Event) {
        match event {
            Event::Connection(event) => self.connection(&event),
            Event::Ready => {
                let transport = self.chat.borrow().as_ref().and_then(Chat::transport).unwrap_or_default();
                self.state.borrow_mut().link = Link::Connected(transport);
                self.view.link(&self.state.borrow());
                self.numbers();
                let room = self.state.borrow().room.clone();
                self.with_chat(|chat| chat.join(&room));
            }
            Event::Lost(reason) => self.down(reason.to_owned()),
            Event::ConnectError(error) => self.down(error),
            Event::Refused(cause) => self.leave(&cause),
            Event::Who(who) => {
                let notes = self.state.borrow().shown().len();
                self.state.borrow_mut().seen(who);
                let state = self.state.borrow();
                self.view.side(&state);
                if state.shown().len() == notes {
                    self.view.typing(&state)
                } else {
                    self.view.conversation(&state)
                }
            }
            Event::Text(text) => {
                let changed = self.state.borrow_mut().receive(text);
                let state = self.state.borrow();
                if changed.as_ref() == Some(&state.open) {
                    self.view.append(&state);
                    self.view.typing(&state);
                } else if changed.is_some() {
                    self.view.side(&state);
                }
            }
            Event::Typing(typing) => {
                let mut state = self.state.borrow_mut();
                if typing.on && typing.room == state.room {
                    state.typing.insert(typing.name, js_sys::Date::now() + TYPING);
                } else {
                    state.typing.remove(&typing.name);
                }
                self.view.typing(&state);
            }
            Event::Fate { id, fate } => {
                self.state.borrow_mut().fate(&id, fate);
                self.view.ticks(&self.state.borrow(), &id);
            }
            Event::Stored { id } => {
                self.state.borrow_mut().stored(&id);
                self.view.ticks(&self.state.borrow(), &id);
            }
            Event::Left(left, fate, result) => {
                self.state.borrow_mut().settled(left, fate, result, js_sys::Date::now());
                self.left();
                self.view.conversation(&self.state.borrow());
            }
            Event::Sent { id, to } => {
                self.state.borrow_mut().sent(&id, to);
                self.view.ticks(&self.state.borrow(), &id);
            }
            Event::NotSent { id, cause } => {
                self.state.borrow_mut().not_sent(&id, cause);
                self.view.ticks(&self.state.borrow(), &id);
            }
            Event::Delivered(delivered) => {
                self.state.borrow_mut().delivered(&delivered);
                self.view.ticks(&self.state.borrow(), &delivered.id);
            }
            Event::Gap(gap) => self.gap(&gap),
            Event::History { room, result } => self.history(&room, result),
        }
    }

    fn down(&self, reason: String) {
        if self.chat.borrow().as_ref().is_some_and(|chat| !chat.is_active()) {
            // The server's word is final, and the client does not try again by itself.
            self.leave(&format!("The server let go of us: {reason}"));
            return;
        }
        let mut state = self.state.borrow_mut();
        let next = match state.link {
            Link::Down { next, .. } => next,
            _ => Next::Unknown,
        };
        state.link = Link::Down { reason, next };
        self.view.link(&state);
        self.numbers();
    }

    fn connection(&self, event: &ClientEvent) {
        let next = match event {
            ClientEvent::Waiting { attempt, delay } => {
                Next::At(*attempt, js_sys::Date::now() + delay.as_secs_f64() * 1000.0)
            }
            ClientEvent::ReconnectAttempt { attempt, .. } => Next::Now(*attempt),
            ClientEvent::ReconnectFailed => Next::Never,
            ClientEvent::OpenError(error) => return self.down(error.to_string()),
            ClientEvent::Upgrade(transport) => {
                let mut state = self.state.borrow_mut();
                if matches!(state.link, Link::Connected(_)) {
                    state.link = Link::Connected(transport.to_string());
                }
                return self.view.link(&state);
            }
            _ => return,
        };
        let mut state = self.state.borrow_mut();
        match &mut state.link {
            Link::Down { next: old, .. } => *old = next,
            // Tried again before the reason is told.
            Link::Connecting | Link::Connected(_) => state.link = Link::Down { reason: String::new(), next },
        }
        self.view.link(&state);
    }

    /// What earlier pages left.
    fn left(&self) {
        let left = self.chat.borrow().as_ref().map(Chat::left).unwrap_or_default();
        let left: Vec<_> = left.into_iter().map(|left| left.text).collect();
        let mut state = self.state.borrow_mut();
        if state.left != left {
            state.left = left;
            self.view.link(&state);
        }
    }

    fn numbers(&self) {
        self.with_chat(|chat| self.view.numbers(&chat.numbers()));
    }

    fn clock(&self) {
        self.left();
        self.numbers();
        let now = js_sys::Date::now();
        let mut state = self.state.borrow_mut();
        let before = state.typing.len();
        state.typing.retain(|_, until| *until > now);
        if state.typing.len() != before {
            self.view.typing(&state);
        }
        if matches!(state.link, Link::Down { next: Next::At(..), .. }) {
            self.view.link(&state);
        }
    }
}

/// The Socket.IO server: the one that `--server` named, or the one that the page came from.
fn server() -> String {
    let Some(window) = web_sys::window() else { return String::new() };
    let meta = window.document().and_then(|d| d.query_selector("meta[name=socketio-server]").ok().flatten());
    let named = meta.and_then(|meta| meta.get_attribute("content")).filter(|url| !url.is_empty());
    named.unwrap_or_else(|| window.location().origin().unwrap_or_default())
}

/// Survives a reload, and is not shared with other tabs, where somebody else may sit.
fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// The same after a reload, when the server may not have noticed yet that the page before is gone.
fn key() -> String {
    let Some(storage) = storage() else { return random() };
    storage.get_item("key").ok().flatten().unwrap_or_else(|| {
        let key = random();
        let _ = storage.set_item("key", &key);
        key
    })
}

fn random() -> String {
    let mut bytes = [0_u8; 12];
    if let Some(crypto) = web_sys::window().and_then(|window| window.crypto().ok()) {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
