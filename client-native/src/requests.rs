//! What the driver has asked of transports, and waits for.

use std::future::Future;
use std::pin::Pin;

use bytestring::ByteString;
use socketio_client_core::{TransportError, TransportId};

use crate::transport::WebSocket;

/// What a transport's future gives.
pub(crate) enum Done {
    Opened(Result<Box<WebSocket>, TransportError>),
    Got(Result<ByteString, TransportError>),
    Posted(Result<(), TransportError>),
}

#[derive(Clone, Copy)]
pub(crate) enum Request {
    Open,
    Get,
    Post,
}

pub(crate) struct Pending {
    pub(crate) transport: TransportId,
    pub(crate) request: Request,
    pub(crate) future: Pin<Box<dyn Future<Output = Done> + Send>>,
}

impl Pending {
    /// Whether it is left alone for now: there is no room for what would come, or nothing may be sent.
    pub(crate) const fn waits(&self, full: bool, claiming: bool) -> bool {
        match self.request {
            Request::Open => false,
            Request::Get => full,
            Request::Post => claiming,
        }
    }
}
