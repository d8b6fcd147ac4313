//! Where the text of a setting comes from: the command line before the environment before the configuration file
//! before the default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::limits::{self, Limits};
use super::mask::masked;
use super::settings;
use super::table::Table;
use super::{ConfigError, read_file};

/// Where a text was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line, as this flag.
    Flag(String),
    /// In this environment variable.
    Variable(String),
    /// In a configuration file.
    File {
        /// Which.
        path: PathBuf,
        /// Under this key, with the tables that it is in.
        key: String,
        /// In this line, counted from 1.
        line: usize,
    },
    /// Nowhere: it is the default of this setting.
    Default(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, key, line } => write!(f, "`{key}` in {}, line {line}", path.display()),
            Self::Default(key) => write!(f, "the default of {key}"),
        }
    }
}

/// A text and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The text.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

/// A configuration file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it held.
    pub text: String,
}

/// The texts of all settings that somebody set.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    found: BTreeMap<&'static str, Found>,
    /// What the file has beside single settings.
    tables: Option<Table>,
    file: Option<File>,
    unknown_variables: Vec<String>,
}

impl Layers {
    /// Puts the layers over each other. `flags` are by key; `variables` is the environment. A variable that is set
    /// to nothing counts as not set: that is what a compose file makes of a missing one.
    pub(crate) fn gather(
        flags: &BTreeMap<&'static str, String>,
        variables: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let mut named_file = file.map(Path::to_owned);
        let mut from_environment = BTreeMap::new();
        for (name, text) in variables.into_iter().filter(|(_, text)| !text.is_empty()) {
            let Some(key) = name.strip_prefix("TAILCAST_") else {
                continue;
            };
            match settings::find(&key.to_lowercase()) {
                Some(setting) => drop(from_environment.insert(setting.key, (name, text))),
                None if key == "CONFIG" => named_file = named_file.or_else(|| Some(text.into())),
                None if NOT_OF_SERVE.contains(&key) || key.starts_with("TEST_") => {}
                None => layers.unknown_variables.push(name),
            }
        }
        if let Some(path) = named_file {
            let text = read_file(&path)?;
            layers.read_file(&path, &text)?;
            layers.file = Some(File { path, text });
        }
        for (key, (name, text)) in from_environment {
            layers.found.insert(
                key,
                Found {
                    text,
                    origin: Origin::Variable(name),
                },
            );
        }
        for (key, text) in flags {
            let origin = Origin::Flag(key.replace('_', "-"));
            layers.found.insert(
                key,
                Found {
                    text: text.clone(),
                    origin,
                },
            );
        }
        Ok(layers)
    }

    /// Variables that look like settings and are none. Not refused: an orchestrator makes such names by itself.
    pub(crate) fn unknown_variables(&self) -> &[String] {
        &self.unknown_variables
    }

    /// The configuration file, if one is named.
    pub(crate) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// The text that somebody set.
    pub(crate) fn found(&self, key: &str) -> Option<&Found> {
        self.found.get(key)
    }

    /// A setting that has a default.
    pub(crate) fn parse<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        if let Some(found) = self.found.get(key) {
            return parsed(found, &parse);
        }
        let text = settings::find(key)
            .and_then(|setting| setting.default)
            .unwrap_or_default();
        parsed(
            &Found {
                text: text.to_owned(),
                origin: Origin::Default(key.to_owned()),
            },
            &parse,
        )
    }

    /// A setting that may be absent.
    pub(crate) fn parse_optional<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.found.get(key).map(|found| parsed(found, &parse)).transpose()
    }

    /// An address, set itself or in the file that `{key}_file` names. Who is named in it is never repeated.
    pub(crate) fn parse_address<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.found.get(format!("{key}_file").as_str()) {
            Some(_) => self.secret(key, parse),
            None => self.parse_optional(key, parse),
        }
    }

    /// A secret, set itself or in the file that `{key}_file` names. Its text is never repeated.
    pub(crate) fn secret<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let (text, origin) = match (
            self.found.get(key),
            self.found.get(format!("{key}_file").as_str()),
        ) {
            (Some(one), Some(other)) => {
                return Err(ConfigError::Conflict(format!(
                    "{} and {} are both set: keep one",
                    one.origin, other.origin
                )));
            }
            (Some(found), None) => (found.text.clone(), found.origin.clone()),
            (None, Some(found)) => (read_file(Path::new(&found.text))?, found.origin.clone()),
            (None, None) => return Ok(None),
        };
        // Files end with a line feed, and nobody means it.
        let bad = |problem| ConfigError::BadValue {
            origin,
            value: "…".to_owned(),
            problem,
        };
        parse(text.trim_end_matches(['\n', '\r'])).map(Some).map_err(bad)
    }

    /// A table of the file.
    pub(crate) fn table(&self, key: &'static str) -> Result<Option<Table>, ConfigError> {
        match self.tables.clone() {
            Some(mut tables) => tables.table(key),
            None => Ok(None),
        }
    }

    /// Where something in a table of the file stands, by its name with dots.
    pub(crate) fn origin(&self, path: &str) -> Option<Origin> {
        self.tables.as_ref()?.origin(path)
    }

    fn read_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let mut file = Table::parse(text, path)?;
        for setting in settings::all() {
            if let Some((text, origin)) = file.take_text(setting.key)? {
                self.found.insert(setting.key, Found { text, origin });
            }
        }
        self.tables = Some(file.clone());
        for table in TABLES {
            file.table(table)?;
        }
        let names = settings::all().map(|setting| setting.key.to_owned());
        let tables = TABLES.iter().map(|table| (*table).to_owned());
        file.finish_with(names.chain(tables).chain(Limits::keys()).collect())
    }
}

/// What the file has beside single settings.
const TABLES: &[&str] = &[limits::NAME];

/// Variables of the other commands.
const NOT_OF_SERVE: &[&str] = &["URL", "TOKEN", "TOKEN_FILE", "CA_FILE", "INTERNAL_URL"];

fn parsed<T>(found: &Found, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    parse(&found.text).map_err(|problem| ConfigError::BadValue {
        origin: found.origin.clone(),
        value: masked(&found.text),
        problem,
    })
}

/// A flag of every setting that may be one, by key.
pub(crate) fn flags() -> impl Iterator<Item = &'static settings::Setting> {
    settings::all().filter(|setting| setting.flag == settings::Flag::Shown)
}
