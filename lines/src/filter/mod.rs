//! What a subscriber may ask of a line: one grammar everywhere, for live sessions, history and the viewer.
//!
//! # The grammar
//!
//! | written | matches lines |
//! |---|---|
//! | `word` | with `word` in the message or in any value within `fields`, nested or not, numbers and booleans as their text; case ignored. `*word*` is the same |
//! | `"a phrase"` | the same, with spaces and everything else; `\"` `\\` `\/` `\n` `\r` `\t` and `\u00e9` are escapes. With a backslash in it, what is between the quotes is also looked for as it stands |
//! | `/regex/` | whose message the regular expression finds something in; case heeded unless it begins with `(?i)`; a slash in it is `\/` |
//! | `level>=warn` | of that level or graver; also `=`, `:`, `<`, `<=`, `>`. A line without a level matches none of them. `level:*`: with any level. Levels have the names that loggers give them: see [`Level::of_word`](crate::Level::of_word) |
//! | `field:value` | whose `field` is exactly `value`, case heeded, numbers and booleans as their text |
//! | `field=value` | the same, and those with the text `field=value`, case ignored |
//! | `field:prefix*` | whose `field` begins so; `field:*`: that have `field` at all, whatever is in it |
//! | `field>5` | whose `field` is a number, or a text that is one, above 5; also `>=`, `<`, `<=` |
//! | `a b`, `a AND b` | that match both |
//! | `a OR b` | that match one of them or both; binds weaker than terms side by side: `a b OR c` is `(a b) OR c` |
//! | `-a`, `NOT a` | that do not match `a`; binds strongest: `-a b` is `(-a) b` |
//! | `(a OR b) c` | parentheses group |
//!
//! - Nothing, or only spaces, matches every line. `OR`, `AND` and `NOT` are operators only in capitals and alone; in quotes
//!   they are text.
//! - **What is pasted is found.** A word ends at a space, or at the parenthesis that closes the group it is in. What can be
//!   no operator is text as it stands: `std::vec`, `C:\app`, `https://…`, `java.lang.NullPointerException:`, `foo(bar)`,
//!   `{"a":1}`, `[ERROR]`, `Vec<u8>`, `/var/log/app.log`, `-`, `->`, `---` and a number with its sign, `-1`. What may
//!   be a field or a text is looked for as both: `name=value`, and with a colon what looks like a place in a source, an
//!   address or a chain: `main.rs:12`, `db.internal:5432`, `ERROR:root:boom`, `git@host:path`. A value in quotes after a
//!   colon is the field's alone: `ip:"2001:db8::1"`.
//! - A field's name begins with a letter, `_` or `@` and goes on with letters, digits and `_ . - @`, and does not end with
//!   `.` or `-`; any other name is quoted: `"content type":json`. So is a value with spaces, a parenthesis alone, or a `*`
//!   that is no wildcard: `user:"Ann Lee"`, `user:"Ann L"*`.
//! - `a.b` is the member `b` of the field `a`, and also the field called `a.b`. Where a list is on the way, one element
//!   that matches is enough.
//! - `message` and `ts` are the line's own: `message:Started*`, `ts>=2026-11-21T10:00:00Z`. A field that is called
//!   `message`, `ts` or `level` is reached as `fields.level`.
//! - Case is ignored in all scripts, one character at a time: `STRASSE` finds `straße`, `ΣΟΦΟΣ` finds `σοφός` only with
//!   its accent.
//! - A filter has at most [`FilterLimits::bytes`] bytes, [`FilterLimits::terms`] terms, [`FilterLimits::regexes`]
//!   regular expressions, and [`FilterLimits::depth`] levels of parentheses and minus signs. Regular expressions are
//!   those of the Rust crate `regex`: no look-around and no back-references.
//! - A regular expression that would cost too much on a long line gives up on it: see [`Verdict::Undecided`].
//!
//! # How a line is matched
//!
//! First from its bytes as they are stored, which settles most lines: level and time stand at known places, and a word
//! that is not in the bytes at all is in no value. What stays open is settled by reading the line's JSON, once.
//! Of many lines, it is first asked whether any of them has what the filter [needs].
//!
//! Knows nothing of streams, offsets, sessions or stores.

mod expression;
mod line_view;
pub mod needs;
mod parse;
mod reading;
mod regex;
mod tokens;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use std::fmt;

use expression::Expression;
use line_view::LineView;
use needs::Needs;
use serde::{Deserialize, Serialize};

/// What a line must be like. Made by [`Filter::parse`]; cheap to share, not to clone.
#[derive(Clone)]
pub struct Filter {
    source: String,
    expression: Expression,
    needs: Needs,
}

/// How large a filter may be.
#[derive(Debug, Clone, Copy)]
pub struct FilterLimits {
    /// Its text, in bytes.
    pub bytes: usize,
    /// Words, phrases, expressions and comparisons, together.
    pub terms: usize,
    /// Regular expressions among them.
    pub regexes: usize,
    /// Parentheses and minus signs within each other.
    pub depth: usize,
    /// The compiled form of one regular expression, in bytes: 64 KiB. `\w` takes 18 KB, for it is the letters of all
    /// scripts.
    pub regex_bytes: usize,
    /// What one regular expression may cost on one line, in states of its compiled form that are looked at: 500,000,
    /// about 3 ms.
    pub regex_steps: usize,
    /// What one regular expression remembers while it looks at a line, in bytes: 512 KiB.
    pub regex_memory: usize,
}

