//! How many streams may be made.

use super::layers::Layers;
use super::settings::{Section, Setting, setting};
use super::{ConfigError, units};

/// New streams of one subscriber, at each collector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    /// At once.
    pub new: usize,
    /// How many more each minute.
    pub new_per_minute: usize,
}

impl Section for Streams {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "new_streams",
            "COUNT",
            Some("5000"),
            "Streams that one subscriber may make at once, at each collector",
        )
        .live(),
        setting(
            "new_streams_per_minute",
            "COUNT",
            Some("1000"),
            "How many more each minute",
        )
        .live(),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            new: layers.parse("new_streams", units::count)?,
            new_per_minute: layers.parse("new_streams_per_minute", units::count)?,
        })
    }
}
