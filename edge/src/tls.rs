//! TLS around the connections of a listener: the certificate that it shows, which can be changed while it listens, and the
//! handshake.
//!
//! Knows nothing of files, and nothing of what is spoken inside.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::{self, Said};

/// What may wait in one connection, enciphered, for a client that takes nothing, in bytes.
const WAITING: usize = 32 * 1024;

/// What every connection of TLS begins with: a record of the handshake.
const HANDSHAKE: u8 = 0x16;

/// A chain of certificates with the key that belongs to it.
#[derive(Debug, Clone)]
pub struct Certificate {
    shown: Arc<CertifiedKey>,
    said: Said,
}

/// Why there is no certificate in what was given. None of these repeats a byte of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No certificate stands in it.
    #[error(
        "there is no certificate in it: it is to be PEM, with -----BEGIN CERTIFICATE-----, the node's own first"
    )]
    NoCertificate,
    /// One that stands in it cannot be read.
    #[error("a certificate in it cannot be read")]
    Broken,
    /// No key stands in it.
    #[error(
        "there is no key in it: it is to be PEM, with -----BEGIN PRIVATE KEY-----, and without a password"
    )]
    NoKey,
    /// The key is of no kind that is known, or broken.
    #[error("the key cannot be used: {0}")]
    BadKey(Error),
    /// The key is another certificate's.
    #[error("the key does not belong to the certificate")]
    KeyDoesNotFit,
}

impl CertificateError {
    /// Whether it is the key with which something is wrong.
    pub fn is_of_key(&self) -> bool {
        match self {
            Self::NoCertificate | Self::Broken => false,
            Self::NoKey | Self::BadKey(_) | Self::KeyDoesNotFit => true,
        }
    }
}

impl Certificate {
    /// Reads both as PEM: the listener's own certificate first, then those that lead to one that clients know.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Broken)?;
        let own = chain.first().ok_or(CertificateError::NoCertificate)?;
        let said = certificate::read(own).ok_or(CertificateError::Broken)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let shown = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::KeyDoesNotFit,
            Error::InvalidCertificate(_) => CertificateError::Broken,
            error => CertificateError::BadKey(error),
        })?;
        Ok(Self {
            shown: Arc::new(shown),
            said,
        })
    }

    /// The names and addresses that it is for.
    pub fn names(&self) -> &[String] {
        &self.said.names
    }

    /// Until when it holds, in Unix seconds.
    pub fn until(&self) -> i64 {
        self.said.until
    }

    /// Whether it holds at a time, in Unix seconds.
    pub fn holds_at(&self, unix: i64) -> bool {
        (self.said.from..=self.said.until).contains(&unix)
    }
}

/// What a listener shows to those who connect. Clones are the same one.
#[derive(Clone)]
pub struct Tls(Arc<Shown>);

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Shows `certificate`.
    pub fn new(certificate: &Certificate) -> Self {
        Self(Arc::new(Shown(RwLock::new(Arc::clone(&certificate.shown)))))
    }

    /// Shows another one from now on. Those who are connected stay.
    pub fn show(&self, certificate: &Certificate) {
        *self.0.0.write() = Arc::clone(&certificate.shown);
    }

    /// With what is spoken inside, the dearest first.
    pub(crate) fn handshakes(&self, spoken: &[&[u8]]) -> Result<Handshakes, Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        Ok(Handshakes(Arc::new(config).into()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

/// TLS 1.2 and 1.3, with the library that signs tokens.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes connections those that are inside of TLS.
#[derive(Clone)]
pub(crate) struct Handshakes(TlsAcceptor);

/// Why a connection is none.
#[derive(Debug)]
pub(crate) enum NoTls {
    /// It has said nothing, and says nothing any more: somebody looked whether there is a listener.
    Nothing,
    /// It speaks in the clear, and has not been read.
    Clear(TcpStream),
    /// It wants what is not to be had, or does not trust the certificate.
    Failed(io::Error),
}

impl Handshakes {
    /// Waits for the client's part for as long as it is polled.
    pub(crate) async fn with(&self, stream: TcpStream) -> Result<Box<TlsStream<TcpStream>>, NoTls> {
        let mut first = [0];
        if stream.peek(&mut first).await.map_err(NoTls::Failed)? == 0 {
            return Err(NoTls::Nothing);
        }
        if first != [HANDSHAKE] {
            return Err(NoTls::Clear(stream));
        }
        let bounded = |connection: &mut rustls::ServerConnection| connection.set_buffer_limit(Some(WAITING));
        let shaken = self.0.accept_with(stream, bounded).await;
        shaken.map(Box::new).map_err(NoTls::Failed)
    }
}
