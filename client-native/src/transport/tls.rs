//! TLS by rustls. Nothing here runs before the first https or wss connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use super::TransportError;
use super::stream::{ByteStream, Dialed};

/// Shared by every connector that adds no roots of its own: reading the system's roots costs tens of milliseconds.
static SYSTEM_ROOTS_ONLY: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

/// The TLS side of one connector.
#[derive(Debug, Default)]
pub(super) struct Tls {
    ca_file: Option<PathBuf>,
    /// With the roots of `ca_file`. A failure is not kept: the file may be there at the next attempt.
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, config: OnceCell::new() }
    }

    /// Does the handshake on `io`, for a server known as `host` (brackets of an IPv6 address removed).
    pub(super) async fn connect(
        &self,
        io: Dialed,
        host: &str,
        address: &str,
    ) -> Result<ByteStream, TransportError> {
        let failed = |cause: String| TransportError::Tls { address: address.to_owned(), cause };
        let cell = if self.ca_file.is_some() { &self.config } else { &SYSTEM_ROOTS_ONLY };
        let config = cell.get_or_try_init(|| load(self.ca_file.clone())).await.map_err(failed)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| failed(format!("{host:?} is neither a DNS name nor an IP address")))?;
        match TlsConnector::from(Arc::clone(config)).connect(name, io).await {
            Ok(stream) => Ok(ByteStream::tls(stream)),
            Err(error) => Err(failed(explain(&error))),
        }
    }
}

/// Builds the configuration on the blocking pool: it reads and parses files.
async fn load(ca_file: Option<PathBuf>) -> Result<Arc<ClientConfig>, String> {
    match tokio::task::spawn_blocking(move || build(ca_file.as_deref())).await {
        Ok(result) => result,
        Err(error) => Err(format!("loading root certificates failed: {error}")),
    }
}

fn build(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Some systems carry a root that webpki refuses; one such must not break all connections.
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        let why = system.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "this machine has no root certificates{why}: install its ca-certificates package or name a CA file"
        ));
    }
    // The provider is named, since a process-wide default may be another one, or missing.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A server that prefers HTTP/2 would otherwise be free to speak it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let unusable =
        |why: &dyn std::fmt::Display| format!("the CA file {} cannot be used: {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.len() == before {
        return Err(unusable(&"it holds no certificate in PEM form"));
    }
    Ok(())
}

/// Says who is at fault and what to do about it.
fn explain(error: &io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                format!("the server closed the connection during the handshake ({error})")
            }
            _ => error.to_string(),
        };
    };
    match tls {
        rustls::Error::InvalidMessage(_) => format!("the server does not speak TLS on this port ({tls})"),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "this machine does not trust the authority that signed the server's certificate; name a private \
             authority's certificate as CA file"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(_) => format!("the server's certificate was refused: {tls}"),
        rustls::Error::AlertReceived(_) => format!("the server refused the handshake: {tls}"),
        _ => tls.to_string(),
    }
}
