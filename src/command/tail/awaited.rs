//! Streams that are waited for: said at once, with the names that are near, since most of them are misspelt.

use std::collections::BTreeSet;
use std::time::Duration;

use client::{Server, StreamName};
use lines::Target;

use crate::command::show::grouped;

/// How long it may take to learn which streams there are.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// Names that are no more alike than this are not meant.
const NEAR: f64 = 0.75;
/// So many names are told.
const TOLD: usize = 3;

/// What is asked for of which there is nothing yet, of all that has lines.
pub(super) fn awaited(asked: &[String], there: &BTreeSet<StreamName>) -> Vec<String> {
    let is_there = |asked: &str| match Target::parse(asked) {
        // Its name only the server knows.
        _ if asked == "@me" => true,
        Ok(Target::Stream(name)) => there.contains(&name),
        Ok(Target::Pattern(pattern)) => there.iter().any(|name| pattern.matches(name)),
        Err(_) => true,
    };
    asked.iter().filter(|asked| !is_there(asked)).cloned().collect()
}

/// Says what is waited for. Nothing but that where the installation does not say which streams there are.
pub(super) async fn tell(server: Server, awaited: Vec<String>) {
    let listing = tokio::time::timeout(ASKED_FOR, server.streams(None)).await;
    let known: Vec<String> = match listing {
        Ok(Ok(streams)) => streams
            .into_iter()
            .map(|stream| stream.name.to_string())
            .collect(),
        _ => Vec::new(),
    };
    for awaited in awaited {
        eprintln!("tailcast: {}", sentence(&awaited, &known));
    }
}

fn sentence(awaited: &str, known: &[String]) -> String {
    let waiting = if awaited.contains('*') {
        format!("no stream that you may read matches {awaited} yet: waiting for the first one")
    } else {
        format!("{awaited} has no line yet: waiting for the first one")
    };
    let near = near(awaited, known);
    if !near.is_empty() {
        return format!("{waiting} (is {} meant?)", near.join(" or "));
    }
    match known {
        [] => format!("{waiting} (there is no stream yet)"),
        few if few.len() <= TOLD => format!("{waiting} (there is {})", few.join(", ")),
        many => format!(
            "{waiting} (of the {} streams there are none is called like that)",
            grouped(many.len() as u64)
        ),
    }
}

/// The names that are most alike, the nearest first.
fn near<'a>(awaited: &str, known: &'a [String]) -> Vec<&'a str> {
    let wanted = awaited.to_lowercase();
    let likeness = |name: &String| {
        let name = name.to_lowercase();
        let as_pattern = wanted.trim_end_matches(['*', '/']);
        let begins: String = name.chars().take(as_pattern.chars().count()).collect();
        let is_within = |short: &str, long: &str| {
            let fits = |rest: &str| rest.is_empty() || rest.starts_with('/');
            !short.is_empty()
                && (long.strip_prefix(short).is_some_and(fits) || long.ends_with(&format!("/{short}")))
        };
        let alike = if wanted.contains('*') {
            strsim::normalized_damerau_levenshtein(as_pattern, &begins)
        } else {
            strsim::normalized_damerau_levenshtein(&wanted, &name)
        };
        if is_within(as_pattern, &name) {
            alike.max(0.9)
        } else {
            alike
        }
    };
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|name| (likeness(name), name.as_str()))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    near.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    near.into_iter().take(TOLD).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn what_is_not_there_is_awaited() {
        let there = ["my/app", "web"]
            .map(|name| StreamName::parse(name).unwrap())
            .into();
        let asked = names(&["my/app", "my/apq", "my/*", "mi/*", "@me", "**"]);
        assert_eq!(awaited(&asked, &there), names(&["my/apq", "mi/*"]));
    }

    #[test]
    fn names_that_are_near_are_told() {
        let known = names(&["my/app", "my/api", "payments/api", "web/access"]);
        let table = [
            (
                "my/apq",
                "my/apq has no line yet: waiting for the first one (is my/api or my/app meant?)",
            ),
            (
                "payment/api",
                "payment/api has no line yet: waiting for the first one (is payments/api meant?)",
            ),
            (
                "MY/APP",
                "MY/APP has no line yet: waiting for the first one (is my/app or my/api meant?)",
            ),
            (
                "access",
                "access has no line yet: waiting for the first one (is web/access meant?)",
            ),
            (
                "payment/*",
                "no stream that you may read matches payment/* yet: waiting for the first one (is payments/api meant?)",
            ),
            (
                "zzz",
                "zzz has no line yet: waiting for the first one (of the 4 streams there are none is called like that)",
            ),
        ];
        for (awaited, expected) in table {
            assert_eq!(sentence(awaited, &known), expected);
        }
        assert_eq!(
            sentence("a", &[]),
            "a has no line yet: waiting for the first one (there is no stream yet)"
        );
        assert_eq!(
            sentence("zzz", &known[..1]),
            "zzz has no line yet: waiting for the first one (there is my/app)"
        );
    }
}
