//! A filter in words, as it was read: for those who wonder why it finds nothing.

use super::expression::{Comparison, Expression, Field, Number, Term, Test};
use crate::Level;

impl Expression {
    /// In words.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::All(parts) if parts.is_empty() => "every line".to_owned(),
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(inner) => format!("not {}", inner.as_part()),
            Self::Term(term) => term.in_words(),
        }
    }

    /// In words, as a part of something larger.
    fn as_part(&self) -> String {
        match self {
            Self::All(_) | Self::Any(_) => format!("({})", self.in_words()),
            Self::Not(_) | Self::Term(_) => self.in_words(),
        }
    }

    /// Whether it looks for one text alone, this.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(self, Self::Term(Term::Words(words)) if words.written() == text)
    }
}

fn joined(parts: &[Expression], between: &str) -> String {
    let parts: Vec<String> = parts.iter().map(Expression::as_part).collect();
    parts.join(between)
}

impl Term {
    fn in_words(&self) -> String {
        match self {
            Self::Words(words) => format!("the text {}", quoted(words.written())),
            Self::Regex(regex) => format!("a message with /{}/", regex.pattern().replace('/', "\\/")),
            Self::Level(Comparison::GreaterOrEqual, Level::Trace) => "any level".to_owned(),
            Self::Level(comparison, level) => {
                let level = level.as_str();
                match comparison {
                    Comparison::Equal => format!("level {level}"),
                    Comparison::Less => format!("a level below {level}"),
                    Comparison::LessOrEqual => format!("level {level} or below"),
                    Comparison::Greater => format!("a level above {level}"),
                    Comparison::GreaterOrEqual => format!("level {level} or above"),
                }
            }
            Self::Field(field, test) => {
                let field = match field {
                    Field::Message => "the message".to_owned(),
                    Field::Ts => "the time".to_owned(),
                    Field::Path(path) => format!("the field {}", bare_or_quoted(path)),
                };
                format!("{field} {}", test.in_words())
            }
        }
    }
}

impl Test {
    fn in_words(&self) -> String {
        match self {
            Self::Exists => "is there".to_owned(),
            Self::Is(text) => format!("is {}", quoted(text)),
            Self::Begins(text) => format!("begins with {}", quoted(text)),
            Self::Number(comparison, Number::Whole(number)) => {
                format!("is {} {number}", comparison.in_words())
            }
            Self::Number(comparison, Number::Float(number)) => {
                format!("is {} {number}", comparison.in_words())
            }
            Self::Time(comparison, time) => format!("is {} {time}", comparison.in_words()),
        }
    }
}

impl Comparison {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Equal => "equal to",
            Self::Less => "below",
            Self::LessOrEqual => "at most",
            Self::Greater => "above",
            Self::GreaterOrEqual => "at least",
        }
    }
}

fn bare_or_quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@');
    if name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// The text as a phrase of a filter.
pub(super) fn quoted(text: &str) -> String {
    let mut phrase = String::with_capacity(text.len() + 2);
    phrase.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => phrase.extend(['\\', c]),
            '\n' => phrase.push_str("\\n"),
            '\r' => phrase.push_str("\\r"),
            '\t' => phrase.push_str("\\t"),
            // All of them are in the first plane, so that four digits do.
            c if c.is_control() => phrase.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => phrase.push(c),
        }
    }
    phrase.push('"');
    phrase
}
