//! Certificates that no public authority has signed.

use crate::Scratch;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::path::{Path, PathBuf};

/// Files of a certificate authority and of a server for `localhost` and `127.0.0.1`; removed when dropped.
#[derive(Debug)]
pub struct Certificate {
    folder: Scratch,
}

impl Certificate {
    /// The authority's certificate (PEM): what a client must trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.file("ca.pem")
    }

    /// The server's certificate (PEM), signed by the authority.
    pub fn cert(&self) -> PathBuf {
        self.folder.file("cert.pem")
    }

    /// The server's private key (PEM).
    pub fn key(&self) -> PathBuf {
        self.folder.file("key.pem")
    }
}

/// Creates a certificate authority and a server certificate signed by it.
pub fn self_signed() -> Certificate {
    let made = Certificate { folder: Scratch::new() };
    write(&made).unwrap_or_else(|e| panic!("cannot create certificates: {e}"));
    made
}

fn write(made: &Certificate) -> Result<(), Box<dyn std::error::Error>> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "test authority");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "test server");
    let cert = server.signed_by(&key, &ca)?;

    put(&made.ca(), &ca.pem())?;
    put(&made.cert(), &cert.pem())?;
    put(&made.key(), &key.serialize_pem())?;
    Ok(())
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}
