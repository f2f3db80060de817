//! Sessions that outlive the page, for the one that comes after it (`recoveryStore`).
//!
//! They lie in the tab's `sessionStorage`. A tab that is duplicated gets a copy of them, so each names its page, which holds a
//! Web Lock as long as it lives: another page's session is taken only with that lock. Keys, texts and locks are those of the
//! JavaScript face (`js/src/sessions.js`), so that a page may take up what one with the other face has left.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::Duration;

use js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use socketio_client_core::{Config, Instant, Marks, Saved, SavedSession, SocketId};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Storage};

use crate::builder::unique_name;
use crate::clock::Timer;
use crate::driver::{Inner, Shared, react};
use crate::page::Page;
use crate::saved;
use crate::task::sleep;

/// Where sessions outlive the page ([`ClientBuilder::recovery_store`](crate::ClientBuilder::recovery_store)).
///
/// The path of a file, which a native client has, stands for [`Session`](Self::Session), so that one source compiles for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryStore {
    /// In the tab's `sessionStorage`: for the page that comes next in this tab, and nobody else.
    Session,
}

impl<T: Into<PathBuf>> From<T> for RecoveryStore {
    fn from(_: T) -> Self {
        Self::Session
    }
}

/// The page before may be ending still.
const PATIENCE: Duration = Duration::from_millis(500);
/// At most so often what has come is written.
const PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    static PAGE: String = unique_name();
    /// That this page holds its lock.
    static HELD: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    // Unstable in `web-sys`.
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &Object, own: &Function) -> Result<Promise, JsValue>;
}

/// The stored sessions of one client.
pub(crate) struct Sessions {
    prefix: String,
    access: Access,
    names: Vec<Name>,
    marks: Marks,
    timer: Timer,
    _page: Page,
}

/// A namespace that was asked for.
struct Name {
    socket: SocketId,
    namespace: String,
    /// It was left before it was known what is stored, which is not taken up then.
    left: bool,
}

enum Access {
    /// Until it is known, nothing connects.
    Opening,
    Open {
        storage: Storage,
        /// Pages that are gone.
        gone: Vec<String>,
    },
    /// The browser keeps storage from the page, which is told as what cannot be read.
    Denied,
    /// A worker, Node, or a page without Web Locks, where nobody knows whether a copy is the only one.
    Missing,
}

/// What a page that is gone has left of a namespace.
enum Left {
    Nothing,
    Session(SavedSession),
    Unreadable,
}

impl Sessions {
    pub(crate) fn new(config: &Config, shared: &Weak<Shared>) -> Self {
        let address = &config.address;
        let scheme = if address.secure { "https" } else { "http" };
        let (due, leaving) = (shared.clone(), shared.clone());
        Self {
            prefix: format!("sio-session:{scheme}://{}:{}{}", address.host, address.port, config.path),
            access: Access::Opening,
            names: Vec::new(),
            marks: Marks::default(),
            timer: Timer::new(move || react(&due, |inner, now| inner.write_sessions(now))),
            _page: Page::leaving(move || react(&leaving, |inner, now| inner.write_sessions(now))),
        }
    }

    /// Something has come, which is written soon.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.timer.arm(Some(now + PAUSE), now);
    }

    fn key(&self, socket: SocketId) -> Option<String> {
        let name = self.names.iter().find(|name| name.socket == socket)?;
        Some(format!("{}{}", self.prefix, name.namespace))
    }

    fn take(&self, socket: SocketId) -> Left {
        let (storage, gone) = match &self.access {
            Access::Open { storage, gone } => (storage, gone),
            Access::Denied => return Left::Unreadable,
            Access::Opening | Access::Missing => return Left::Nothing,
        };
        let Some(key) = self.key(socket) else { return Left::Nothing };
        if matches!(storage.get_item(&key), Ok(None)) {
            return Left::Nothing;
        }
        let Some((owner, session)) = read(storage, &key) else {
            write(storage, &key, "");
            return Left::Unreadable;
        };
        if !gone.contains(&owner) {
            return Left::Nothing;
        }
        // This page's from now on, also if it ends before the server was asked.
        write(storage, &key, &session);
        saved::read(&session).map_or(Left::Unreadable, Left::Session)
    }

    /// `waits`: not all events are dealt with that have come.
    fn save(&mut self, socket: SocketId, saved: Saved, waits: bool) {
        let stored = self.marks.store(socket, saved, waits);
        if let (Access::Open { storage, .. }, Some(key)) = (&self.access, self.key(socket)) {
            write(storage, &key, &saved::text(&stored));
        }
    }
}

