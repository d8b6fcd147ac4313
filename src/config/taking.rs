//! How lines are taken.

use collect::TooLong;

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, setting};

/// How lines are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taking {
    /// What becomes of lines that are too long.
    pub too_long: TooLong,
}

impl Section for Taking {
    const SETTINGS: &'static [Setting] = &[setting(
        "line_too_long",
        "HOW",
        Some("refuse"),
        "What becomes of a line that is too long: refuse, or cut, which keeps its beginning with a mark",
    )];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            too_long: layers.parse("line_too_long", too_long)?,
        })
    }
}

fn too_long(text: &str) -> Result<TooLong, String> {
    match text {
        "refuse" => Ok(TooLong::Refuse),
        "cut" => Ok(TooLong::Cut),
        _ => Err("a line that is too long is dealt with by `refuse` or `cut`".to_owned()),
    }
}
