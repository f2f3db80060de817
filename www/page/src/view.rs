//! The document: shows the state, and nothing else.

mod status;

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, HtmlElement, HtmlInputElement};

use crate::state::{Came, Conversation, Delivery, Line, Link, Next, State};

pub(crate) struct View {
    document: Document,
}

impl View {
    pub(crate) fn new() -> Option<Self> {
        Some(Self { document: web_sys::window()?.document()? })
    }

    /// The element with this id; all of them are in `index.html`.
    pub(crate) fn element<T: JsCast>(&self, id: &str) -> T {
        let element = self.document.get_element_by_id(id).and_then(|element| element.dyn_into().ok());
        element.unwrap_or_else(|| panic!("index.html has no #{id}"))
    }

    pub(crate) fn input(&self, id: &str) -> HtmlInputElement {
        self.element(id)
    }

    fn set_text(&self, id: &str, text: &str) {
        let element: HtmlElement = self.element(id);
        // Untouched where nothing changed: a live region is read out again at each change.
        if element.text_content().as_deref() != Some(text) {
            element.set_text_content(Some(text));
        }
    }

    fn set_hidden(&self, id: &str, hidden: bool) {
        self.element::<HtmlElement>(id).set_hidden(hidden);
    }

    fn create(&self, tag: &str, class: &str) -> Element {
        let element = self.document.create_element(tag).unwrap_throw();
        element.set_class_name(class);
        element
    }

    fn create_text(&self, tag: &str, class: &str, text: &str) -> Element {
        let element = self.create(tag, class);
        element.set_text_content(Some(text));
        element
    }

    /// The form works from here on.
    pub(crate) fn ready(&self) {
        let _ = self.element::<HtmlElement>("enter-button").remove_attribute("disabled");
    }

    /// Shows the form to join by, with what went wrong.
    pub(crate) fn show_welcome(&self, problem: &str) {
        self.set_hidden("chat", true);
        self.set_hidden("welcome", false);
        self.set_text("problem", problem);
        self.set_hidden("problem", problem.is_empty());
        let _ = self.input("name").focus();
    }

    pub(crate) fn show_chat(&self, state: &State) {
        self.set_hidden("welcome", true);
        self.set_hidden("chat", false);
        self.set_text("me", &state.name);
        self.link(state);
        self.side(state);
        // Before the conversation, which it takes room from: that is scrolled to its end.
        self.gap(state);
        self.conversation(state);
        self.focus_text();
    }

    pub(crate) fn focus_text(&self) {
        let _ = self.input("text").focus();
    }

    /// The connection: its state, why, and what happens next.
    pub(crate) fn link(&self, state: &State) {
        let now = js_sys::Date::now();
        let (kind, reason, next) = match &state.link {
            _ if state.cut => ("cut", "You cut the network".to_owned(), Next::Never),
            Link::Connecting => ("connecting", "Connecting…".to_owned(), Next::Unknown),
            Link::Connected(transport) => ("connected", format!("Connected over {transport}"), Next::Unknown),
            Link::Down { reason, next } => ("waiting", format!("Not connected: {reason}"), *next),
        };
        let next_words = match next {
            Next::Never if !state.cut => "Gave up".to_owned(),
            Next::Unknown | Next::Never => String::new(),
            Next::Now(attempt) => format!("Attempt {attempt}…"),
            Next::At(attempt, at) => {
                format!("Attempt {attempt} in {:.0} s", ((at - now) / 1000.0).ceil().max(0.0))
            }
        };
        let _ = self.element::<HtmlElement>("status").set_attribute("data-state", kind);
        self.set_text("reason", &reason);
        self.set_text("next", &next_words);
        let waiting = matches!(next, Next::At(..)) || matches!(next, Next::Never if !state.cut);
        self.set_hidden("retry", !waiting);
        let network: HtmlElement = self.element("network");
        let _ = network.set_attribute("aria-checked", if state.cut { "true" } else { "false" });
        self.held(state);
    }