impl Inner {
    /// Whether it is known what is stored: until then nothing connects.
    pub(crate) fn knows_sessions(&self) -> bool {
        self.sessions.as_ref().is_none_or(|sessions| !matches!(sessions.access, Access::Opening))
    }

    /// A namespace is made: takes up what a page that is gone has left of it.
    pub(crate) fn restore(&mut self, socket: SocketId, namespace: &str) {
        if let Some(sessions) = &mut self.sessions {
            sessions.names.push(Name { socket, namespace: namespace.to_owned(), left: false });
        }
        self.take_up(socket);
    }

    fn take_up(&mut self, socket: SocketId) {
        let Some(sessions) = &mut self.sessions else { return };
        match sessions.take(socket) {
            Left::Nothing => {}
            Left::Session(session) => {
                sessions.marks.store(socket, Saved::Session(session.clone()), false);
                self.manager.restore_session(socket, Some(session));
            }
            Left::Unreadable => self.manager.restore_session(socket, None),
        }
    }

    fn sessions_known(&mut self, access: Access) {
        let Some(sessions) = &mut self.sessions else { return };
        sessions.access = access;
        for (socket, left) in sessions.names.iter().map(|name| (name.socket, name.left)).collect::<Vec<_>>() {
            match &mut self.sessions {
                Some(sessions) if left => sessions.save(socket, Saved::Left, false),
                _ => self.take_up(socket),
            }
        }
    }

    /// Does what the core asks for.
    pub(crate) fn save(&mut self, socket: SocketId, saved: Saved, now: Instant) {
        let Some(sessions) = &mut self.sessions else { return };
        if matches!(sessions.access, Access::Opening) {
            // Nothing is connected yet, so there is nothing else to be told.
            sessions.names.iter_mut().filter(|name| name.socket == socket).for_each(|name| name.left = true);
        }
        // How far the events bring it that came with it is written once they have been told.
        sessions.save(socket, saved, true);
        sessions.heard(now);
    }

    /// Writes how far events have come.
    pub(crate) fn write_sessions(&mut self, now: Instant) {
        let Some(sessions) = &mut self.sessions else { return };
        sessions.timer.arm(None, now);
        let sockets: Vec<_> = sessions.names.iter().map(|name| name.socket).collect();
        for socket in sockets {
            // What waits for its first listener is not behind the mark.
            let waits = self.held.as_ref().is_some_and(|held| held.waits(socket));
            if let Some(session) = self.manager.saved_session(socket) {
                sessions.save(socket, Saved::Session(session), waits);
            }
        }
    }
}

impl Shared {
    /// Finds out what is stored, and by whom; then the client connects.
    pub(crate) fn open_sessions(self: &Rc<Self>) {
        let Some(prefix) = self.read(|inner| Some(inner.sessions.as_ref()?.prefix.clone())) else { return };
        let shared = Rc::downgrade(self);
        spawn_local(async move {
            let access = open(&prefix).await;
            if let Some(shared) = shared.upgrade() {
                shared.call(|inner, _| inner.sessions_known(access));
            }
        });
    }
}

