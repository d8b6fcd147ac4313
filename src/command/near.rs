//! Which streams somebody may have meant who named one that is not there: most of those are misspelt.

use std::time::Duration;

use client::Server;

/// How long it may take to learn which streams there are.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// Names that are no more alike than this are not meant.
const NEAR: f64 = 0.75;
/// So many names are told.
pub(super) const TOLD: usize = 3;

/// All streams that there are for who asks; none where the installation does not say.
pub(super) async fn known(server: &Server) -> Vec<String> {
    match tokio::time::timeout(ASKED_FOR, server.streams(None)).await {
        Ok(Ok(streams)) => streams
            .into_iter()
            .map(|stream| stream.name.to_string())
            .collect(),
        _ => Vec::new(),
    }
}

/// `is my/app or my/api meant?`
pub(super) fn meant(near: &[&str]) -> Option<String> {
    (!near.is_empty()).then(|| format!("is {} meant?", near.join(" or ")))
}

/// The names that are most alike, the nearest first.
pub(super) fn near<'a>(awaited: &str, known: &'a [String]) -> Vec<&'a str> {
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
