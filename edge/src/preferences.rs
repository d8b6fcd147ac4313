//! What a client would rather have: `Accept`, `Accept-Encoding` and their kind (RFC 9110 §12.4.2, §12.5).

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName};

/// The elements of such a header, over all of its lines. Those that cannot be read are passed over.
#[derive(Debug, Clone)]
pub struct Preferences<'a>(Vec<Preference<'a>>);

#[derive(Debug, Clone, Copy)]
struct Preference<'a> {
    /// A name, or one that stands for several: `*`, `*/*`, `text/*`.
    name: &'a str,
    quality: u16,
}

/// How much a client likes something. Ordered: by weight, then what it names before what a `*` of it covers, then what it
/// names first. Whoever has another order among things of one weight compares the weights alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Liking {
    /// In thousandths. What it does not name, or names with 0, it does not take.
    pub quality: u16,
    exactness: Exactness,
    place: Reverse<usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    #[default]
    Anything,
    OfAType,
    ByName,
}

impl<'a> Preferences<'a> {
    /// What the header `name` says. Nothing, where it is absent.
    pub fn of(headers: &'a HeaderMap, name: HeaderName) -> Self {
        let lines = headers.get_all(name).into_iter();
        let elements = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(Preference::read);
        Self(elements.collect())
    }

    /// How much something is liked that goes by `names`: what the most exact element says counts, and of equals the first.
    pub fn liking(&self, names: &[&str]) -> Liking {
        let said = self.0.iter().enumerate().filter_map(|(place, preference)| {
            let exactness = names.iter().filter_map(|name| preference.covers(name)).max()?;
            Some(Liking {
                quality: preference.quality,
                exactness,
                place: Reverse(place),
            })
        });
        said.max_by_key(|liking| (liking.exactness, liking.place))
            .filter(|liking| liking.quality > 0)
            .unwrap_or_default()
    }
}

impl<'a> Preference<'a> {
    /// Of an element's parameters only the weight is heeded.
    fn read(element: &'a str) -> Option<Self> {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(Self {
            name,
            quality: weight.map_or(Some(1000), thousandths)?,
        })
    }

    fn covers(&self, name: &str) -> Option<Exactness> {
        if self.name.eq_ignore_ascii_case(name) {
            return Some(Exactness::ByName);
        }
        match self.name.strip_suffix('*')? {
            "" | "*/" => Some(Exactness::Anything),
            start => {
                let covered = start.ends_with('/')
                    && name
                        .get(..start.len())
                        .is_some_and(|it| it.eq_ignore_ascii_case(start));
                covered.then_some(Exactness::OfAType)
            }
        }
    }
}

/// `0.5` is 500.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1")
        || fraction.len() > 3
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let quality: u16 = format!("{whole}{fraction:0<3}").parse().ok()?;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    const NDJSON: &[&str] = &["application/x-ndjson", "application/jsonl"];
    const JSON: &[&str] = &["application/json"];

    fn said(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn the_most_exact_element_says_how_much_something_is_liked() {
        let cases: &[(&[&str], (u16, u16))] = &[
            (&[], (0, 0)),
            (&["application/json"], (0, 1000)),
            (&["Application/JSON; charset=utf-8;Q=0.5"], (0, 500)),
            (&["*/*;q=0.1", "application/*;q=0.2"], (200, 200)),
            (&["*;q=0.1, application/json;q=0.9"], (100, 900)),
            (&["application/jsonl;q=0.3, application/x-ndjson;q=0.4"], (300, 0)),
            (&["*/*, application/json;q=0"], (1000, 0)),
            (&["text/*, app*, application"], (0, 0)),
            // What cannot be read is passed over, and not the rest of its line.
            (&["application/json;q=2, application/json;q=0.5, ,;q=1"], (0, 500)),
            (
                &["application/json;q=0.1234", "application/json;q=", "a/b;q=+1"],
                (0, 0),
            ),
            (&["application/json;q=1.001, application/json;q=1.000"], (0, 1000)),
        ];
        for (lines, expected) in cases {
            let headers = said(lines);
            let preferences = Preferences::of(&headers, ACCEPT);
            let found = (
                preferences.liking(NDJSON).quality,
                preferences.liking(JSON).quality,
            );
            assert_eq!(found, *expected, "{lines:?}");
        }
    }

    #[test]
    fn of_what_has_the_same_weight_the_named_goes_before_the_covered_and_then_the_first() {
        for (line, json_is_liked_better) in [
            ("application/json, */*", true),
            ("*/*, application/json", true),
            ("application/json, application/x-ndjson", true),
            ("application/x-ndjson, application/json", false),
            ("application/json;q=0.5, */*", false),
            ("application/json;q=0", false),
        ] {
            let headers = said(&[line]);
            let preferences = Preferences::of(&headers, ACCEPT);
            let (json, ndjson) = (preferences.liking(JSON), preferences.liking(NDJSON));
            assert_eq!(json > ndjson, json_is_liked_better, "{line}");
        }
    }
}
