//! The parameters of `GET /v1/lines` and `GET /v1/counts`, checked.

use std::str::FromStr;

use auth::Subscriber;
use axum::extract::Query as Pairs;
use edge::Problem;
use http::{StatusCode, Uri};
use lines::{Filter, Offset, StreamName, Timestamp};

use super::Limits;
use super::counts::Width;

const OF_LINES: &[&str] = &[
    "stream", "from", "to", "since", "until", "last", "filter", "limit",
];
const OF_COUNTS: &[&str] = &["stream", "from", "to", "since", "until", "filter", "width"];

/// Which lines are asked for.
pub(super) struct Query {
    pub(super) stream: StreamName,
    pub(super) from: Option<Offset>,
    pub(super) to: Option<Offset>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) filter: Option<Filter>,
}

/// How many of them, at most.
#[derive(Clone, Copy)]
pub(super) struct Portion {
    /// Of all that are wanted, only so many at the end.
    pub(super) last: Option<u64>,
    pub(super) limit: u64,
}

impl Portion {
    pub(super) const ALL: Self = Self {
        last: None,
        limit: u64::MAX,
    };
}

impl Query {
    pub(super) fn of_lines(
        uri: &Uri,
        subscriber: &Subscriber,
        limits: &Limits,
    ) -> Result<(Self, Portion), Problem> {
        let parameters = Parameters::of(uri, OF_LINES)?;
        let query = Self::of(&parameters, subscriber, limits)?;
        let last = parameters.whole("last")?.map(|last| last.min(limits.lines));
        let limit = parameters.whole("limit")?.map(|limit| limit.min(limits.lines));
        let limit = limit.or(last).unwrap_or(limits.default_lines);
        Ok((query, Portion { last, limit }))
    }

    pub(super) fn of_counts(
        uri: &Uri,
        subscriber: &Subscriber,
        limits: &Limits,
    ) -> Result<(Self, Width), Problem> {
        let parameters = Parameters::of(uri, OF_COUNTS)?;
        let query = Self::of(&parameters, subscriber, limits)?;
        let width = parameters.get("width").map_or(Ok(Width::default()), |text| {
            Width::parse(text).ok_or_else(|| {
                let most = Width::MOST;
                bad_parameter("width", &format!("`width` is in whole seconds, from 1 to {most}"))
            })
        })?;
        Ok((query, width))
    }

    fn of(parameters: &Parameters, subscriber: &Subscriber, limits: &Limits) -> Result<Self, Problem> {
        let stream = parameters
            .get("stream")
            .ok_or_else(|| bad_parameter("stream", "`stream` is missing: say which stream"))?;
        let stream = subscriber
            .names(stream)
            .map_err(|error| bad_parameter("stream", &format!("`stream`: {error}")))?;
        let from = parameters.whole("from")?.map(Offset);
        let to = parameters.whole("to")?.map(Offset);
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            return Err(bad_parameter("to", "`to` is before `from`"));
        }
        Ok(Self {
            stream,
            from,
            to,
            since: parameters.time("since")?,
            until: parameters.time("until")?,
            filter: filter(parameters, limits)?,
        })
    }
}

fn filter(parameters: &Parameters, limits: &Limits) -> Result<Option<Filter>, Problem> {
    let Some(text) = parameters.get("filter").filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    Filter::parse_within(text, &limits.filter)
        .map(Some)
        .map_err(|error| {
            bad_parameter("filter", &format!("`filter`: {error}")).member("position", error.position.into())
        })
}

/// The parameters of an address: each is known, and there once.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Ok(Pairs(pairs)) = Pairs::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(bad_parameter(
                "",
                "the address has parameters that cannot be read",
            ));
        };
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

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(have, _)| have == name)?;
        Some(value)
    }

    pub(crate) fn whole(&self, name: &str) -> Result<Option<u64>, Problem> {
        let parse = |text| {
            u64::from_str(text)
                .map_err(|_| bad_parameter(name, &format!("`{name}` is a whole number from 0 on")))
        };
        self.get(name).map(parse).transpose()
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let parse = |text| {
            Timestamp::parse(text).ok_or_else(|| {
                let sentence = format!(
                    "`{name}` is a time like 2026-11-21T10:00:00Z; the plus sign of an offset is written %2B"
                );
                bad_parameter(name, &sentence)
            })
        };
        self.get(name).map(parse).transpose()
    }
}

/// The refusal that names a parameter.
pub(crate) fn bad_parameter(name: &str, sentence: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", sentence).member("parameter", name.into())
}
