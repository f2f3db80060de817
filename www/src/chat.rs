//! The chat server: who is in which room, and whose messages go to whom.
//!
//! Client to server, each answered by an ack (`{"error": …}` where it is refused):
//!
//! | event | arguments | ack |
//! |---|---|---|
//! | `join` | `{name, room, key?, history?}` | `{people: [{name, room}], rooms: [room]}` |
//! | `message` | `{room, id, text}` | `{to}`: how many people it was sent to |
//! | `private` | `{to, id, text}` | `{to: 1}` |
//! | `typing` | `{on}` | none |
//! | `history` | `{room}` | `{messages}`: the latest of a room, as they were sent |
//! | `seen` | `{messages: [{id, from}]}` | none |
//!
//! The same `join` may be sent as the `auth` of CONNECT: then a client that comes back has its name again
//! before the messages that it held arrive. `key` is a secret of its own choice that proves that it is the
//! same person, while the server has not yet noticed that the old connection is gone.
//!
//! Server to client: `who` (as the ack of `join`, whenever it changes), `message` and `private` with
//! `{id, from, room?, text, at}`, each of which wants an ack, `delivered` `{id, by}` when that ack is there,
//! and `typing` `{name, room, on}`. Whoever enters a room is sent its latest messages, so the same one may
//! come twice; its `from` and `id` tell. With `history: false` they are not: whoever comes back asks with `history`, and says
//! with `seen` what an ack says of a message that was sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::Sid;
use socketioxide::{AckError, SocketIo};

/// How long a receiver's ack is waited for.
pub(crate) const DELIVERY: Duration = Duration::from_secs(30);
/// Rooms that exist while nobody is in them.
const ROOMS: [&str; 3] = ["lobby", "rust", "random"];
const MAX_NAME: usize = 24;
const MAX_TEXT: usize = 4000;
const MAX_ID: usize = 64;
/// How many messages a room remembers.
const MAX_HISTORY: usize = 50;
/// How many rooms are remembered: one can write to a room where nobody is, and so to any number of names.
const MAX_ROOMS: usize = 200;

#[derive(Clone)]
struct Chat {
    io: SocketIo,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By folded name: a name is what people are known and written to by.
    people: BTreeMap<String, Person>,
    /// The latest messages of each room, so that whoever was cut off when they came gets them after all.
    history: BTreeMap<String, VecDeque<Text>>,
}

struct Person {
    name: String,
    room: String,
    key: Option<String>,
    socket: SocketRef,
}

#[derive(Deserialize)]
struct Join {
    name: String,
    room: String,
    key: Option<String>,
    history: Option<bool>,
}

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[derive(Serialize)]
struct History {
    messages: Vec<Text>,
}

#[derive(Deserialize)]
struct Seen {
    messages: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    id: String,
    from: String,
}

#[derive(Serialize)]
struct Delivered<'a> {
    id: &'a str,
    by: &'a str,
}

#[derive(Deserialize)]
struct Message {
    room: String,
    id: String,
    text: String,
}

#[derive(Deserialize)]
struct Private {
    to: String,
    id: String,
    text: String,
}

#[derive(Deserialize)]
struct Typing {
    on: bool,
}

#[derive(Serialize)]
struct Who {
    people: Vec<Place>,
    rooms: BTreeSet<String>,
}

#[derive(Serialize)]
struct Place {
    name: String,
    room: String,
}

#[derive(Clone, Serialize)]
struct Text {
    id: String,
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    text: String,
    /// Milliseconds since 1970.
    at: u64,
}

#[derive(Serialize)]
struct Sent {
    to: usize,
}

#[derive(Serialize)]
struct Refused {
    error: &'static str,
}

/// Sets the chat up on namespace `/`.
pub(crate) fn install(io: &SocketIo) {
    let chat = Chat { io: io.clone(), state: Arc::default() };
    let listening = {
        let chat = chat.clone();
        async move |socket: SocketRef| {
            chat.listen(&socket);
            Ok::<_, Infallible>(())
        }
    };
    let enter = async move |socket: SocketRef, TryData(auth): TryData<Join>| {
        // A refusal is told to the `join` that follows, where there is an ack to tell it by.
        if let Ok(auth) = auth {
            let _ = chat.join(socket, auth).await;
        }
    };
    // Listening is set up in a middleware, which runs before the client is told that it is connected: the
    // handler runs later, in a task of its own, and events, or a goodbye, that come before it are dropped.
    io.ns("/", enter.with(listening));
}

