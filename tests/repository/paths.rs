//! The guides name files; these are there.

use crate::document::{quoted, read, root};

const GUIDES: &[&str] = &[
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/style.md",
];

/// A folder of the repository, or a file of a kind that it has.
fn is_path(text: &str) -> bool {
    let is_file = [".rs", ".md", ".json", ".toml", ".ts", ".yml"]
        .iter()
        .any(|end| text.ends_with(end));
    let is_folder = text.contains('/') && !text.starts_with('/');
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    is_plain && (is_file || is_folder)
}

#[test]
fn every_file_that_a_guide_names_exists() {
    for guide in GUIDES {
        let text = read(guide);
        // Within fences the backticks are others.
        let prose: String = text.split("\n```").step_by(2).collect();
        for path in quoted(&prose).filter(|it| is_path(it)) {
            assert!(root().join(path).exists(), "{guide} speaks of {path}");
        }
    }
}

#[test]
fn every_link_of_a_guide_leads_somewhere() {
    for guide in GUIDES {
        let text = read(guide);
        let folder = root()
            .join(guide)
            .parent()
            .map(std::path::Path::to_owned)
            .unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|it| !it.starts_with("http")) {
            let path = target.split('#').next().unwrap();
            assert!(folder.join(path).exists(), "{guide} links to {target}");
        }
    }
}
