//! The structs of limits as the crates' sources have them: that none is forgotten, and what their fields say of themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Structs that are called like limits, and cannot be set here.
const NOT_SETTINGS: &[(&str, &str)] = &[
    (
        "WelcomeLimits",
        "a part of a message, which says what some limits are",
    ),
    ("SendLimits", "of the client, which reads no configuration file"),
    ("TailLimits", "of the client, which reads no configuration file"),
    (
        "ConnectionLimits",
        "flags and variables, too: `connections`, `connections_per_address`, `proxies`",
    ),
];

/// A struct in the sources.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    file: PathBuf,
    /// Each field's name, and what it says of itself.
    pub(super) fields: Vec<(String, String)>,
}

impl Source {
    fn has(&self, names: &[&str]) -> bool {
        let fields: BTreeSet<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        fields == names.iter().copied().collect()
    }

    /// What a field says of itself.
    pub(super) fn says(&self, field: &str) -> &str {
        let found = self.fields.iter().find(|(name, _)| name == field);
        found.map_or("", |(_, says)| says)
    }
}

/// The one struct that has these fields.
pub(super) fn source_of<'a>(all: &'a [Source], fields: &[&str]) -> &'a Source {
    let found: Vec<_> = all.iter().filter(|source| source.has(fields)).collect();
    assert_eq!(found.len(), 1, "one struct has the fields {fields:?}: {found:?}");
    found[0]
}

/// All structs of the sources that are called like limits.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    for folder in entries(root) {
        // What is fuzzed has targets and no sources.
        if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
            folders.push(folder.join("src"));
        }
    }
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                structs(&text, &path, &mut found);
            }
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn structs(text: &str, file: &Path, found: &mut Vec<Source>) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ")
            .strip_prefix("struct ")
            .and_then(|rest| rest.strip_suffix(" {"))
        else {
            continue;
        };
        if !["Limits", "Options"].iter().any(|word| name.ends_with(word)) {
            continue;
        }
        let mut fields = Vec::new();
        let mut says: Vec<&str> = Vec::new();
        for line in lines.by_ref().map(str::trim).take_while(|line| *line != "}") {
            match (line.strip_prefix("///"), line.strip_prefix("pub ")) {
                (Some(words), _) => says.push(words.trim()),
                (None, Some(field)) => {
                    let field = field.split(':').next().unwrap();
                    fields.push((field.to_owned(), says.join(" ")));
                    says.clear();
                }
                (None, None) => {}
            }
        }
        let (name, file) = (name.to_owned(), file.to_owned());
        found.push(Source { name, file, fields });
    }
}

/// Notes the fields of every struct.
#[derive(Default)]
struct Reached(Vec<&'static [&'static str]>);

impl Visit for Reached {
    fn limit(&mut self, _: &'static str, _: Bounds, _: &mut dyn Number) -> Result<(), ConfigError> {
        Ok(())
    }

    fn group(&mut self, _: &'static str, group: &mut dyn Limited) -> Result<(), ConfigError> {
        self.0.push(group.fields());
        group.each(self)
    }
}

#[test]
fn no_struct_of_limits_is_forgotten() {
    let mut limits = Limits::default();
    let mut reached = Reached(vec![limits.fields()]);
    limits.each(&mut reached).unwrap();
    let all = sources();
    let reached: BTreeSet<_> = reached
        .0
        .iter()
        .map(|fields| &source_of(&all, fields).file)
        .zip(reached.0.iter().map(|fields| &source_of(&all, fields).name))
        .collect();
    for source in &all {
        let settable = reached.contains(&(&source.file, &source.name));
        let excepted = NOT_SETTINGS.iter().any(|(name, _)| *name == source.name);
        assert!(
            settable || excepted,
            "nobody can set the limits of {} ({}): give it rows in src/config/limits/rows, or say in this test why not",
            source.name,
            source.file.display()
        );
    }
}