impl Chat {
    fn listen(&self, socket: &SocketRef) {
        self.on(socket, "join", Self::join);
        self.on(socket, "message", Self::message);
        self.on(socket, "private", Self::private);
        self.on(socket, "typing", Self::typing);
        self.on(socket, "history", Self::history);
        self.on(socket, "seen", Self::seen);
        let chat = self.clone();
        socket.on_disconnect(async move |socket: SocketRef| chat.leave(socket.id).await);
    }

    /// Registers `handler`, and sends what it returns as the ack.
    fn on<T, R, F>(&self, socket: &SocketRef, event: &'static str, handler: fn(Self, SocketRef, T) -> F)
    where
        T: DeserializeOwned + Send + Sync + 'static,
        R: Serialize + Send,
        F: Future<Output = Result<R, &'static str>> + Send + 'static,
    {
        let chat = self.clone();
        socket.on(event, async move |socket: SocketRef, TryData(data): TryData<T>, ack: AckSender| {
            let answer = match data {
                Ok(data) => handler(chat, socket, data).await,
                Err(_) => Err("not what this event takes"),
            };
            // The ack of somebody who has left is of no use to anybody.
            let _ = match answer {
                Ok(answer) => ack.send(&answer),
                Err(error) => ack.send(&Refused { error }),
            };
        });
    }

    async fn join(self, socket: SocketRef, join: Join) -> Result<Who, &'static str> {
        let (name, room) = (checked_name(&join.name)?, checked_name(&join.room)?);
        let missed = {
            let mut state = self.state();
            // Gone meanwhile, and `leave` may have been here already: nobody would take them out again.
            if !socket.connected() {
                return Err("you have left");
            }
            let here = state.person(socket.id).is_some_and(|person| person.room == room);
            let folded = name.to_lowercase();
            let holder = state.people.get(&folded).filter(|person| person.socket.id != socket.id);
            if holder.is_some_and(|person| person.key.is_none() || person.key != join.key) {
                return Err("somebody here has that name already");
            }
            state.people.retain(|_, person| person.socket.id != socket.id);
            let person =
                Person { name: name.clone(), room: room.clone(), key: join.key, socket: socket.clone() };
            if let Some(earlier) = state.people.insert(folded, person) {
                earlier.socket.leave_all();
            }
            let history = state.history.get(&room).filter(|_| !here && join.history != Some(false));
            let missed = history.into_iter().flatten().filter(|text| text.from != name);
            missed.cloned().collect::<Vec<_>>()
        };
        socket.leave_all();
        socket.join(room);
        for text in missed {
            self.deliver("message", &socket, text);
        }
        Ok(self.tell_who().await)
    }

    async fn leave(self, sid: Sid) {
        self.state().people.retain(|_, person| person.socket.id != sid);
        self.tell_who().await;
    }

