//! The chat server: who is in which room, and whose messages go to whom.
//!
//! Client to server, each answered by an ack (`{"error": …}` where it is refused):
//!
//! | event | arguments | ack |
//! |---|---|---|
//! | `join` | `{name, room, key?}` | `{people: [{name, room}], rooms: [room]}` |
//! | `message` | `{room, id, text}` | `{to}`: how many people it was sent to |
//! | `private` | `{to, id, text}` | `{to: 1}` |
//! | `typing` | `{on}` | none |
//!
//! The same `join` may be sent as the `auth` of CONNECT: then a client that comes back has its name again
//! before the messages that it held arrive. `key` is a secret of its own choice that proves that it is the
//! same person, while the server has not yet noticed that the old connection is gone.
//!
//! Server to client: `who` (as the ack of `join`, whenever it changes), `message` and `private` with
//! `{id, from, room?, text}`, each of which wants an ack, `delivered` `{id, by}` when that ack is there, and
//! `typing` `{name, room, on}`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::socket::Sid;
use socketioxide::{AckError, SocketIo};

/// How long a receiver's ack is waited for.
pub(crate) const DELIVERY: Duration = Duration::from_secs(30);
/// Rooms that exist while nobody is in them.
const ROOMS: [&str; 3] = ["lobby", "rust", "random"];
const MAX_NAME: usize = 24;
const MAX_TEXT: usize = 4000;

#[derive(Clone)]
struct Chat {
    io: SocketIo,
    /// By folded name: a name is what people are known and written to by.
    people: Arc<Mutex<BTreeMap<String, Person>>>,
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

#[derive(Serialize)]
struct Text<'a> {
    id: &'a str,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    text: &'a str,
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
    let chat = Chat { io: io.clone(), people: Arc::default() };
    io.ns("/", async move |socket: SocketRef, TryData(auth): TryData<Join>| {
        chat.on(&socket, "join", Chat::join);
        chat.on(&socket, "message", Chat::message);
        chat.on(&socket, "private", Chat::private);
        chat.on(&socket, "typing", Chat::typing);
        socket.on_disconnect({
            let chat = chat.clone();
            async move |socket: SocketRef| chat.leave(socket.id).await
        });
        // A refusal is told to the `join` that follows, where there is an ack to tell it by.
        if let Ok(auth) = auth {
            let _ = chat.join(socket, auth).await;
        }
    });
}

impl Chat {
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
        let (name, room) = (name(&join.name)?, name(&join.room)?);
        let folded = name.to_lowercase();
        {
            let mut people = self.people();
            let holder = people.get(&folded).filter(|person| person.socket.id != socket.id);
            if holder.is_some_and(|person| person.key.is_none() || person.key != join.key) {
                return Err("somebody here has that name already");
            }
            people.retain(|_, person| person.socket.id != socket.id);
            let person = Person { name, room: room.clone(), key: join.key, socket: socket.clone() };
            if let Some(earlier) = people.insert(folded, person) {
                earlier.socket.leave_all();
            }
        }
        socket.leave_all();
        socket.join(room);
        Ok(self.tell_who().await)
    }

    async fn leave(self, sid: Sid) {
        self.people().retain(|_, person| person.socket.id != sid);
        self.tell_who().await;
    }

    async fn message(self, socket: SocketRef, message: Message) -> Result<Sent, &'static str> {
        let Message { room, id, text } = message;
        let (room, text) = (name(&room)?, text_within_limit(&text)?);
        let (from, to) = {
            let people = self.people();
            let from = people.values().find(|person| person.socket.id == socket.id).ok_or(NOT_JOINED)?;
            let to = people.values().filter(|person| person.room == room && person.socket.id != socket.id);
            (from.name.clone(), to.count())
        };
        let text = Text { id: &id, from: &from, room: Some(&room), text };
        let acks = socket.to(room.clone()).emit_with_ack::<_, IgnoredAny>("message", &text).await;
        let acks = acks.map_err(|_| "the server could not pass it on")?;
        tokio::spawn(self.relay(from, id, acks));
        Ok(Sent { to })
    }

    async fn private(self, socket: SocketRef, message: Private) -> Result<Sent, &'static str> {
        let Private { to, id, text } = message;
        let text = text_within_limit(&text)?;
        let (from, to) = {
            let people = self.people();
            let from = people.values().find(|person| person.socket.id == socket.id).ok_or(NOT_JOINED)?;
            let to = people.get(&to.to_lowercase()).ok_or("that person is not here")?;
            (from.name.clone(), to.socket.clone())
        };
        let text = Text { id: &id, from: &from, room: None, text };
        let acks = to.emit_with_ack::<_, IgnoredAny>("private", &text);
        let acks = acks.map_err(|_| "that person cannot be reached")?;
        tokio::spawn(self.relay(from, id, acks));
        Ok(Sent { to: 1 })
    }

    async fn typing(self, socket: SocketRef, Typing { on }: Typing) -> Result<(), &'static str> {
        #[derive(Serialize)]
        struct Out {
            name: String,
            room: String,
            on: bool,
        }
        let out = {
            let people = self.people();
            let person = people.values().find(|person| person.socket.id == socket.id).ok_or(NOT_JOINED)?;
            Out { name: person.name.clone(), room: person.room.clone(), on }
        };
        let _ = socket.to(out.room.clone()).volatile().emit("typing", &out).await;
        Ok(())
    }

    /// Tells the sender, on whatever connection they have by then, as each receiver's ack comes in.
    async fn relay<T>(self, from: String, id: String, acks: impl Stream<Item = (Sid, Result<T, AckError>)>) {
        #[derive(Serialize)]
        struct Delivered<'a> {
            id: &'a str,
            by: String,
        }
        let mut acks = std::pin::pin!(acks);
        while let Some((sid, ack)) = acks.next().await {
            // What the ack says does not matter, that it came does.
            if !matches!(ack, Ok(_) | Err(AckError::Decode(_))) {
                continue;
            }
            let people = self.people();
            let by = people.values().find(|person| person.socket.id == sid);
            let sender = people.get(&from.to_lowercase());
            if let (Some(by), Some(sender)) = (by, sender) {
                let _ = sender.socket.emit("delivered", &Delivered { id: &id, by: by.name.clone() });
            }
        }
    }

    async fn tell_who(&self) -> Who {
        let who = {
            let people = self.people();
            let places =
                people.values().map(|person| Place { name: person.name.clone(), room: person.room.clone() });
            let rooms = people.values().map(|person| person.room.clone()).chain(ROOMS.map(str::to_owned));
            Who { people: places.collect(), rooms: rooms.collect() }
        };
        let _ = self.io.emit("who", &who).await;
        who
    }

    fn people(&self) -> MutexGuard<'_, BTreeMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOT_JOINED: &str = "join before you write";

fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        return Err("names have 1 to 24 characters");
    }
    Ok(text.to_owned())
}

fn text_within_limit(text: &str) -> Result<&str, &'static str> {
    if text.chars().count() > MAX_TEXT {
        return Err("messages have at most 4000 characters");
    }
    Ok(text)
}
