//! Streams that are waited for: said at once, with the names that are near, since most of them are misspelt.

use std::collections::BTreeSet;

use client::{Server, StreamName};
use lines::Target;

use crate::command::near::{TOLD, known, meant, near};
use crate::command::show::grouped;

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
    let known = known(&server).await;
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
    if let Some(meant) = meant(&near) {
        return format!("{waiting} ({meant})");
    }
    match known {
        [] => format!("{waiting} (there is no stream yet)"),
        few if few.len() <= TOLD => format!("{waiting} (there is {})", few.join(", ")),
        many => format!(
            "{waiting} (none of the {} streams there are is called like that)",
            grouped(many.len() as u64)
        ),
    }
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
                "zzz has no line yet: waiting for the first one (none of the 4 streams there are is called like that)",
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
