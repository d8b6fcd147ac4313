//! Where the node is reached, and by how many.

use std::net::SocketAddr;
use std::path::PathBuf;

use edge::{Origin, ToldBy, TrustedProxies};
use ipnet::IpNet;

use super::layers::Layers;
use super::settings::{Section, Setting, setting};
use super::{ConfigError, units};
use crate::certificates::Files;

/// The two listeners.
#[derive(Debug, Clone)]
pub(crate) struct Listeners {
    /// The public one.
    pub public: SocketAddr,
    /// The internal one.
    pub internal: SocketAddr,
    /// What the public one shows, where it speaks TLS.
    pub tls: Option<Files>,
    /// `host:port` at which other nodes reach the internal one; its own address when absent.
    pub advertise: Option<String>,
    /// Connections of the public one at once; when absent, as many as the limit on open files leaves.
    pub connections: Option<usize>,
    /// Those of one address; when absent, half of them.
    pub connections_per_address: Option<usize>,
    /// Addresses whose connections do not count as one's.
    pub proxies: Vec<IpNet>,
    /// Proxies that are believed for whom they ask, and how they tell it.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may ask, beside the own ones; without any, all may that show a token.
    pub origins: Vec<Origin>,
    /// By which names it is called, beside those of `origins`.
    pub hosts: Vec<String>,
}

impl Section for Listeners {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "listen",
            "HOST:PORT",
            Some("127.0.0.1:7440"),
            "The public listener: HTTP, WebSockets and the viewer",
        ),
        setting(
            "internal",
            "HOST:PORT",
            Some("127.0.0.1:7441"),
            "The internal listener: links between nodes, metrics, admin. Keep it off the internet",
        ),
        setting(
            "tls_certificate",
            "FILE",
            None,
            "The public listener speaks TLS with this certificate (PEM, the whole chain); heeded when the file changes",
        ),
        setting("tls_key", "FILE", None, "The key that belongs to it (PEM)"),
        setting(
            "advertise",
            "HOST:PORT",
            None,
            "How other nodes reach the internal listener [default: its own address]",
        ),
        setting(
            "connections",
            "COUNT",
            None,
            "Connections of the public listener at once [default: what the limit on open files leaves]",
        ),
        setting(
            "connections_per_address",
            "COUNT",
            None,
            "Those of one address, or of one IPv6 /64 [default: half of all]",
        ),
        setting(
            "proxies",
            "NETWORKS",
            Some(""),
            "Addresses and networks behind which others stand, separated by commas: they are not counted as one",
        ),
        setting(
            "trusted_proxies",
            "NETWORKS",
            Some(""),
            "Proxies that are believed for whom they ask, likewise, and are in `proxies` by that",
        ),
        setting(
            "forwarded_by",
            "WAY",
            Some("x-forwarded-for"),
            "How they tell it: x-forwarded-for, forwarded, or proxy-protocol (version 2)",
        ),
        setting(
            "origins",
            "ORIGINS",
            Some(""),
            "Pages that may ask here, separated by commas, like https://logs.example.org [default: all that show a token]",
        ),
        setting(
            "hosts",
            "NAMES",
            Some(""),
            "Names that it is called by, separated by commas; a request for another name is refused [default: any name; for pages of a \
             lone node on loopback, localhost]",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            public: layers.parse("listen", units::address)?,
            internal: layers.parse("internal", units::address)?,
            tls: tls(layers)?,
            advertise: layers.parse_optional("advertise", units::host_and_port)?,
            connections: layers.parse_optional("connections", units::count)?,
            connections_per_address: layers.parse_optional("connections_per_address", units::count)?,
            proxies: layers.parse("proxies", units::networks)?,
            trusted_proxies: TrustedProxies {
                networks: layers.parse("trusted_proxies", units::networks)?.into(),
                told_by: layers.parse("forwarded_by", told_by)?,
            },
            origins: layers.parse("origins", units::origins)?,
            hosts: layers.parse("hosts", units::hosts)?,
        })
    }
}

fn told_by(text: &str) -> Result<ToldBy, String> {
    match text {
        "x-forwarded-for" => Ok(ToldBy::XForwardedFor),
        "forwarded" => Ok(ToldBy::Forwarded),
        "proxy-protocol" => Ok(ToldBy::ProxyProtocol),
        _ => Err("it is x-forwarded-for, forwarded or proxy-protocol".to_owned()),
    }
}

/// Both of the files, or none of them.
fn tls(layers: &Layers) -> Result<Option<Files>, ConfigError> {
    let path = |key| layers.parse_optional(key, |text| Ok(PathBuf::from(text)));
    match (path("tls_certificate")?, path("tls_key")?) {
        (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(ConfigError::Conflict(
            "TLS takes a certificate and its key: set both of tls_certificate and tls_key, or none of them"
                .to_owned(),
        )),
    }
}
