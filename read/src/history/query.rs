//! The parameters of `GET /v1/lines` and `GET /v1/counts`, checked.

use auth::Subscriber;
use edge::{Parameters, Problem, bad_parameter};
use http::Uri;
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
        let parameters = Parameters::known(uri, OF_LINES)?;
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
        let parameters = Parameters::known(uri, OF_COUNTS)?;
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
            since: time(parameters, "since")?,
            until: time(parameters, "until")?,
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

fn time(parameters: &Parameters, name: &str) -> Result<Option<Timestamp>, Problem> {
    let sentence =
        format!("`{name}` is a time like 2026-11-21T10:00:00Z; the plus sign of an offset is written %2B");
    parameters.parsed(name, Timestamp::parse, &sentence)
}
