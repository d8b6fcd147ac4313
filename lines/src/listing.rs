//! Which streams there are, as one answer of the store that many readers share.

use std::ops::Deref;

use crate::{Pattern, StreamInfo};

/// Streams in the order of their names, each once.
#[derive(Debug, Default, PartialEq)]
pub struct Listing(Vec<StreamInfo>);

impl Listing {
    /// Of these, in any order.
    pub fn new(mut streams: Vec<StreamInfo>) -> Self {
        streams.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self(streams)
    }

    /// The only ones that this pattern can match. For a pattern that is one name, for the most part, these are few.
    pub fn candidates(&self, pattern: &Pattern) -> &[StreamInfo] {
        let beginning = beginning_of(pattern.as_str());
        let at = self.0.partition_point(|info| info.name.as_str() < beginning);
        let begins = |info: &StreamInfo| info.name.as_str().starts_with(beginning);
        let count = self.0[at..].partition_point(begins);
        &self.0[at..at + count]
    }
}

impl Deref for Listing {
    type Target = [StreamInfo];

    fn deref(&self) -> &[StreamInfo] {
        &self.0
    }
}

/// How every name begins that a pattern can match.
fn beginning_of(pattern: &str) -> &str {
    match pattern.find('*') {
        // `a/**` covers `a`, too.
        Some(at) => pattern[..at].trim_end_matches('/'),
        None => pattern,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Extent, StreamName};

    #[test]
    fn candidates_are_few_and_all_that_match_are_among_them() {
        let names = ["b/x", "a", "a/b/c", "a/b", "@me", "ab", "a-c"];
        let info = |name: &&str| StreamInfo {
            name: StreamName::parse(name).unwrap(),
            extent: Extent::default(),
            last_arrival: None,
            lines_per_second: 0.0,
        };
        let listing = Listing::new(names.iter().map(info).collect());
        let all = |streams: &[StreamInfo]| {
            streams
                .iter()
                .map(|info| info.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(all(&listing), ["@me", "a", "a-c", "a/b", "a/b/c", "ab", "b/x"]);
        for (text, candidates) in [
            ("a/b", 2),
            ("a/**", 5),
            ("a/*", 5),
            ("**", 7),
            ("b/*/x", 1),
            ("c", 0),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            let found = listing.candidates(&pattern);
            assert_eq!(found.len(), candidates, "{text}");
            let matching = |streams: &[StreamInfo]| {
                let matches = streams.iter().filter(|info| pattern.matches(&info.name));
                matches.map(|info| info.name.to_string()).collect::<Vec<_>>()
            };
            assert_eq!(matching(found), matching(&listing), "{text}");
        }
    }
}
