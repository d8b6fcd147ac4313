//! Where lines are kept, and how.

use ::store::Compression;

use super::ConfigError;
use super::layers::Layers;
use super::mask::Address;
use super::settings::{Section, Setting, setting};

/// The store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// Where lines are kept.
    pub place: StoreChoice,
    /// How batches are written down.
    pub compression: Compression,
}

/// Where lines are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// In a SQLite file in the data folder.
    Sqlite,
    /// In MongoDB, at this address.
    Mongo(Address),
}

impl Section for Store {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "store",
            "ADDRESS",
            None,
            "Where lines are kept: mongodb://HOST/NAME, or sqlite in the data folder [default: sqlite]",
        ),
        setting(
            "store_file",
            "FILE",
            None,
            "A file that holds the store's address, when there is a password in it",
        ),
        setting(
            "store_compression",
            "HOW",
            Some("zstd"),
            "How batches are kept: zstd or none",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let place = layers.parse_address("store", parse_store)?;
        Ok(Self {
            place: place.unwrap_or(StoreChoice::Sqlite),
            compression: layers.parse("store_compression", parse_compression)?,
        })
    }
}

fn parse_store(text: &str) -> Result<StoreChoice, String> {
    match text {
        "sqlite" => Ok(StoreChoice::Sqlite),
        text if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") => {
            Ok(StoreChoice::Mongo(Address::new(text)))
        }
        _ => Err("the store is `sqlite` (in the data folder), or mongodb://HOST/NAME".to_owned()),
    }
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    match text {
        "zstd" => Ok(Compression::Zstd),
        "none" => Ok(Compression::None),
        _ => Err("batches are kept as `zstd` or `none`".to_owned()),
    }
}
