//! The chat's side of the protocol: everything that this page does with Socket.IO.
//!
//! The server's side, with the list of events, is in `www/src/chat.rs`.

mod meter;
mod missed;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use meter::Numbers;

use self::{meter::Meter, missed::Hold};
use crate::socketio::{AckError, Client, ClientEvent, EmitId, Fate, Gap, Message, Socket, sleep, spawn};

/// The events that are messages.
const MESSAGES: [&str; 2] = ["message", "private"];

/// How long a server may take to let us in; one that knows no `join` never answers.
const JOIN: Duration = Duration::from_secs(10);

/// How far the newest message may be ahead of the oldest that the server has not answered.
const WINDOW: u32 = 16;

/// What happens in the chat, for the page to show.
pub(crate) enum Event {
    /// Attempts to connect.
    Connection(ClientEvent),
    /// Connected: events go both ways from here on.
    Ready,
    /// No longer connected.
    Lost(&'static str),
    /// Not connected; [`Chat::is_active`] tells whether the client goes on trying.
    ConnectError(String),
    /// The server does not let this name in.
    Refused(String),
    Who(Who),
    Text(Text),
    Typing(Typing),
    /// What has become of a message of ours.
    Fate {
        id: String,
        fate: Fate,
    },
    /// From here on not even a crash loses the message.
    Stored {
        id: String,
    },
    /// A message that an earlier page had left is settled: as in `Sent` and `NotSent`.
    Left(Left, Fate, Result<usize, String>),
    /// The server has the message, and sent it to so many people.
    Sent {
        id: String,
        to: usize,
    },
    /// No answer that it was sent to anybody. Its fate says whether the server has it.
    NotSent {
        id: String,
        cause: String,
    },
    Delivered(Delivered),
    /// Connected again, and messages may be missing.
    Gap(Gap),
    /// What the server remembers of a room, or why that is not known.
    History {
        room: String,
        result: Result<Vec<Text>, String>,
    },
}

/// Who we are to the server, said at every CONNECT.
#[derive(Clone, Serialize)]
pub(crate) struct Join {
    pub(crate) name: String,
    pub(crate) room: String,
    pub(crate) key: String,
    /// Whether what the room said is to be sent unasked. Whoever comes back asks for it.
    pub(crate) history: bool,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct Who {
    pub(crate) people: Vec<Place>,
    pub(crate) rooms: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) room: String,
}

/// A message from somebody else; a private one has no room.
#[derive(Deserialize)]
pub(crate) struct Text {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) room: Option<String>,
    pub(crate) text: String,
    /// When the server got it, in milliseconds since 1970.
    pub(crate) at: f64,
    /// It was missed, and came when the session was resumed.
    #[serde(skip)]
    pub(crate) recovered: bool,
}

/// A message that an earlier page wrote, and that was in the outbox.
#[derive(Deserialize)]
pub(crate) struct Left {
    pub(crate) id: String,
    /// In which room, or else to whom.
    pub(crate) room: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) text: String,
}

#[derive(Deserialize)]
pub(crate) struct Typing {
    pub(crate) name: String,
    pub(crate) room: String,
    pub(crate) on: bool,
}

#[derive(Deserialize)]
pub(crate) struct Delivered {
    pub(crate) id: String,
    pub(crate) by: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: String },
    Done(T),
}

#[derive(Deserialize)]
struct Sent {
    to: usize,
}

/// The connection to the chat server. Dropping it closes the connection.
#[derive(Clone)]
pub(crate) struct Chat {
    client: Client,
    socket: Socket,
    join: Rc<RefCell<Join>>,
    /// Messages by their emits, until these are settled.
    messages: Rc<RefCell<BTreeMap<EmitId, String>>>,
    /// The room that let us in last.
    entered: Rc<RefCell<Option<String>>>,
    connections: Rc<Cell<u32>>,
    hold: Rc<Hold>,
    meter: Rc<RefCell<Meter>>,
    tell: Rc<dyn Fn(Event)>,
}