    async fn message(self, socket: SocketRef, message: Message) -> Result<Sent, &'static str> {
        let room = checked_name(&message.room)?;
        let (text, to) = {
            let mut state = self.state();
            let from = state.person(socket.id).ok_or(NOT_JOINED)?.name.clone();
            let text = Text::new(message.id, from, Some(room.clone()), message.text)?;
            state.remember(&text);
            let others =
                state.people.values().filter(|person| person.room == room && person.name != text.from);
            let others: Vec<SocketRef> = others.map(|person| person.socket.clone()).collect();
            (text, others)
        };
        for socket in &to {
            self.deliver("message", socket, text.clone());
        }
        Ok(Sent { to: to.len() })
    }

    async fn private(self, socket: SocketRef, message: Private) -> Result<Sent, &'static str> {
        let (text, to) = {
            let state = self.state();
            let from = state.person(socket.id).ok_or(NOT_JOINED)?.name.clone();
            let to = state.people.get(&message.to.to_lowercase()).ok_or("that person is not here")?;
            (Text::new(message.id, from, None, message.text)?, to.socket.clone())
        };
        self.deliver("private", &to, text);
        Ok(Sent { to: 1 })
    }

    /// Sends it, and tells its author, on whatever connection they have by then, when the ack comes.
    fn deliver(&self, event: &'static str, to: &SocketRef, text: Text) {
        // Sent here, in order; only the ack is waited for elsewhere. It fails where the receiver has just
        // gone: then they get it when they come back.
        let Ok(ack) = to.emit_with_ack::<_, IgnoredAny>(event, &text) else { return };
        let (chat, receiver) = (self.clone(), to.id);
        tokio::spawn(async move {
            // What the ack says does not matter, that it came does.
            if let Ok(_) | Err(AckError::Decode(_)) = ack.await {
                chat.state().tell_author(receiver, &text);
            }
        });
    }

    async fn typing(self, socket: SocketRef, Typing { on }: Typing) -> Result<(), &'static str> {
        #[derive(Serialize)]
        struct Out {
            name: String,
            room: String,
            on: bool,
        }
        let out = {
            let state = self.state();
            let person = state.person(socket.id).ok_or(NOT_JOINED)?;
            Out { name: person.name.clone(), room: person.room.clone(), on }
        };
        // Of no interest to anybody who cannot take it now.
        let _ = socket.to(out.room.clone()).volatile().emit("typing", &out).await;
        Ok(())
    }

    async fn history(self, socket: SocketRef, Room { room }: Room) -> Result<History, &'static str> {
        let room = checked_name(&room)?;
        let state = self.state();
        state.person(socket.id).ok_or(NOT_JOINED)?;
        let messages = state.history.get(&room).into_iter().flatten().cloned().collect();
        Ok(History { messages })
    }

    async fn seen(self, socket: SocketRef, seen: Seen) -> Result<(), &'static str> {
        let state = self.state();
        let room = &state.person(socket.id).ok_or(NOT_JOINED)?.room;
        for text in state.history.get(room).into_iter().flatten() {
            if seen.messages.iter().any(|known| known.id == text.id && known.from == text.from) {
                state.tell_author(socket.id, text);
            }
        }
        Ok(())
    }

    async fn tell_who(&self) -> Who {
        let who = {
            let mut state = self.state();
            let people = state.people.values();
            let people: Vec<Place> =
                people.map(|person| Place { name: person.name.clone(), room: person.room.clone() }).collect();
            let rooms = people.iter().map(|place| place.room.clone()).chain(ROOMS.map(str::to_owned));
            let rooms: BTreeSet<String> = rooms.collect();
            // A room that people made ends with the last of them.
            state.history.retain(|room, _| rooms.contains(room));
            Who { people, rooms }
        };
        let _ = self.io.emit("who", &who).await;
        who
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn person(&self, sid: Sid) -> Option<&Person> {
        self.people.values().find(|person| person.socket.id == sid)
    }

    /// That somebody has it.
    fn tell_author(&self, reader: Sid, text: &Text) {
        if let (Some(by), Some(author)) = (self.person(reader), self.people.get(&text.from.to_lowercase()))
            && by.name != text.from
        {
            let _ = author.socket.emit("delivered", &Delivered { id: &text.id, by: &by.name });
        }
    }

    fn remember(&mut self, text: &Text) {
        let Some(room) = &text.room else { return };
        if self.history.len() >= MAX_ROOMS && !self.history.contains_key(room) {
            return;
        }
        let history = self.history.entry(room.clone()).or_default();
        // Sent again by somebody who missed our ack.
        if history.iter().any(|known| known.id == text.id && known.from == text.from) {
            return;
        }
        if history.len() == MAX_HISTORY {
            history.pop_front();
        }
        history.push_back(text.clone());
    }
}

impl Text {
    fn new(id: String, from: String, room: Option<String>, text: String) -> Result<Self, &'static str> {
        if id.len() > MAX_ID {
            return Err("a message's id has at most 64 bytes");
        }
        if text.chars().count() > MAX_TEXT {
            return Err("messages have at most 4000 characters");
        }
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { id, from, room, text, at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX) })
    }
}

const NOT_JOINED: &str = "join before you write";

fn checked_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err("names have 1 to 24 characters");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut state = State::default();
        for n in 0..10_000 {
            let text = |room: String| Text::new(n.to_string(), "Ada".to_owned(), Some(room), String::new());
            state.remember(&text(format!("room {n}")).unwrap());
            state.remember(&text("room 0".to_owned()).unwrap());
        }
        assert_eq!(state.history.len(), MAX_ROOMS);
        assert_eq!(state.history["room 0"].len(), MAX_HISTORY);
    }
}
