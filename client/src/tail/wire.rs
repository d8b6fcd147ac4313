//! The messages of `tailcast.v1`, as far as a client that follows needs them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lines::filter::Reading;
use lines::{Epoch, Offset, StreamName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Received, Run, Start};

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    Subscribe {
        id: String,
        streams: Vec<String>,
        from: Begin,
        #[serde(skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    Refresh {
        token: String,
    },
}

/// `from` of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begin {
    Live,
    Last(u64),
    Since(String),
    #[serde(untagged)]
    Cursors {
        cursors: BTreeMap<StreamName, Offset>,
        epoch: Epoch,
    },
}

/// What is received.
#[derive(Debug)]
pub(crate) enum Message {
    Welcome(Welcome),
    Subscribed(Subscribed),
    Lines(Run),
    Live(Live),
    Gap(Gap),
    Dropped(Dropped),
    Expiring,
    Error(ErrorMessage),
    Closing(Closing),
    /// Answers and types that mean nothing here, also those that were added later.
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) epoch: Epoch,
    pub(crate) heartbeat_ms: u64,
    #[serde(default)]
    pub(crate) limits: WelcomeLimits,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct WelcomeLimits {
    pub(crate) message_bytes: usize,
}

impl Default for WelcomeLimits {
    fn default() -> Self {
        Self {
            message_bytes: 16 * 1024,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Subscribed {
    pub(crate) id: String,
    pub(crate) epoch: Epoch,
    pub(crate) streams: BTreeMap<StreamName, Start>,
    /// How the filter was read; servers before this one say nothing.
    #[serde(default)]
    pub(crate) filter: Option<Reading>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Live {
    pub(crate) stream: StreamName,
    pub(crate) next: Offset,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Gap {
    pub(crate) stream: StreamName,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dropped {
    pub(crate) streams: Vec<StreamName>,
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorMessage {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) stream: Option<String>,
    #[serde(default)]
    pub(crate) retry_after_ms: Option<u64>,
    #[serde(default)]
    pub(crate) epoch: Option<Epoch>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) retry_after_ms: Option<u64>,
}

impl Message {
    /// Reads a message. The error says what is wrong with it.
    pub(crate) fn parse(text: &str, filtered: bool) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Tag<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
            serde_json::from_str(text).map_err(|error| error.to_string())
        }
        let tag: Tag = read(text)?;
        Ok(match &*tag.kind {
            "lines" => Self::Lines(parse_lines(read(text)?, filtered)?),
            "welcome" => Self::Welcome(read(text)?),
            "subscribed" => Self::Subscribed(read(text)?),
            "live" => Self::Live(read(text)?),
            "gap" => Self::Gap(parse_gap(read(text)?)?),
            "dropped" => Self::Dropped(read(text)?),
            "expiring" => Self::Expiring,
            "error" => Self::Error(read(text)?),
            "closing" => Self::Closing(read(text)?),
            _ => Self::Other,
        })
    }
}

fn parse_gap(gap: Gap) -> Result<Gap, String> {
    let Gap { stream, from, to, .. } = &gap;
    if from <= to {
        Ok(gap)
    } else {
        Err(format!("{stream}: a gap from {from} to {to}"))
    }
}

#[derive(Deserialize)]
struct RawLines<'a> {
    stream: StreamName,
    first: Offset,
    next: Offset,
    #[serde(borrow)]
    lines: Vec<&'a RawValue>,
}

fn parse_lines(raw: RawLines<'_>, filtered: bool) -> Result<Run, String> {
    let RawLines {
        stream,
        first,
        next,
        lines,
    } = raw;
    let mut due = first;
    let mut parsed = Vec::with_capacity(lines.len());
    for line in lines {
        let line = if filtered {
            split_offset(line.get()).ok_or_else(|| format!("{stream}: a line without its offset"))?
        } else {
            Received {
                offset: due,
                undecided: false,
                json: line.get().into(),
            }
        };
        if line.offset < due || line.offset >= next {
            return Err(format!(
                "{stream}: line {} in a run from {first} to {next}",
                line.offset
            ));
        }
        due = line.offset.plus(1);
        parsed.push(line);
    }
    if next < first || (!filtered && due != next) {
        let count = parsed.len();
        return Err(format!("{stream}: {count} lines in a run from {first} to {next}"));
    }
    Ok(Run {
        stream,
        first,
        next,
        lines: parsed,
    })
}

/// Under a filter a line has its offset as the first member, and then, where the filter gave up on it, a mark. What is
/// left are the bytes that are stored.
pub(crate) fn split_offset(line: &str) -> Option<Received> {
    let rest = line.strip_prefix("{\"offset\":")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let (offset, rest) = rest.split_at(digits);
    let rest = match rest.strip_prefix(',') {
        Some(rest) => rest,
        None if rest == "}" => rest,
        None => return None,
    };
    let (undecided, rest) = match rest.strip_prefix("\"undecided\":true,") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    Some(Received {
        offset: Offset(offset.parse().ok()?),
        undecided,
        json: format!("{{{rest}").into(),
    })
}

#[cfg(test)]
mod agreed;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, filtered: bool) -> Result<Vec<(u64, String)>, String> {
        match Message::parse(text, filtered)? {
            Message::Lines(lines) => Ok(lines
                .lines
                .into_iter()
                .map(|l| (l.offset.0, l.json.into()))
                .collect()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_line_has_the_same_bytes_with_a_filter_and_without() {
        let line = r#"{"ts":"2026-01-01T00:00:00Z","message":"a, \"b\""}"#;
        let plain = format!(r#"{{"type":"lines","stream":"a","first":7,"next":8,"lines":[{line}]}}"#);
        assert_eq!(lines(&plain, false), Ok(vec![(7, line.to_owned())]));
        let marked = format!("{{\"offset\":9,{}", &line[1..]);
        let filtered = format!(r#"{{"type":"lines","stream":"a","first":7,"next":12,"lines":[{marked}]}}"#);
        assert_eq!(lines(&filtered, true), Ok(vec![(9, line.to_owned())]));
    }

    #[test]
    fn a_line_that_the_filter_could_not_decide_is_marked_and_has_the_same_bytes() {
        let text = r#"{"type":"lines","stream":"a","first":7,"next":9,"lines":[
            {"offset":7,"undecided":true,"ts":"t","message":"m"},{"offset":8,"ts":"t","message":"m"}]}"#;
        let Ok(Message::Lines(lines)) = Message::parse(text, true) else {
            panic!("no lines");
        };
        let json = || r#"{"ts":"t","message":"m"}"#.into();
        let line = |offset, undecided| Received {
            offset: Offset(offset),
            undecided,
            json: json(),
        };
        assert_eq!(lines.lines, [line(7, true), line(8, false)]);
    }

    #[test]
    fn a_run_whose_numbers_do_not_fit_is_refused() {
        let cases = [
            (
                r#"{"type":"lines","stream":"a","first":0,"next":3,"lines":[{},{}]}"#,
                false,
            ),
            (
                r#"{"type":"lines","stream":"a","first":0,"next":1,"lines":[{},{}]}"#,
                false,
            ),
            (
                r#"{"type":"lines","stream":"a","first":5,"next":4,"lines":[]}"#,
                true,
            ),
            (
                r#"{"type":"lines","stream":"a","first":5,"next":7,"lines":[{"offset":4}]}"#,
                true,
            ),
            (
                r#"{"type":"lines","stream":"a","first":5,"next":9,"lines":[{"offset":6},{"offset":6}]}"#,
                true,
            ),
            (
                r#"{"type":"lines","stream":"a","first":5,"next":9,"lines":[{}]}"#,
                true,
            ),
        ];
        for (text, filtered) in cases {
            assert!(Message::parse(text, filtered).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_type_is_passed_over_and_nonsense_is_not() {
        assert!(matches!(
            Message::parse(r#"{"type":"later","x":1}"#, false),
            Ok(Message::Other)
        ));
        for nonsense in ["", "[]", r#"{"stream":"a"}"#, r#"{"type":"gap","stream":"a"}"#] {
            assert!(Message::parse(nonsense, false).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn requests_read_like_the_protocol_document() {
        let subscribe = |from| {
            let request = Request::Subscribe {
                id: "1".into(),
                streams: vec!["a/**".into()],
                from,
                filter: None,
            };
            serde_json::to_string(&request).expect("JSON")
        };
        let cases = [
            (Begin::Live, r#""live""#),
            (Begin::Last(200), r#"{"last":200}"#),
            (
                Begin::Since("2026-01-01T00:00:00Z".into()),
                r#"{"since":"2026-01-01T00:00:00Z"}"#,
            ),
            (
                Begin::Cursors {
                    cursors: BTreeMap::from([(StreamName::parse("a/b").expect("a name"), Offset(17))]),
                    epoch: Epoch::from_text("e"),
                },
                r#"{"cursors":{"a/b":17},"epoch":"e"}"#,
            ),
        ];
        for (from, expected) in cases {
            assert_eq!(
                subscribe(from),
                format!(r#"{{"type":"subscribe","id":"1","streams":["a/**"],"from":{expected}}}"#)
            );
        }
    }
}
