//! The configuration file as tables, lists of tables and texts, each with the line it stands in.
//!
//! Who reads a table takes out of it by name what it knows; what is left at the end is known to nobody, and refused with
//! the name that is probably meant. So the names of a section stand in one place: where they are read.

use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, de};

use super::ConfigError;
use super::layers::Origin;
use super::mask::masked;

/// A table of the file, while it is read.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    file: Arc<Path>,
    /// Its name, with dots; nothing for the file itself.
    name: String,
    entries: Vec<Entry>,
    /// What was taken or wanted, for suggestions.
    known: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    line: usize,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    /// A text, a number, a boolean or a time, as text.
    One(String),
    /// A list, of anything.
    Many(Vec<Value>),
    Table(Table),
}

impl Table {
    /// Reads a file's text.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let parsed = DeTable::parse(text).map_err(|error: de::Error| ConfigError::NotToml {
            path: file.to_owned(),
            line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
            error: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        let reading = Reading {
            text,
            file: file.into(),
        };
        Ok(reading.table(String::new(), parsed.get_ref()))
    }

    /// A value that may be absent.
    pub(crate) fn take<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, origin)) = self.take_text(key)? else {
            return Ok(None);
        };
        let bad = |problem| ConfigError::BadValue {
            origin,
            value: masked(&text),
            problem,
        };
        parse(&text).map(Some).map_err(bad)
    }

    /// A value as it stands there, and where that is. A list is a text with commas: `roles = ["push", "web"]`.
    pub(crate) fn take_text(&mut self, key: &'static str) -> Result<Option<(String, Origin)>, ConfigError> {
        let Some(entry) = self.remove(key) else {
            return Ok(None);
        };
        let origin = self.origin_of(&entry);
        match entry.value.text() {
            Some(text) => Ok(Some((text, origin))),
            None => Err(ConfigError::BadShape {
                origin,
                problem: "a text, a number or a list is wanted here, and this is a table".to_owned(),
            }),
        }
    }

    /// A table in this one, `[name.key]`, which may be absent.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Table>, ConfigError> {
        let Some(entry) = self.remove(key) else {
            return Ok(None);
        };
        let origin = self.origin_of(&entry);
        match entry.value {
            Value::Table(table) => Ok(Some(table)),
            Value::One(_) | Value::Many(_) => Err(ConfigError::BadShape {
                origin,
                problem: format!("a table is wanted here, which begins with [{}]", self.path(key)),
            }),
        }
    }

    /// A list of tables in this one, each begun with `[[name.key]]`. Without any it is empty.
    #[cfg_attr(not(test), expect(dead_code, reason = "no section is a list of tables yet"))]
    pub(crate) fn tables(&mut self, key: &'static str) -> Result<Vec<Table>, ConfigError> {
        let Some(entry) = self.remove(key) else {
            return Ok(Vec::new());
        };
        let bad = ConfigError::BadShape {
            origin: self.origin_of(&entry),
            problem: format!(
                "a list of tables is wanted here, each of which begins with [[{}]]",
                self.path(key)
            ),
        };
        let Value::Many(items) = entry.value else {
            return Err(bad);
        };
        let tables = items.into_iter().map(|item| match item {
            Value::Table(table) => Some(table),
            Value::One(_) | Value::Many(_) => None,
        });
        tables.collect::<Option<_>>().ok_or(bad)
    }

    /// Says that all that can be in here was asked for: anything else is refused.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        let known = self.known.iter().map(|key| self.path(key)).collect();
        self.finish_with(known)
    }

    /// The same, where more could be meant than what was asked for.
    pub(crate) fn finish_with(self, meant: Vec<String>) -> Result<(), ConfigError> {
        match self.entries.first() {
            None => Ok(()),
            Some(entry) => Err(ConfigError::UnknownKey {
                origin: self.origin_of(entry),
                meant: nearest(&self.path(&entry.key), &meant),
            }),
        }
    }

    /// Where a value stands that nobody took, by its name from here on, with dots.
    pub(crate) fn origin(&self, path: &str) -> Option<Origin> {
        let (key, rest) = path
            .split_once('.')
            .map_or((path, None), |(key, rest)| (key, Some(rest)));
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        match (rest, &entry.value) {
            (None, _) => Some(self.origin_of(entry)),
            (Some(rest), Value::Table(table)) => table.origin(rest),
            (Some(_), Value::One(_) | Value::Many(_)) => None,
        }
    }

    fn remove(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    fn origin_of(&self, entry: &Entry) -> Origin {
        Origin::File {
            path: self.file.to_path_buf(),
            key: self.path(&entry.key),
            line: entry.line,
        }
    }
}

impl Value {
    fn text(&self) -> Option<String> {
        match self {
            Self::One(text) => Some(text.clone()),
            Self::Many(items) => {
                let texts: Option<Vec<_>> = items.iter().map(Self::text).collect();
                Some(texts?.join(","))
            }
            Self::Table(_) => None,
        }
    }
}

/// A text while it becomes tables.
struct Reading<'a> {
    text: &'a str,
    file: Arc<Path>,
}

impl Reading<'_> {
    fn table(&self, name: String, table: &DeTable<'_>) -> Table {
        let mut read = Table {
            file: Arc::clone(&self.file),
            name,
            entries: Vec::new(),
            known: Vec::new(),
        };
        for (key, value) in table {
            let line = self.line(key.span().start);
            let value = self.value(read.path(key.get_ref()), value);
            let key = key.get_ref().to_string();
            read.entries.push(Entry { key, line, value });
        }
        // In the order of the file, so that its first mistake is told.
        read.entries.sort_by_key(|entry| entry.line);
        read
    }

    /// What is in a list has the list's name.
    fn value(&self, name: String, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::One(text.to_string()),
            DeValue::Integer(number) => {
                Value::One(match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => number.to_string(),
                    Err(_) => number.as_str().to_owned(),
                })
            }
            DeValue::Float(number) => Value::One(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Value::One(truth.to_string()),
            DeValue::Datetime(time) => Value::One(time.to_string()),
            DeValue::Array(items) => {
                Value::Many(items.iter().map(|item| self.value(name.clone(), item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(name, table)),
        }
    }

    fn line(&self, at: usize) -> usize {
        line_of(self.text, at)
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// How alike two names are, from 0 to 1, before one is taken for a slip of the other.
const ALIKE: f64 = 0.85;

/// The name that somebody meant who wrote another one: the same but for case and dashes, a part of it or with more around
/// it, in another table, or nearly the same.
fn nearest(written: &str, names: &[String]) -> Option<String> {
    let written = written.replace('-', "_").to_lowercase();
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = last(&written);
    let by = |alike: &dyn Fn(&str) -> bool| names.iter().find(|name| alike(name)).cloned();
    by(&|name| name == written)
        .or_else(|| by(&|name| last(name) == wanted))
        .or_else(|| by(&|name| last(name).contains(&wanted) || wanted.contains(&last(name))))
        .or_else(|| {
            let likeness = |name: &str| strsim::jaro_winkler(&last(name), &wanted);
            let best = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
            (likeness(best) >= ALIKE).then(|| best.clone())
        })
}

#[cfg(test)]
mod tests;