/// What a filter says of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It matches.
    Matches,
    /// It does not.
    Differs,
    /// A regular expression gave up, and the other terms do not settle it. Whoever asked is to be shown the line, and
    /// told.
    Undecided,
}

/// How a line is marked, wherever it is written, that a filter gave up on: the first of its own members follows.
pub const UNDECIDED: &[u8] = br#""undecided":true,"#;

impl Verdict {
    fn opposite(self) -> Self {
        match self {
            Self::Matches => Self::Differs,
            Self::Differs => Self::Matches,
            Self::Undecided => Self::Undecided,
        }
    }
}

impl From<bool> for Verdict {
    fn from(matches: bool) -> Self {
        if matches { Self::Matches } else { Self::Differs }
    }
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self {
            bytes: 4096,
            terms: 64,
            regexes: 8,
            depth: 16,
            regex_bytes: 64 * 1024,
            regex_steps: 500_000,
            regex_memory: 512 * 1024,
        }
    }
}

/// How a filter was read: for people who wonder why nothing matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// In words: `the field user is "ann" or the text "user=ann"`.
    #[serde(rename = "reading")]
    pub words: String,
    /// The filter that looks for the same text as it stands, as one phrase; nothing where the filter does so already, or
    /// looks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
}

/// The filter that looks for a text as it stands, whatever it is: one phrase. Nothing for no text, and for one that is longer
/// than a filter may be.
pub fn literal(text: &str) -> Option<String> {
    let phrase = reading::quoted(text.trim());
    let is_filter = !text.trim().is_empty() && phrase.len() <= FilterLimits::default().bytes;
    is_filter.then_some(phrase)
}

/// Why a text is no filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at character {})", .position + 1)]
pub struct FilterError {
    /// The character that cannot be there, counted from 0; the length of the text when something is missing at its end.
    pub position: usize,
    /// What is wrong.
    pub fault: FilterFault,
}

/// What can be wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FilterFault {
    #[error("a filter has at most {limit} bytes")]
    TooLong { limit: usize },
    #[error("a filter has at most {limit} terms; to look for a long text, quote it")]
    TooManyTerms { limit: usize },
    #[error("a filter has at most {limit} regular expressions")]
    TooManyRegexes { limit: usize },
    #[error("parentheses and minus signs go at most {limit} deep")]
    TooDeep { limit: usize },
    #[error("a term is missing here; OR, AND and NOT as words are quoted: \"OR\"")]
    MissingTerm,
    #[error("there is nothing between these parentheses; to look for them, quote them")]
    NothingGrouped,
    #[error("this parenthesis is never closed; to look for it, quote it: \"(\"")]
    UnclosedParenthesis,
    #[error("this parenthesis closes nothing; to look for it, quote it: \")\"")]
    StrayParenthesis,
    #[error("this quote is never closed; to look for it, quote it: \"\\\"\"")]
    UnclosedQuote,
    #[error("the regular expression cannot be used: {reason}; to look for the text, quote it")]
    BadRegex { reason: String },
    #[error(
        "the regular expression is too large: compiled, it has more than {limit} bytes; make repetitions shorter, and \
         where ASCII will do, write (?-u:\\w) for \\w"
    )]
    RegexTooLarge { limit: usize },
    #[error("a value is missing after the operator; write it without a space, an empty one as \"\"")]
    MissingValue,
    #[error("a '*' stands only at the end of a value; quote it to look for it")]
    StrayStar,
    #[error("this comparison needs a number after it")]
    NotANumber,
    #[error("this comparison needs a time after it, like 2026-11-21T10:00:00Z")]
    NotATime,
    #[error(
        "the levels are trace, debug, info, warn, error and fatal, or what loggers call them, like warning or err; a \
         field of that name is fields.level"
    )]
    NotALevel,
}

impl Filter {
    /// Reads a filter, within the default limits.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_within(text, &FilterLimits::default())
    }

    /// Reads a filter, within these limits.
    pub fn parse_within(text: &str, limits: &FilterLimits) -> Result<Self, FilterError> {
        let expression = parse::parse(text, limits)?;
        Ok(Self {
            source: text.to_owned(),
            needs: expression.needs(),
            expression,
        })
    }

    /// The filter as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it was read.
    pub fn reading(&self) -> Reading {
        let text = self.source.trim();
        let is_literal = text.is_empty() || self.expression.is_text(text);
        Reading {
            words: self.expression.in_words(),
            literal: if is_literal { None } else { literal(text) },
        }
    }

    /// The most that this filter can cost, in nanoseconds or so for each byte of lines: to tell whether a few lines can
    /// be judged in passing. Nearly all lines cost far less.
    pub fn cost(&self) -> usize {
        self.expression.cost().saturating_add(2)
    }

    /// What a line must have for the filter to match it, or to be undecided about it.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Whether one of these lines may have what is needed: otherwise all of them differ. Costs less than to judge them,
    /// unless they are few.
    pub fn may_match(&self, ndjson: &[u8]) -> bool {
        self.needs.may_be_in(ndjson)
    }

    /// Whether the line matches. `line` is a line's object as [`crate::Line::encode`] made it, with or without its line
    /// feed; of other bytes nothing is found.
    ///
    /// The verdict depends on filter and line alone. It takes some milliseconds at the most for each regular expression,
    /// and some more for a line of hundreds of KiB: keep threads that serve others away from long lines.
    pub fn judge(&self, line: &[u8]) -> Verdict {
        let view = LineView::of(line);
        self.expression
            .settled_by_bytes(&view)
            .unwrap_or_else(|| self.expression.judge(&view))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}
