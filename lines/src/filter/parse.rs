//! From a filter's text to its expression, by recursive descent, in one pass.

use super::expression::{Comparison, Expression, Field, Number, Term, Test, Words};
use super::regex::Regex;
use super::{FilterError, FilterFault, FilterLimits};
use crate::{Level, Timestamp};

/// Longer ones stand before those they begin with.
const OPERATORS: [(&str, Comparison); 6] = [
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
    ("=", Comparison::Equal),
    (":", Comparison::Equal),
];

pub(super) fn parse(text: &str, limits: &FilterLimits) -> Result<Expression, FilterError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        terms: 0,
        regexes: 0,
        limits,
    };
    parser.whole().map_err(|(at, fault)| FilterError {
        position: text.get(..at).unwrap_or(text).chars().count(),
        fault,
    })
}

/// A fault and the byte where it is.
type Fault = (usize, FilterFault);

struct Parser<'a> {
    text: &'a str,
    /// The next byte; always where a character begins.
    at: usize,
    depth: usize,
    terms: usize,
    regexes: usize,
    limits: &'a FilterLimits,
}

/// A field's value as it was written.
struct Value {
    at: usize,
    text: String,
    /// In quotes, a `*` means itself.
    quoted: bool,
    /// A `*` follows.
    prefix: bool,
}

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Result<Expression, Fault> {
        if self.text.len() > self.limits.bytes {
            let limit = self.limits.bytes;
            let mut at = limit;
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            return Err((at, FilterFault::TooLong { limit }));
        }
        self.skip_space();
        if self.rest().is_empty() {
            return Ok(Expression::All(Vec::new()));
        }
        let expression = self.any()?;
        if self.rest().is_empty() {
            Ok(expression)
        } else {
            Err((self.at, FilterFault::StrayParenthesis))
        }
    }

    /// `all OR all …`
    fn any(&mut self) -> Result<Expression, Fault> {
        let mut branches = vec![self.all()?];
        while self.at_or() {
            self.at += 2;
            branches.push(self.all()?);
        }
        Ok(one_or(branches, Expression::Any))
    }

    /// `term term …`, up to `OR`, a closing parenthesis or the end.
    fn all(&mut self) -> Result<Expression, Fault> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            if self.rest().is_empty() || self.rest().starts_with(')') || self.at_or() {
                break;
            }
            parts.push(self.negatable()?);
        }
        if parts.is_empty() {
            Err((self.at, FilterFault::MissingTerm))
        } else {
            Ok(one_or(parts, Expression::All))
        }
    }

    fn negatable(&mut self) -> Result<Expression, Fault> {
        let start = self.at;
        if self.take("-") {
            let next = self.rest().chars().next();
            if next.is_none_or(|c| c.is_whitespace() || c == ')') {
                return Err((start, FilterFault::LoneMinus));
            }
            return self
                .deeper(start, Self::negatable)
                .map(|inner| Expression::Not(Box::new(inner)));
        }
        if self.take("(") {
            let inner = self.deeper(start, Self::any)?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err((start, FilterFault::UnclosedParenthesis))
            };
        }
        self.terms += 1;
        if self.terms > self.limits.terms {
            let limit = self.limits.terms;
            return Err((start, FilterFault::TooManyTerms { limit }));
        }
        self.term().map(Expression::Term)
    }

    fn deeper<T>(
        &mut self,
        start: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let limit = self.limits.depth;
            return Err((start, FilterFault::TooDeep { limit }));
        }
        let result = inner(self)?;
        self.depth -= 1;
        Ok(result)
    }

    fn term(&mut self) -> Result<Term, Fault> {
        let start = self.at;
        if self.rest().starts_with('/') {
            return self.regex();
        }
        if self.rest().starts_with('"') {
            let text = self.quoted()?;
            if text.is_empty() {
                return Err((start, FilterFault::EmptyPhrase));
            }
            return match self.operator() {
                Some(operator) => self.comparison(&text, operator),
                None => Ok(Term::Words(Words::new(&text))),
            };
        }
        let name = &self.rest()[..name_length(self.rest())];
        self.at += name.len();
        if !name.is_empty()
            && !self.rest().starts_with("://")
            && let Some(operator) = self.operator()
        {
            return self.comparison(name, operator);
        }
        self.at = start;
        Ok(Term::Words(Words::new(self.run())))
    }

    /// `name`, an operator (read already), a value.
    fn comparison(&mut self, name: &str, (operator, comparison): (&str, Comparison)) -> Result<Term, Fault> {
        let value = self.value()?;
        let exact = matches!(operator, ":" | "=");
        if name == "level" {
            return level_term(comparison, &value);
        }
        let field = match name {
            "message" => Field::Message,
            "ts" => Field::Ts,
            _ => Field::Path(name.strip_prefix("fields.").unwrap_or(name).to_owned()),
        };
        let test = match field {
            _ if exact => value.as_text()?,
            Field::Ts => {
                let time = Timestamp::parse(value.whole()).ok_or((value.at, FilterFault::NotATime))?;
                Test::Time(comparison, time)
            }
            _ => {
                let number = Number::parse(value.whole()).ok_or((value.at, FilterFault::NotANumber))?;
                Test::Number(comparison, number)
            }
        };
        Ok(Term::Field(field, test))
    }

    fn operator(&mut self) -> Option<(&'static str, Comparison)> {
        let found = OPERATORS
            .into_iter()
            .find(|(text, _)| self.rest().starts_with(text))?;
        self.at += found.0.len();
        Some(found)
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let at = self.at;
        if self.rest().starts_with('"') {
            let text = self.quoted()?;
            let prefix = self.take("*");
            return Ok(Value {
                at,
                text,
                quoted: true,
                prefix,
            });
        }
        let run = self.run();
        if run.is_empty() {
            return Err((at, FilterFault::MissingValue));
        }
        let (text, prefix) = match run.strip_suffix('*') {
            Some(text) => (text, true),
            None => (run, false),
        };
        Ok(Value {
            at,
            text: text.to_owned(),
            quoted: false,
            prefix,
        })
    }

    /// `/…/`, followed by a space, a closing parenthesis or the end.
    fn regex(&mut self) -> Result<Term, Fault> {
        let start = self.at;
        self.at += 1;
        let mut pattern = String::new();
        loop {
            let Some(next) = self.next_char() else {
                return Err((start, FilterFault::UnclosedRegex));
            };
            match next {
                '/' => break,
                '\\' => match self.next_char() {
                    Some('/') => pattern.push('/'),
                    Some(escaped) => pattern.extend(['\\', escaped]),
                    None => return Err((start, FilterFault::UnclosedRegex)),
                },
                _ => pattern.push(next),
            }
        }
        let next = self.rest().chars().next();
        if next.is_some_and(|c| !c.is_whitespace() && c != ')') {
            return Err((self.at, FilterFault::UnclosedRegex));
        }
        self.regexes += 1;
        if self.regexes > self.limits.regexes {
            let limit = self.limits.regexes;
            return Err((start, FilterFault::TooManyRegexes { limit }));
        }
        Regex::new(&pattern, self.limits)
            .map(|regex| Term::Regex(Box::new(regex)))
            .map_err(|fault| (start, fault))
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.next_char() {
                None => return Err((start, FilterFault::UnclosedQuote)),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped().ok_or((at, FilterFault::BadEscape))?),
                Some(plain) => text.push(plain),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        match self.next_char()? {
            same @ ('"' | '\\' | '/') => Some(same),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let digits = self.rest().get(..4)?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                self.at += 4;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)
            }
            _ => None,
        }
    }

    /// Everything up to a space, a parenthesis or a quote.
    fn run(&mut self) -> &'a str {
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
        let rest = self.rest();
        let run = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    /// Whether the next thing is the operator `OR` and not a word that begins so.
    fn at_or(&self) -> bool {
        self.rest().strip_prefix("OR").is_some_and(|after| {
            after
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
        })
    }

    fn take(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

impl Value {
    /// The text of a value that cannot be a prefix; one that is gives an empty text, which is no number and no time.
    fn whole(&self) -> &str {
        if self.prefix { "" } else { &self.text }
    }

    fn as_text(&self) -> Result<Test, Fault> {
        if !self.quoted
            && let Some(star) = self.text.find('*')
        {
            return Err((self.at + star, FilterFault::StrayStar));
        }
        Ok(match (self.prefix, self.text.as_str()) {
            (true, "") => Test::Exists,
            (true, prefix) => Test::Begins(prefix.to_owned()),
            (false, text) => Test::Is(text.to_owned()),
        })
    }
}

fn level_term(comparison: Comparison, value: &Value) -> Result<Term, Fault> {
    if value.prefix && value.text.is_empty() && comparison == Comparison::Equal {
        return Ok(Term::Level(Comparison::GreaterOrEqual, Level::Trace));
    }
    let named = |level: &Level| !value.prefix && level.as_str().eq_ignore_ascii_case(&value.text);
    match Level::ALL.into_iter().find(named) {
        Some(level) => Ok(Term::Level(comparison, level)),
        None => Err((value.at, FilterFault::NotALevel)),
    }
}

/// How much of the text is a field's name that needs no quotes.
fn name_length(text: &str) -> usize {
    let begins = |c: char| c.is_alphabetic() || matches!(c, '_' | '@');
    if !text.starts_with(begins) {
        return 0;
    }
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@');
    text.find(|c| !goes_on(c)).unwrap_or(text.len())
}

fn one_or(mut parts: Vec<Expression>, several: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}
