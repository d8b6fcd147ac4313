//! What is kept, and for how long.

use lines::retention::Retention;
use store::trim::Keeping;

use super::layers::Layers;
use super::settings::{Section, Setting, setting};
use super::{ConfigError, units};

impl Section for Keeping {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "retain_age",
            "DURATION",
            Some("30d"),
            "Lines that arrived longer ago are removed: 30s, 10m, 1h30m, 30d, or none for never",
        )
        .live(),
        setting(
            "retain_bytes",
            "SIZE",
            Some("10GiB"),
            "When the whole store is larger, the oldest lines are removed: 500MB, 10GiB, bytes, or none for never",
        )
        .live(),
        setting(
            "trim_every",
            "DURATION",
            Some("60s"),
            "How often lines that are not retained are removed: a day at most",
        )
        .live(),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            retention: Retention {
                age: layers.parse("retain_age", units::or_none(units::duration))?,
                bytes: layers.parse("retain_bytes", units::or_none(units::bytes))?,
            },
            every: layers.parse("trim_every", units::at_most_a_day)?,
        })
    }
}
