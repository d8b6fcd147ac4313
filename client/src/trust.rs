//! Who vouches for an installation over https, where the machine's own list of authorities is not to decide.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Authorities by whose certificates an installation is known, and by no others. Cheap to clone.
#[derive(Clone)]
pub struct Authorities {
    tls: Arc<ClientConfig>,
}

/// Why nobody is known by what was given.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// No certificate stands in it.
    #[error("there is no certificate in it: it is to be PEM, with -----BEGIN CERTIFICATE-----")]
    None,
    /// One that stands in it cannot be used.
    #[error("a certificate in it cannot be used: {0}")]
    Broken(String),
    /// No connection can be made by it.
    #[error("https cannot be used: {0}")]
    Tls(rustls::Error),
}

impl Authorities {
    /// Reads their certificates as PEM, one after the other.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthorityError> {
        let mut known = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| AuthorityError::Broken(error.to_string()))?;
            let added = known.add(certificate);
            added.map_err(|error| AuthorityError::Broken(error.to_string()))?;
        }
        if known.is_empty() {
            return Err(AuthorityError::None);
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(AuthorityError::Tls)?
            .with_root_certificates(known)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls) })
    }

    /// What connections are made with.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_says_what_it_is_to_hold() {
        for (pem, why) in [
            ("", "there is no certificate in it"),
            ("hello", "there is no certificate in it"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "a certificate in it cannot be used",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n",
                "a certificate in it cannot be used",
            ),
        ] {
            let refused = Authorities::from_pem(pem.as_bytes()).unwrap_err().to_string();
            assert!(refused.starts_with(why), "{refused}");
        }
    }
}
