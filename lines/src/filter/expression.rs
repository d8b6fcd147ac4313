//! A filter that has been read, and how it is put to a line.

use std::cmp::Ordering;

use memchr::memmem::Finder;

use super::Verdict;
use super::line_view::{Event, LineView, fold};
use super::regex::Regex;
use crate::{Level, Timestamp};

#[derive(Clone)]
pub(super) enum Expression {
    /// Every one of them; of none, every line.
    All(Vec<Expression>),
    /// At least one of them.
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Term(Term),
}

#[derive(Clone)]
pub(super) enum Term {
    Words(Words),
    Regex(Box<Regex>),
    Level(Comparison, Level),
    Field(Field, Test),
}

/// A word or phrase.
#[derive(Clone)]
pub(super) struct Words {
    /// Of the folded text.
    finder: Box<Finder<'static>>,
    written: Box<str>,
}

/// Whose value is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Message,
    Ts,
    /// Of `fields`: names joined by dots, where a name can have dots itself.
    Path(String),
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// It is there.
    Exists,
    /// Its text is this.
    Is(String),
    /// Its text begins so.
    Begins(String),
    Number(Comparison, Number),
    Time(Comparison, Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Whole numbers keep all their digits: identifiers are longer than a float can tell apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    Float(f64),
}

impl Expression {
    /// The answer when the line's bytes suffice for it. Says the same as [`Self::judge`] then.
    pub(super) fn settled_by_bytes(&self, line: &LineView<'_>) -> Option<Verdict> {
        let settled = |part: &Self| part.settled_by_bytes(line);
        match self {
            Self::All(parts) => first_or_unanimous(parts.iter().map(settled), Verdict::Differs),
            Self::Any(parts) => first_or_unanimous(parts.iter().map(settled), Verdict::Matches),
            Self::Not(inner) => inner.settled_by_bytes(line).map(Verdict::opposite),
            Self::Term(term) => term.settled_by_bytes(line),
        }
    }

    pub(super) fn judge(&self, line: &LineView<'_>) -> Verdict {
        let judged = |part: &Self| Some(part.judge(line));
        let verdict = match self {
            Self::All(parts) => first_or_unanimous(parts.iter().map(judged), Verdict::Differs),
            Self::Any(parts) => first_or_unanimous(parts.iter().map(judged), Verdict::Matches),
            Self::Not(inner) => Some(inner.judge(line).opposite()),
            Self::Term(term) => Some(term.judge(line)),
        };
        verdict.unwrap_or(Verdict::Undecided)
    }
}

impl Expression {
    /// The most that it costs to ask this of a line, in nanoseconds or so for each byte. Most lines cost far less.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(inner) => inner.cost(),
            Self::Term(Term::Words(_)) => 2,
            Self::Term(Term::Regex(regex)) => regex.cost(),
            Self::Term(Term::Level(..) | Term::Field(Field::Ts | Field::Message, _)) => 0,
            Self::Term(Term::Field(Field::Path(_), _)) => 8,
        }
    }
}

/// `decisive` as soon as one part is so, whatever the others are; nothing while one is not settled; otherwise the
/// opposite, unless a part is undecided, and so all.
fn first_or_unanimous(parts: impl Iterator<Item = Option<Verdict>>, decisive: Verdict) -> Option<Verdict> {
    let mut all = Some(decisive.opposite());
    for part in parts {
        match part {
            Some(verdict) if verdict == decisive => return Some(decisive),
            Some(Verdict::Undecided) => all = all.and(part),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

impl Term {
    fn settled_by_bytes(&self, line: &LineView<'_>) -> Option<Verdict> {
        match self {
            Self::Words(words) => words.settled_by_bytes(line).map(Verdict::from),
            Self::Regex(regex) => line.message_bytes().map(|message| line.judged(regex, message)),
            Self::Level(..) | Self::Field(Field::Ts, _) => Some(self.judge(line)),
            Self::Field(Field::Path(_), _) if !line.has_fields() => Some(Verdict::Differs),
            Self::Field(..) => None,
        }
    }

    fn judge(&self, line: &LineView<'_>) -> Verdict {
        let matches = match self {
            Self::Regex(regex) => return line.judged(regex, line.message().as_bytes()),
            Self::Words(words) => words.finder.find(line.folded()).is_some(),
            Self::Level(comparison, level) => {
                line.level().is_some_and(|have| comparison.holds(have.cmp(level)))
            }
            Self::Field(Field::Ts, Test::Time(comparison, wanted)) => {
                line.ts().is_some_and(|have| comparison.holds(have.cmp(wanted)))
            }
            Self::Field(Field::Ts, test) => test.holds(&line.ts_text()),
            Self::Field(Field::Message, test) => test.holds(line.message()),
            Self::Field(Field::Path(path), test) => any_value(line.events(), path, test),
        };
        matches.into()
    }
}

impl Words {
    pub(super) fn new(text: &str) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        fold(text, &mut folded);
        Self {
            finder: Box::new(Finder::new(&folded).into_owned()),
            written: text.into(),
        }
    }

    pub(super) fn written(&self) -> &str {
        &self.written
    }

    pub(super) fn folded(&self) -> &[u8] {
        self.finder.needle()
    }

    fn settled_by_bytes(&self, line: &LineView<'_>) -> Option<bool> {
        if !line.is_plain() {
            return None;
        }
        match self.finder.find(line.lower()) {
            None => Some(false),
            Some(at) if at + self.finder.needle().len() <= line.message_len() => Some(true),
            Some(_) if !line.has_fields() => Some(false),
            // In a value, or only in a name.
            Some(_) => None,
        }
    }
}

/// Whether a value at `path` passes. Follows how much of `path` the way to the current value has used: `None` when it
/// leads elsewhere.
fn any_value(events: &[Event<'_>], path: &str, test: &Test) -> bool {
    let mut outer: Vec<Option<usize>> = Vec::new();
    let mut here = Some(0);
    for event in events {
        let arrived = here == Some(path.len());
        match event {
            Event::Key(name) => here = outer.last().and_then(|used| follow(path, (*used)?, name)),
            Event::Text(text) => {
                if arrived && test.holds(text) {
                    return true;
                }
                here = outer.last().copied().flatten();
            }
            Event::Open => {
                if arrived && *test == Test::Exists {
                    return true;
                }
                outer.push(here);
            }
            Event::Close => {
                outer.pop();
                here = outer.last().copied().flatten();
            }
        }
    }
    false
}

/// How much of `path` is used after a member called `name`, when `used` of it were before.
fn follow(path: &str, used: usize, name: &str) -> Option<usize> {
    let rest = path.get(used..)?;
    let rest = match used {
        0 => rest,
        _ => rest.strip_prefix('.')?,
    };
    let after = rest.strip_prefix(name)?;
    (!name.is_empty() && (after.is_empty() || after.starts_with('.'))).then(|| path.len() - after.len())
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Is(wanted) => text == wanted,
            Self::Begins(prefix) => text.starts_with(prefix.as_str()),
            Self::Number(comparison, wanted) => Number::parse(text)
                .and_then(|have| have.compare(*wanted))
                .is_some_and(|order| comparison.holds(order)),
            Self::Time(comparison, wanted) => {
                Timestamp::parse(text).is_some_and(|have| comparison.holds(have.cmp(wanted)))
            }
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Number {
    /// Digits, a point, signs and an exponent; no `inf` and no `nan`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits_only =
            |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.bytes().all(digits_only) {
            return None;
        }
        match text.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => text.parse().ok().map(Self::Float),
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        let float = |number| match number {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        };
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            _ => float(self).partial_cmp(&float(other)),
        }
    }
}
