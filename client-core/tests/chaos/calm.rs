//! The end of each run.

use std::collections::BTreeSet;

use socketio_client_core::{Fate, Frame, Input, Message};

use crate::server::answers;
use crate::world::{Link, World};

impl World {
    /// A kind world in the end: everything that was accepted leaves, and every ack settles.
    pub(crate) fn calm_down(&mut self) {
        self.manager.set_online(true, self.now);
        self.manager.set_reconnection(true);
        for socket in self.sockets.clone() {
            self.manager.disconnect(socket, self.now);
        }
        self.resyncs.clear();
        self.drain();
        self.now = self.now + std::time::Duration::from_secs(60);
        self.manager.handle_timeout(self.now);
        self.drain();
        assert!(self.links.is_empty(), "left open: {:?}", self.links);
        assert_eq!(self.manager.poll_timeout(), None, "nothing to wait for");
        self.replies.clear();
        for socket in self.sockets.clone() {
            self.manager.connect(socket, self.now);
        }
        for _ in 0..200 {
            self.kindness();
        }
        let left: BTreeSet<u32> = self.sent.iter().copied().collect();
        self.accepted.retain(|number| left.contains(number) || !self.stuck.contains(number));
        assert_eq!(self.sent, self.accepted, "everything that was accepted has left, in order, once");
        assert!(self.unsettled.is_empty(), "{:?}", self.unsettled);
        assert_eq!(self.manager.queued(self.sockets[2]), 0, "everything that was sent again is settled");
        assert!(self.flushes.is_empty(), "flushes without an end: {:?}", self.flushes);
        for (emit, fate) in &self.fates {
            let unproven = matches!(fate, Fate::InFlight { .. }) && !self.websocket_ping;
            assert!(fate.is_final() || unproven, "{emit:?} has no end: {fate:?}");
        }
    }

    fn kindness(&mut self) {
        while let Some(command) = self.manager.poll_command() {
            self.obey(command);
        }
        let transports: Vec<_> = self.links.keys().copied().collect();
        for transport in transports {
            match self.links.get_mut(&transport) {
                Some(link @ Link::WebSocketOpening) => {
                    *link = Link::WebSocketOpen;
                    self.give(Input::Opened { transport });
                    let text =
                        if self.manager.transport().is_none() { "0#E9;;25000;20000;1000" } else { "3" };
                    let message = Message::Text(text.to_string());
                    self.give(Input::Message { transport, message });
                }
                Some(Link::WebSocketOpen) => {
                    while let Some(frame) = self.manager.poll_message(transport) {
                        self.pulled(transport, &frame);
                        let Frame::Message(Message::Text(text)) = frame else {
                            self.proof.prove(transport, true);
                            self.give(Input::Pong { transport });
                            continue;
                        };
                        for reply in answers(&text) {
                            let message = Message::Text(reply);
                            self.give(Input::Message { transport, message });
                        }
                    }
                }
                Some(Link::Polling { getting: getting @ true, posting }) => {
                    *getting = false;
                    let posted = std::mem::take(posting);
                    if posted {
                        self.proof.prove(transport, false);
                    }
                    let body = if self.manager.transport().is_none() {
                        "0#E9;;25000;20000;1000".to_string()
                    } else {
                        let replies = std::iter::once("6".to_string()).chain(self.replies.drain(..));
                        replies.collect::<Vec<_>>().join("\u{1e}")
                    };
                    self.give(Input::Got { transport, body });
                    if posted {
                        self.give(Input::Posted { transport });
                    }
                }
                Some(Link::Polling { .. }) => {}
                None => {}
            }
            self.hand_in();
        }
        self.now = self.now + std::time::Duration::from_millis(100);
        self.manager.handle_timeout(self.now);
        while let Some(event) = self.manager.poll_event() {
            self.hear(event);
        }
        for request in std::mem::take(&mut self.auth_requests) {
            self.manager.authenticate(request, Ok(None), self.now);
        }
        // A limit of attempts may have been reached.
        if self.links.is_empty() {
            self.manager.reconnect_now(self.now);
        }
    }
}
