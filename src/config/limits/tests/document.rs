//! docs/configuration.md lists every limit with its default, its bounds and what its field says of itself.

use std::fmt::Write;

use super::sources::{Source, source_of, sources};
use super::*;
use crate::config::live;

const BEGIN: &str = "<!-- limits: written by the tests from what the code says of itself -->\n";
const END: &str = "<!-- end of limits -->\n";

/// Defaults that are others on other machines.
const BY_MACHINE: &[(&str, &str)] = &[
    ("filters.threads", "half of the processors"),
    ("fan_out.threads", "the number of processors"),
];

const HEEDED: &str = " Heeded while the node runs.";

/// Writes tables of limits.
struct Writer<'a> {
    sources: &'a [Source],
    /// The struct that is being listed.
    source: &'a Source,
    /// The tables it stands in.
    path: Vec<&'static str>,
    /// What the tables say of which the struct is a part.
    about: String,
    text: String,
}

impl Visit for Writer<'_> {
    fn limit(
        &mut self,
        name: &'static str,
        bounds: Bounds,
        value: &mut dyn Number,
    ) -> Result<(), ConfigError> {
        let full = format!("{}.{name}", self.path.join("."));
        let default = match BY_MACHINE.iter().find(|(key, _)| *key == full) {
            Some((_, words)) => (*words).to_owned(),
            None => format!("`{}`", bounds.shown(value.get())),
        };
        let key = full.split_once('.').unwrap().1;
        let says = format!("{}{}", self.about, plain(self.source.says(name)));
        writeln!(self.text, "| `{key}` | {default} | {} | {says} |", bounds.range()).unwrap();
        Ok(())
    }

    fn group(&mut self, name: &'static str, group: &mut dyn Limited) -> Result<(), ConfigError> {
        let (outer, outer_about) = (self.source, self.about.clone());
        if self.path.is_empty() {
            let says = plain(outer.says(name));
            let when = if live::is_live(name) { HEEDED } else { "" };
            writeln!(self.text, "### `[limits.{name}]`\n\n{says}{when}\n").unwrap();
            self.text += "| key | default | from, to | |\n|---|---|---|---|\n";
        } else {
            let says = plain(outer.says(name));
            let sentence = says.split(['.', ':']).next().unwrap();
            self.about = format!("{sentence}. ");
        }
        self.path.push(name);
        self.source = source_of(self.sources, group.fields());
        group.each(self)?;
        self.source = outer;
        self.about = outer_about;
        self.path.pop();
        if self.path.is_empty() {
            self.text += "\n";
        }
        Ok(())
    }
}

/// Without links into the code.
fn plain(says: &str) -> String {
    let (says, _) = says.split_once(" See [`").unwrap_or((says, ""));
    says.replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

#[test]
fn the_document_lists_every_limit_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    let all = sources();
    let mut limits = Limits::default();
    let mut writer = Writer {
        sources: &all,
        source: source_of(&all, limits.fields()),
        path: Vec::new(),
        about: String::new(),
        text: "\n".to_owned(),
    };
    limits.each(&mut writer).unwrap();
    if std::env::var_os("TAILCAST_TEST_WRITE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", writer.text)).unwrap();
        return;
    }
    for (line, should) in listed.lines().zip(writer.text.lines()) {
        assert_eq!(
            line, should,
            "TAILCAST_TEST_WRITE=1 cargo test -p tailcast lists_every_limit writes it anew"
        );
    }
    assert_eq!(listed, writer.text);
}
