//! The parameters of a request's address, and the refusal of those that cannot be meant.

use std::str::FromStr;

use axum::extract::Query;
use http::{StatusCode, Uri};

use crate::Problem;

/// Names and values as they are meant, percent signs and plus signs decoded, in the order of the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// All of them, known or not: for addresses that others made, who add parameters of their own.
    pub fn of(uri: &Uri) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            let sentence = "the address has parameters that cannot be read: percent-encode them";
            return Err(bad_parameter("", sentence));
        };
        Ok(Self(pairs))
    }

    /// The same, where each is one of `known`, and there once: a mistyped one is not passed over.
    pub fn known(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Self(pairs) = Self::of(uri)?;
        for (i, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let sentence = format!("there is no parameter `{name}`; there are {}", known.join(", "));
                return Err(bad_parameter(name, &sentence));
            }
            if pairs[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(bad_parameter(name, &format!("`{name}` is there twice")));
            }
        }
        Ok(Self(pairs))
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a name, which may be empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(have, _)| *have == name)?;
        Some(value)
    }

    /// The first value of a name that is not empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .iter()
            .find(|(have, value)| *have == name && !value.is_empty())?;
        Some(value)
    }

    /// What a value means; `sentence` says what it has to be.
    pub fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        sentence: &str,
    ) -> Result<Option<T>, Problem> {
        let parsed = |text| parse(text).ok_or_else(|| bad_parameter(name, sentence));
        self.get(name).map(parsed).transpose()
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> Result<Option<u64>, Problem> {
        let sentence = format!("`{name}` is a whole number from 0 on");
        self.parsed(name, |text| u64::from_str(text).ok(), &sentence)
    }
}

/// The refusal that names a parameter.
pub fn bad_parameter(name: &str, sentence: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", sentence).member("parameter", name.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn uri(query: &str) -> Uri {
        format!("/v1/lines?{query}").parse().unwrap()
    }

    #[test]
    fn names_and_values_are_decoded_and_the_first_one_counts() {
        let parameters = Parameters::of(&uri(
            "stream=&stream=pay%2Fapi&%66rom=7&text=a+b%2Bc&alone&from=8",
        ))
        .unwrap();
        assert_eq!(parameters.get("stream"), Some(""));
        assert_eq!(parameters.filled("stream"), Some("pay/api"));
        assert_eq!(parameters.whole("from").unwrap(), Some(7));
        assert_eq!(parameters.get("text"), Some("a b+c"));
        assert_eq!(
            (parameters.get("alone"), parameters.filled("alone")),
            (Some(""), None)
        );
        assert_eq!(
            (parameters.get("to"), parameters.whole("to").unwrap()),
            (None, None)
        );
        assert_eq!(
            Parameters::of(&"/v1/lines".parse().unwrap()).unwrap(),
            Parameters::default()
        );
    }

    #[test]
    fn a_parameter_that_cannot_be_meant_is_named() {
        let known = &["from", "to"];
        for (query, sentence) in [
            ("form=1", "there is no parameter `form`; there are from, to"),
            ("from=1&to=2&from=1", "`from` is there twice"),
        ] {
            let refusal = Parameters::known(&uri(query), known).unwrap_err();
            assert_eq!((refusal.code(), refusal.detail()), ("bad_parameter", sentence));
        }
        let parameters = Parameters::known(&uri("from=-1&to=2"), known).unwrap();
        for text in ["from", "to"] {
            let found = parameters
                .whole(text)
                .map_err(|refusal| refusal.detail().to_owned());
            let expected = match text {
                "to" => Ok(Some(2)),
                _ => Err("`from` is a whole number from 0 on".to_owned()),
            };
            assert_eq!(found, expected);
        }
    }
}
