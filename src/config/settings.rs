//! What a setting is, and what a section of them is. docs/configuration.md says the same as the sections' rows, and a test
//! holds them together.

use super::layers::Layers;
use super::{ConfigError, SECTIONS};

/// Settings of one concern: their rows, and what they mean.
pub(crate) trait Section: Sized {
    /// The rows, in the order of the help.
    const SETTINGS: &'static [Setting];

    /// Reads them.
    fn read(layers: &Layers) -> Result<Self, ConfigError>;
}

/// One setting of `tailcast serve`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its key in the configuration file. The variable is `TAILCAST_` and the key in capitals.
    pub key: &'static str,
    /// Where it can be set besides the variable and the file.
    pub flag: Flag,
    /// Whether another value in the file is heeded while the node runs.
    pub changes: Changes,
    /// What it is when nobody sets it; `None` where that is a matter of other settings.
    pub default: Option<&'static str>,
    /// What its value is called in the help.
    pub value: &'static str,
    /// What it does, for people.
    pub help: &'static str,
}

/// Whether a setting is a flag of the command line, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    /// It is.
    Shown,
    /// It is not: a command line can be read by everybody on the machine.
    Secret,
}

/// When a setting is heeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// When the node starts.
    AtStart,
    /// Whenever the file changes, too.
    WhileRunning,
}

impl Setting {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("TAILCAST_{}", self.key.to_uppercase())
    }

    /// The flag's name, without dashes before it.
    pub(crate) fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The same, heeded while the node runs.
    pub(super) const fn live(self) -> Self {
        Self {
            changes: Changes::WhileRunning,
            ..self
        }
    }
}

/// Every setting, in the order of the help.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().copied().flatten()
}

/// Looks a setting up.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

/// A setting that is a flag.
pub(super) const fn setting(
    key: &'static str,
    value: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        flag: Flag::Shown,
        changes: Changes::AtStart,
        default,
        value,
        help,
    }
}

/// A setting that is none.
pub(super) const fn secret(key: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting {
        flag: Flag::Secret,
        ..setting(key, value, None, help)
    }
}
