//! What the application is asked for at each attempt: where to connect, and with which query and headers.

use std::sync::Arc;

use socketio_client_core::{Address, UrlError};

type StringFn = dyn Fn() -> String + Send + Sync;
type PairsFn = dyn Fn() -> Pairs + Send + Sync;
pub(crate) type Pairs = Vec<(String, String)>;
pub(crate) type Headers = Arc<[(String, String)]>;

/// What the driver asks.
#[derive(Default)]
pub(crate) struct Provider {
    pub(crate) url_with: Option<Box<StringFn>>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) query_with: Option<Box<PairsFn>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) headers_with: Option<Box<PairsFn>>,
}

impl Provider {
    /// No address where it is not asked for: of several servers the core knows which one is next.
    pub(crate) fn address(&self) -> Result<Option<Address>, UrlError> {
        self.url_with.as_ref().map(|url| Address::parse(&url())).transpose()
    }

    pub(crate) fn query(&self) -> Pairs {
        let mut query = self.query.clone();
        query.extend(self.query_with.iter().flat_map(|query| query()));
        query
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        headers.extend(self.headers_with.iter().flat_map(|headers| headers()));
        headers
    }
}
