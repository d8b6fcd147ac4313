//! What makes nodes a cluster.

use auth::ClusterSecret;

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, secret};

/// What the nodes of a cluster share.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// What they prove themselves to each other with; a lone node has none.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secret = self.secret.as_ref().map(|_| "…");
        f.debug_struct("Cluster").field("secret", &secret).finish()
    }
}

impl Section for Cluster {
    const SETTINGS: &'static [Setting] = &[
        secret(
            "cluster_secret",
            "SECRET",
            "What the nodes of a cluster prove themselves with: 32 or more bytes, the same on each",
        ),
        secret(
            "cluster_secret_file",
            "FILE",
            "A file that holds the cluster's secret",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let secret = layers.secret("cluster_secret", |text| {
            let secret = ClusterSecret::from_text(text).map(|_| text.to_owned());
            secret.map_err(|error| error.to_string())
        })?;
        Ok(Self { secret })
    }
}