impl Chat {
    /// Connects, keeps the connection up, and tells `tell` what happens.
    pub(crate) fn connect(url: &str, join: Join, tell: impl Fn(Event) + 'static) -> Result<Self, String> {
        let join = Rc::new(RefCell::new(join));
        let auth = join.clone();
        let entered = Rc::<RefCell<Option<String>>>::default();
        let last = entered.clone();
        // An outbox for each tab, known again after a reload: who has it speaks for the person.
        let outbox = format!("chat {}", join.borrow().key);
        let client = Client::builder(url)
            // Asked at every CONNECT: whoever comes back is in their room again before the messages held
            // meanwhile arrive there.
            .auth_with(move || {
                let join = auth.borrow().clone();
                let history = last.borrow().as_ref() != Some(&join.room);
                std::future::ready(Join { history, ..join })
            })
            // A message is sent again, in order, until the server has answered it. One may arrive twice: server and readers
            // know it by its id.
            .retries(Some(u32::MAX))
            .retry_window(WINDOW)
            // What is written is still sent after a reload, and after a crash.
            .outbox(outbox)
            .build()
            .map_err(|error| error.to_string())?;
        let socket = client.default_socket();
        let chat = Self {
            client,
            socket,
            join,
            messages: Rc::default(),
            entered,
            connections: Rc::default(),
            hold: Rc::default(),
            meter: Rc::default(),
            tell: Rc::new(tell),
        };
        chat.listen();
        Ok(chat)
    }

    /// Handlers hold no handle to the connection: they would keep it open for ever.
    fn listen(&self) {
        let tell = self.tell.clone();
        self.client.on_event(move |event| {
            if let ClientEvent::OutboxSettled { event, fate, answer, .. } = &event
                && MESSAGES.contains(&event.event_name())
                && let Ok(left) = event.parse()
            {
                let answer = answer.as_ref().map(|answer| answer.parse());
                let result = match answer {
                    Some(Ok(Answer::Done(Sent { to }))) => Ok(to),
                    Some(Ok(Answer::Refused { error })) => Err(error),
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err(fate.as_str().to_owned()),
                };
                return tell(Event::Left(left, *fate, result));
            }
            tell(Event::Connection(event));
        });
        let tell = self.tell.clone();
        self.socket.on_connect_error(move |error| tell(Event::ConnectError(error.to_string())));
        let tell = self.tell.clone();
        self.socket.on_disconnect(move |reason| tell(Event::Lost(reason.as_str())));
        let (tell, connections) = (self.tell.clone(), self.connections.clone());
        self.socket.on_connect(move || {
            connections.set(connections.get() + 1);
            tell(Event::Ready);
        });
        self.listen_for_gaps();

        let (tell, messages, mut fates) = (self.tell.clone(), self.messages.clone(), self.socket.fates());
        let meter = self.meter.clone();
        spawn(async move {
            while let Some(change) = fates.next().await {
                meter.borrow_mut().fate(change.emit, change.fate);
                let mut messages = messages.borrow_mut();
                let id = messages.get(&change.emit).cloned();
                if change.fate.is_final() {
                    messages.remove(&change.emit);
                }
                drop(messages);
                if let Some(id) = id {
                    tell(Event::Fate { id, fate: change.fate });
                }
            }
        });

        self.on("who", |who, _| Event::Who(who));
        self.on("typing", |typing, _| Event::Typing(typing));
        self.on("delivered", |delivered, _| Event::Delivered(delivered));
        // The ack of these two is what becomes the sender's second tick.
        for name in MESSAGES {
            self.on(name, |text, message| Event::Text(Text { recovered: message.is_replayed(), ..text }));
        }
    }

