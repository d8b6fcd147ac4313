//! Where it is kept who wants which stream.

use super::ConfigError;
use super::layers::Layers;
use super::mask::Address;
use super::settings::{Section, Setting, setting};

/// The route table.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    /// Where routes are kept.
    pub place: RoutesChoice,
}

/// Where routes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoutesChoice {
    /// In this process.
    Memory,
    /// In Redis, at this address.
    Redis(Address),
}

impl Section for Routes {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "routes",
            "ADDRESS",
            None,
            "Where routes are kept: redis://HOST, or memory for a lone node [default: memory]",
        ),
        setting(
            "routes_file",
            "FILE",
            None,
            "A file that holds the address of the routes, when there is a password in it",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let place = layers.parse_address("routes", parse_routes)?;
        Ok(Self {
            place: place.unwrap_or(RoutesChoice::Memory),
        })
    }
}

fn parse_routes(text: &str) -> Result<RoutesChoice, String> {
    match text {
        "memory" => Ok(RoutesChoice::Memory),
        text if text.starts_with("redis") && text.contains("://") => {
            Ok(RoutesChoice::Redis(Address::new(text)))
        }
        _ => Err("routes are kept in `memory`, or in redis://HOST".to_owned()),
    }
}