    /// The messages that wait for the connection, and those that an earlier page left.
    fn held(&self, state: &State) {
        let connected = matches!(state.link, Link::Connected(_)) && !state.cut;
        // What is under way on a connection that lives is answered in a moment.
        let waiting: Vec<_> = if connected { Vec::new() } else { state.outbox().collect() };
        let held = waiting.len() + state.left.len();
        let messages = if held == 1 { "1 message is" } else { &format!("{held} messages are") };
        self.set_hidden("held-note", held == 0);
        self.set_hidden("outbox", held == 0);
        if held > 0 {
            self.set_text("held-note", &format!("{messages} held, and sent once the connection is back."));
        }
        let left = state.left.iter().map(|text| ("", text.as_str(), "held, from before".to_owned()));
        let ours = waiting.into_iter().map(|(id, text, delivery)| (id, text, delivery.short()));
        self.outbox(left.chain(ours));
    }

    /// Id, where it is this page's own, text and fate. What stays the same is not touched: somebody may be about to press it.
    fn outbox<'a>(&self, messages: impl Iterator<Item = (&'a str, &'a str, String)>) {
        let list: Element = self.element("outbox");
        let mut length = 0;
        for (id, text, fate) in messages {
            let old = list.children().item(length);
            length += 1;
            let same =
                |item: &Element| item.get_attribute("data-line") == Some(format!("{id} {text} {fate}"));
            if old.as_ref().is_some_and(same) {
                continue;
            }
            let item = self.create_text("li", "", text);
            let _ = item.set_attribute("data-line", &format!("{id} {text} {fate}"));
            let _ = item.append_child(&self.create_text("span", "fate", &fate));
            if !id.is_empty() {
                let button = self.create_text("button", "", "Give up");
                let _ = button.set_attribute("type", "button");
                let _ = button.set_attribute("data-give-up", id);
                let _ = item.append_child(&button);
            }
            let _ = match old {
                Some(old) => list.replace_child(&item, &old),
                None => list.append_child(&item),
            };
        }
        while let Some(extra) = list.children().item(length) {
            extra.remove();
        }
    }

    /// The lists of rooms and people.
    pub(crate) fn side(&self, state: &State) {
        let mut rooms = state.who.rooms.clone();
        if !rooms.contains(&state.room) {
            rooms.push(state.room.clone());
        }
        let count = |room: &String| state.who.people.iter().filter(|place| place.room == *room).count();
        let rooms = rooms.iter().map(|room| {
            let count = count(room);
            let people = if count == 0 { String::new() } else { count.to_string() };
            (Conversation::Room(room.clone()), people)
        });
        self.list("rooms", state, rooms);

        let mut people: Vec<_> = state.who.people.clone();
        people.retain(|place| place.name != state.name);
        // Those in our room first.
        people.sort_by_key(|place| place.room != state.room);
        let place = |name: &String, room: &str| (Conversation::Person(name.clone()), room.to_owned());
        let mut entries: Vec<_> = people.iter().map(|p| place(&p.name, &p.room)).collect();
        for conversation in state.lines.keys() {
            if let Conversation::Person(name) = conversation
                && !people.iter().any(|place| place.name == *name)
            {
                entries.push(place(name, "gone"));
            }
        }
        self.list("people", state, entries.into_iter());

        let unread: usize = state.unread.values().sum();
        let count = if unread == 0 { String::new() } else { format!("({unread}) ") };
        self.document.set_title(&format!("{count}{} · Socket.IO chat", title(&state.open)));
    }

    /// Buttons that stay on the list stay the same elements: made anew, they would lose the keyboard's focus,
    /// and a click that is half done.
    fn list(&self, id: &str, state: &State, entries: impl Iterator<Item = (Conversation, String)>) {
        let list: Element = self.element(id);
        let mut length = 0;
        for (conversation, detail) in entries {
            let (Conversation::Room(name) | Conversation::Person(name)) = &conversation;
            let items = list.children();
            let at =
                |index| items.item(index).filter(|item| item.get_attribute("data-of").as_ref() == Some(name));
            let item = (length..items.length()).find_map(at).unwrap_or_else(|| self.entry(&conversation));
            let place = items.item(length);
            if place.as_ref() != Some(&item) {
                let _ = list.insert_before(&item, place.as_deref());
            }
            length += 1;

            let (Ok(Some(button)), Ok(Some(mark))) =
                (item.query_selector("button"), item.query_selector(".mark"))
            else {
                continue;
            };
            let _ = if conversation == state.open {
                button.set_attribute("aria-current", "true")
            } else {
                button.remove_attribute("aria-current")
            };
            let unread = state.unread.get(&conversation);
            mark.set_class_name(if unread.is_some() { "mark unread" } else { "mark where" });
            mark.set_text_content(Some(&unread.map_or(detail, usize::to_string)));
            let _ = match unread {
                Some(unread) => mark.set_attribute("aria-label", &format!("{unread} unread")),
                None => mark.remove_attribute("aria-label"),
            };
        }
        while let Some(extra) = list.children().item(length) {
            extra.remove();
        }
    }

    fn entry(&self, conversation: &Conversation) -> Element {
        let (kind, name, icon) = match conversation {
            Conversation::Room(name) => ("room", name, self.create_text("span", "hash", "#")),
            Conversation::Person(name) => ("person", name, self.avatar(name)),
        };
        let _ = icon.set_attribute("aria-hidden", "true");
        let button = self.create("button", "");
        let _ = button.set_attribute("type", "button");
        let _ = button.set_attribute("data-kind", kind);
        let _ = button.set_attribute("data-name", name);
        let _ = button.append_child(&icon);
        let _ = button.append_child(&self.create_text("span", "label", name));
        let _ = button.append_child(&self.create("span", "mark"));
        let item = self.create("li", "");
        let _ = item.set_attribute("data-of", name);
        let _ = item.append_child(&button);
        item
    }

    fn avatar(&self, name: &str) -> Element {
        let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
        let avatar = self.create_text("span", "avatar", &initial);
        let hue = name.bytes().fold(7_u32, |hue, byte| (hue * 31 + u32::from(byte)) % 360);
        if let Some(avatar) = avatar.dyn_ref::<HtmlElement>() {
            let _ = avatar.style().set_property("--hue", &hue.to_string());
        }
        avatar
    }

    /// The open conversation, from its first line.
    pub(crate) fn conversation(&self, state: &State) {
        self.set_text("title", &title(&state.open));
        let placeholder = match &state.open {
            Conversation::Room(room) => format!("Write to everybody in {room}"),
            Conversation::Person(name) => format!("Write to {name}, and nobody else"),
        };
        self.input("text").set_placeholder(&placeholder);
        let log: Element = self.element("log");
        log.set_text_content(None);
        if state.shown().is_empty() {
            let _ = log.append_child(&self.create_text("p", "empty", "Nothing said yet."));
        }
        for line in state.shown() {
            let _ = log.append_child(&self.line(line));
        }
        log.set_scroll_top(log.scroll_height());
        self.typing(state);
    }

    /// The newest line of the open conversation.
    pub(crate) fn append(&self, state: &State) {
        let Some(line) = state.shown().last() else { return };
        let log: Element = self.element("log");
        if let Ok(Some(empty)) = log.query_selector(".empty") {
            empty.remove();
        }
        // Whoever has scrolled up to read stays there, unless the line is their own.
        let at_end = log.scroll_height() - log.scroll_top() - log.client_height() < 80;
        let _ = log.append_child(&self.line(line));
        if at_end || matches!(line, Line::Text { delivery: Some(_), .. }) {
            log.set_scroll_top(log.scroll_height());
        }
    }

    fn line(&self, line: &Line) -> Element {
        let (id, from, text, at, delivery, came) = match line {
            Line::Note(note) => return self.create_text("p", "event", note),
            Line::Gap => return self.create_text("p", "event missing", "Here messages may be missing"),
            Line::Text { id, from, text, at, delivery, came } => (id, from, text, at, delivery, came),
        };
        let row = self.create("div", if delivery.is_some() { "line mine" } else { "line" });
        let bubble = self.create("div", "bubble");
        if delivery.is_none() {
            let avatar = self.avatar(from);
            let _ = avatar.set_attribute("aria-hidden", "true");
            let _ = row.append_child(&avatar);
            let _ = bubble.append_child(&self.create_text("div", "from", from));
        }
        let _ = bubble.append_child(&self.create_text("div", "text", text));
        let meta = self.create("div", "meta");
        let _ = meta.append_child(&self.create_text("span", "cause", ""));
        if let Some((mark, words)) = mark(*came) {
            let mark = self.create_text("span", "mark", mark);
            let _ = mark.set_attribute("title", words);
            let _ = meta.append_child(&mark);
        }
        let _ = meta.append_child(&self.create_text("time", "", &time(*at)));
        if delivery.is_some() {
            let icon = self.create("span", "icon");
            let _ = icon.set_attribute("role", "img");
            let _ = meta.append_child(&icon);
        }
        let _ = bubble.append_child(&meta);
        let _ = row.append_child(&bubble);
        if let Some(delivery) = delivery {
            let _ = row.set_attribute("data-id", id);
            tick(&row, delivery);
        }
        row
    }

    /// The ticks of one message, where it is on show, and the count of those that wait.
    pub(crate) fn ticks(&self, state: &State, wanted: &str) {
        let line = state.shown().iter().find_map(|line| match line {
            Line::Text { id, delivery: Some(delivery), .. } if id == wanted => Some(delivery),
            _ => None,
        });
        // Our own ids need no escaping.
        let row = self.document.query_selector(&format!("[data-id=\"{wanted}\"]"));
        if let (Some(delivery), Ok(Some(row))) = (line, row) {
            tick(&row, delivery);
        }
        self.held(state);
    }

    pub(crate) fn typing(&self, state: &State) {
        let names: Vec<&str> = match &state.open {
            Conversation::Room(room) if *room == state.room => {
                state.typing.keys().map(String::as_str).collect()
            }
            _ => Vec::new(),
        };
        let words = match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is typing…"),
            [one, two] => format!("{one} and {two} are typing…"),
            _ => "Several people are typing…".to_owned(),
        };
        self.set_text("typing", &words);
    }
}