    /// Reads the event's argument, passes it on, and acknowledges it where that is asked for.
    fn on<T: DeserializeOwned + 'static>(&self, event: &str, wrap: fn(T, &Message) -> Event) {
        let tell = self.tell.clone();
        self.socket.on(event, move |message: Message| {
            // Not what the chat server sends: an ack would be a lie.
            let Ok(argument) = message.parse() else { return };
            tell(wrap(argument, &message));
            let _ = message.ack(&());
        });
    }

    /// Goes to `room`; to the room that we are in, to learn who is there.
    pub(crate) fn join(&self, room: &str) {
        room.clone_into(&mut self.join.borrow_mut().room);
        if !self.socket.is_connected() {
            // The next CONNECT says it.
            return;
        }
        let answer = self.socket.emit_with_ack("join", &*self.join.borrow()).send();
        let (socket, ticket, tell) = (self.socket.clone(), answer.id(), self.tell.clone());
        let (entered, room) = (self.entered.clone(), room.to_owned());
        spawn(async move {
            sleep(JOIN).await;
            // Cut off meanwhile it is asked again.
            if let Some(ticket) = ticket.filter(|_| socket.is_connected()) {
                socket.cancel(ticket);
            }
        });
        spawn(async move {
            match answer.await {
                Ok(Answer::Done(who)) => {
                    *entered.borrow_mut() = Some(room);
                    tell(Event::Who(who));
                }
                Ok(Answer::Refused { error }) => tell(Event::Refused(error)),
                Err(AckError::Disconnected) => {}
                Err(AckError::Cancelled) => {
                    tell(Event::Refused("This server does not answer: is it a chat server?".to_owned()))
                }
                Err(error) => tell(Event::Refused(error.to_string())),
            }
        });
    }

    /// Writes to everybody in `room`. Without a connection the client holds it.
    pub(crate) fn say(&self, room: &str, id: &str, text: &str) {
        #[derive(Serialize)]
        struct Message {
            room: String,
            id: String,
            text: String,
        }
        let message = Message { room: room.to_owned(), id: id.to_owned(), text: text.to_owned() };
        self.send("message", id, &message);
    }

    /// Writes to one person.
    pub(crate) fn whisper(&self, to: &str, id: &str, text: &str) {
        #[derive(Serialize)]
        struct Private {
            to: String,
            id: String,
            text: String,
        }
        let message = Private { to: to.to_owned(), id: id.to_owned(), text: text.to_owned() };
        self.send("private", id, &message);
    }

    fn send(&self, event: &str, id: &str, message: &impl Serialize) {
        let answer = self.socket.emit_with_ack(event, message).send();
        let (tell, id) = (self.tell.clone(), id.to_owned());
        let ticket = answer.id();
        if let Some(ticket) = ticket {
            self.messages.borrow_mut().insert(ticket, id.clone());
            let bytes = serde_json::to_string(message).map_or(0, |json| json.len());
            self.meter.borrow_mut().hold(ticket, bytes);
            let (stored, tell, id) = (self.socket.stored(ticket), tell.clone(), id.clone());
            spawn(async move {
                if stored.await {
                    tell(Event::Stored { id });
                }
            });
        }
        spawn(async move {
            if ticket.is_none() {
                // Refused at once: nobody else tells its fate.
                tell(Event::Fate { id: id.clone(), fate: Fate::Refused });
            }
            tell(match answer.await {
                Ok(Answer::Done(Sent { to })) => Event::Sent { id, to },
                Ok(Answer::Refused { error }) => Event::NotSent { id, cause: error },
                Err(error) => Event::NotSent { id, cause: error.to_string() },
            });
        });
    }

    /// Does not try any longer to send the message. What became of it its fate tells.
    pub(crate) fn give_up(&self, id: &str) {
        let ticket = self.messages.borrow().iter().find(|(_, known)| *known == id).map(|(ticket, _)| *ticket);
        if let Some(ticket) = ticket {
            self.socket.cancel(ticket);
        }
    }

    /// Messages that earlier pages left, and that the server has not answered yet.
    pub(crate) fn left(&self) -> Vec<Left> {
        let left = self.socket.outbox_left().into_iter();
        left.filter(|(_, event)| MESSAGES.contains(&event.event()))
            .filter_map(|(_, event)| event.parse().ok())
            .collect()
    }

    /// Says that we are typing, or no longer. Volatile: of no interest a moment later.
    pub(crate) fn typing(&self, on: bool) {
        #[derive(Serialize)]
        struct Typing {
            on: bool,
        }
        let _ = self.socket.volatile().emit("typing", &Typing { on });
    }

    /// Whether the client goes on trying to connect.
    pub(crate) fn is_active(&self) -> bool {
        self.socket.is_active()
    }

    /// How the messages travel just now.
    pub(crate) fn transport(&self) -> Option<String> {
        self.client.transport().map(|transport| transport.to_string())
    }

    /// Behaves as if the network were gone, or back.
    pub(crate) fn set_offline(&self, offline: bool) {
        self.client.set_offline(offline);
    }

    /// Does not wait for the next attempt.
    pub(crate) fn retry(&self) {
        self.client.reconnect_now();
    }

    /// Leaves for good.
    pub(crate) fn close(&self) {
        self.client.close();
    }
}
