//! The one place that opens connections.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::TransportError;
use super::stream::{BoxedIo, ByteStream, Dialed};
#[cfg(feature = "rustls")]
use super::tls::Tls;

/// How servers are trusted, beyond the system's root certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// A PEM file with further root certificates. Read at the first https or wss connection, never before.
    pub ca_file: Option<PathBuf>,
}

type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type DialFn = dyn Fn(Uri) -> Pending<BoxedIo, io::Error> + Send + Sync;

#[derive(Clone)]
enum Dial {
    /// Resolves names on the blocking pool and tries all addresses, IPv4 beside a slow IPv6.
    Tcp(HttpConnector),
    Custom(Arc<DialFn>),
}

/// Opens connections for polling and WebSocket alike: TCP, or a dialer of the application's own; TLS on top for
/// https and wss. Clones share the TLS configuration, which is built once, when it is first needed.
#[derive(Clone)]
pub struct Connector {
    dial: Dial,
    #[cfg(feature = "rustls")]
    tls: Arc<Tls>,
}

impl Connector {
    /// Dials TCP, with Nagle's algorithm off.
    pub fn new(tls: TlsOptions) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // With Nagle on, two small writes in a row wait for the peer's delayed ACK, which takes 40 ms.
        tcp.set_nodelay(true);
        Self::with_dial(Dial::Tcp(tcp), tls)
    }

    /// Dials by `dial`: a proxy's tunnel, a Unix socket, a pipe in memory. It gets the http or https URL and gives
    /// the bare byte stream; for https, TLS runs on top of that.
    pub fn from_dial<F, Fut>(dial: F) -> Self
    where
        F: Fn(Uri) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<BoxedIo>> + Send + 'static,
    {
        let dial: Arc<DialFn> = Arc::new(move |uri| Box::pin(dial(uri)));
        Self::with_dial(Dial::Custom(dial), TlsOptions::default())
    }

    /// The same connector with other TLS options.
    #[must_use]
    pub fn tls(self, options: TlsOptions) -> Self {
        Self::with_dial(self.dial, options)
    }

    #[cfg(feature = "rustls")]
    fn with_dial(dial: Dial, options: TlsOptions) -> Self {
        Self { dial, tls: Arc::new(Tls::new(options.ca_file)) }
    }

    #[cfg(not(feature = "rustls"))]
    fn with_dial(dial: Dial, _: TlsOptions) -> Self {
        Self { dial }
    }

    async fn connect(mut self, uri: Uri) -> Result<TokioIo<ByteStream>, TransportError> {
        let address = address(&uri);
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        #[cfg(not(feature = "rustls"))]
        if secure {
            let cause = "this build has no TLS: enable the Cargo feature `rustls`".to_owned();
            return Err(TransportError::Tls { address, cause });
        }
        #[cfg(feature = "rustls")]
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();

        let dialed = match &mut self.dial {
            Dial::Tcp(tcp) => {
                tcp.call(uri).await.map(|io| Dialed::Tcp(io.into_inner())).map_err(|e| explain(&e))
            }
            Dial::Custom(dial) => dial(uri).await.map(Dialed::Boxed).map_err(|e| explain(&e)),
        };
        let dialed = dialed.map_err(|cause| TransportError::Connect { address: address.clone(), cause })?;
        #[cfg(feature = "rustls")]
        if secure {
            return self.tls.connect(dialed, &host, &address).await.map(TokioIo::new);
        }
        Ok(TokioIo::new(ByteStream::plain(dialed)))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.dial {
            Dial::Tcp(_) => "Connector(TCP)",
            Dial::Custom(_) => "Connector(custom)",
        })
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<ByteStream>;
    type Error = TransportError;
    type Future = Pending<Self::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.dial {
            // Always ready; asked all the same, since the contract says so.
            Dial::Tcp(tcp) => tcp.poll_ready(cx).map_err(|error| TransportError::Connect {
                address: String::new(),
                cause: error.to_string(),
            }),
            Dial::Custom(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Host and port, for messages. Never user name, password or query.
pub(super) fn address(uri: &Uri) -> String {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default))
}

/// The whole chain of causes in one line.
fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut link = error.source();
    while let Some(cause) = link {
        text = format!("{text}: {cause}");
        link = cause.source();
    }
    text
}