async fn open(prefix: &str) -> Access {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into());
    let locks = navigator.and_then(|navigator| Reflect::get(&navigator, &"locks".into()));
    let Some(window) = web_sys::window() else { return Access::Missing };
    let Some(locks) = locks.ok().filter(JsValue::is_object) else { return Access::Missing };
    let storage = match window.session_storage() {
        Ok(Some(storage)) => storage,
        Ok(None) => return Access::Missing,
        Err(_) => return Access::Denied,
    };
    let locks: LockManager = locks.unchecked_into();
    let own = PAGE.with(String::clone);
    let held = HELD.with(|held| held.borrow_mut().get_or_insert_with(|| hold(&locks, &own, None)).clone());
    if JsFuture::from(held).await.is_err() {
        return Access::Denied;
    }
    let mut asked: Vec<(String, Promise)> = Vec::new();
    for (_, owner) in others(&storage, prefix, &own) {
        if !asked.iter().any(|(other, _)| *other == owner) {
            let held = hold(&locks, &owner, Some(PATIENCE));
            asked.push((owner, held));
        }
    }
    let mut gone = Vec::new();
    for (owner, held) in asked {
        if JsFuture::from(held).await.is_ok() {
            gone.push(owner);
        }
    }
    // A copy of what a living page has: who finds it when that page is gone would go back behind the one after it.
    for (key, _) in others(&storage, prefix, &own).into_iter().filter(|(_, owner)| !gone.contains(owner)) {
        write(&storage, &key, "");
    }
    Access::Open { storage, gone }
}

/// What lies in the storage of this client's server, by key and page, but for what is this page's.
fn others(storage: &Storage, prefix: &str, own: &str) -> Vec<(String, String)> {
    let keys = keys(storage).into_iter().filter(|key| key.starts_with(prefix));
    let owned = keys.filter_map(|key| Some((read(storage, &key)?.0, key)));
    owned.filter(|(owner, _)| owner != own).map(|(owner, key)| (key, owner)).collect()
}

/// Holds a page's lock for as long as this one lives. Fails if another one goes on holding it.
fn hold(locks: &LockManager, page: &str, patience: Option<Duration>) -> Promise {
    let options = Object::new();
    if let Some(patience) = patience
        && let Ok(controller) = AbortController::new()
    {
        let _ = Reflect::set(&options, &"signal".into(), &controller.signal());
        spawn_local(async move {
            sleep(patience).await;
            controller.abort();
        });
    }
    let mut requested = None;
    let granted = Promise::new(&mut |granted, _| {
        let own = Closure::once_into_js(move |_: JsValue| {
            let _ = granted.call0(&JsValue::UNDEFINED);
            // For ever.
            Promise::new(&mut |_, _| {})
        });
        let request = locks.request(&format!("sio-page:{page}"), &options, own.unchecked_ref());
        requested = Some(request.unwrap_or_else(|error| Promise::reject(&error)));
    });
    // The request itself can only fail.
    requested.map_or(granted.clone(), |requested| Promise::race(&Array::of2(&granted, &requested)))
}

fn keys(storage: &Storage) -> Vec<String> {
    let length = storage.length().unwrap_or(0);
    (0..length).filter_map(|at| storage.key(at).ok().flatten()).collect()
}

/// Whose it is, and the session. `None` for what is none of ours.
fn read(storage: &Storage, key: &str) -> Option<(String, String)> {
    let value = JSON::parse(&storage.get_item(key).ok()??).ok()?;
    let [page, session] =
        ["page", "session"].map(|name| Reflect::get(&value, &name.into()).ok()?.as_string());
    Some((page?, session?))
}

/// An empty text: there is none.
fn write(storage: &Storage, key: &str, session: &str) {
    if session.is_empty() {
        let _ = storage.remove_item(key);
        return;
    }
    let value = Object::new();
    PAGE.with(|page| {
        let _ = Reflect::set(&value, &"page".into(), &page.into());
    });
    let _ = Reflect::set(&value, &"session".into(), &session.into());
    if let Ok(text) = JSON::stringify(&value) {
        // Without room a page after this one goes without.
        let _ = storage.set_item(key, &String::from(text));
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