fn title(conversation: &Conversation) -> String {
    match conversation {
        Conversation::Room(room) => format!("# {room}"),
        Conversation::Person(name) => format!("Private: {name}"),
    }
}

fn tick(row: &Element, delivery: &Delivery) {
    let icon = delivery.icon();
    let _ = row.set_attribute("data-tick", icon);
    let _ = row.toggle_attribute_with_force("data-stored", delivery.stored);
    if let Ok(Some(place)) = row.query_selector(".icon") {
        // Only our own words and names of icons become markup; people's words go the other way.
        place.set_inner_html(&format!(
            "<svg class=\"tick\" aria-hidden=\"true\"><use href=\"#{icon}\"/></svg>"
        ));
        let words = delivery.words();
        let _ = place.set_attribute("aria-label", &words);
        let _ = place.set_attribute("title", &words);
    }
    if let Ok(Some(cause)) = row.query_selector(".cause") {
        cause.set_text_content(Some(&delivery.short()));
    }
}

/// What is said of a message that was missed.
fn mark(came: Came) -> Option<(&'static str, &'static str)> {
    match came {
        Came::Live => None,
        Came::Recovered => Some(("recovered", "Missed, and replayed when the session was resumed")),
        Came::Loaded => Some(("from history", "Missed, and loaded from the server's history")),
    }
}

fn clock(at: f64) -> String {
    let seconds = js_sys::Date::new(&at.into()).get_seconds();
    format!("{}:{seconds:02}", time(at))
}

fn time(at: f64) -> String {
    let date = js_sys::Date::new(&at.into());
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}
