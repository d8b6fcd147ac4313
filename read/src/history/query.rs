//! The parameters of `GET /v1/lines` and `GET /v1/counts`, checked.

use std::ops::Range;

use auth::Subscriber;
use edge::{Parameters, Problem, bad_parameter};
use http::Uri;
use lines::{Filter, Offset, Timestamp};

use super::counts::Width;
use crate::Limits;
use crate::scan::Question;

const OF_LINES: &[&str] = &[
    "stream", "from", "to", "since", "until", "last", "filter", "limit",
];
const OF_COUNTS: &[&str] = &["stream", "from", "to", "since", "until", "filter", "width"];

/// How many of them, at most.
#[derive(Clone, Copy)]
pub(super) struct Portion {
    /// Of all that are wanted, only so many at the end.
    pub(super) last: Option<u64>,
    pub(super) limit: u64,
}

impl Portion {
    /// What it is of a range of which everything is wanted.
    pub(super) fn of(self, range: &Range<Offset>) -> Range<Offset> {
        let first = |last| Offset(range.end.0.saturating_sub(last));
        let start = self.last.map_or(range.start, |last| range.start.max(first(last)));
        start..range.end.min(start.plus(self.limit))
    }
}

/// What is asked of `GET /v1/lines`, and how much of it.
pub(super) fn of_lines(
    uri: &Uri,
    subscriber: &Subscriber,
    limits: &Limits,
) -> Result<(Question, Portion), Problem> {
    let parameters = Parameters::known(uri, OF_LINES)?;
    let asked = question(&parameters, subscriber, limits)?;
    let last = parameters.whole("last")?.map(|last| last.min(limits.lines));
    let limit = parameters.whole("limit")?.map(|limit| limit.min(limits.lines));
    let limit = limit.or(last).unwrap_or(limits.default_lines);
    Ok((asked, Portion { last, limit }))
}

/// What is asked of `GET /v1/counts`, and how wide the buckets are.
pub(super) fn of_counts(
    uri: &Uri,
    subscriber: &Subscriber,
    limits: &Limits,
) -> Result<(Question, Width), Problem> {
    let parameters = Parameters::known(uri, OF_COUNTS)?;
    let asked = question(&parameters, subscriber, limits)?;
    let width = parameters.get("width").map_or(Ok(Width::default()), |text| {
        Width::parse(text).ok_or_else(|| {
            let most = Width::MOST;
            bad_parameter("width", &format!("`width` is in whole seconds, from 1 to {most}"))
        })
    })?;
    Ok((asked, width))
}

fn question(parameters: &Parameters, subscriber: &Subscriber, limits: &Limits) -> Result<Question, Problem> {
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
    Ok(Question {
        stream,
        from,
        to,
        since: time(parameters, "since")?,
        until: time(parameters, "until")?,
        filter: filter(parameters, limits)?,
    })
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
    let sentence = format!("`{name}` is a time like 2026-11-21T10:00:00Z, or Unix time like 1795255200");
    parameters.parsed(name, Timestamp::asked, &sentence)
}
