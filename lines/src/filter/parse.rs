//! From a filter's pieces to its expression, by recursive descent, in one pass.

use super::expression::{Comparison, Expression, Field, Number, Term, Test, Words};
use super::regex::Regex;
use super::tokens::{Compares, Fault, Kind, Own, Token, Tokens, Value};
use super::{FilterError, FilterFault, FilterLimits};
use crate::{Level, Timestamp};

pub(super) fn parse(text: &str, limits: &FilterLimits) -> Result<Expression, FilterError> {
    let whole = || {
        if text.len() > limits.bytes {
            return Err((text.floor_char_boundary(limits.bytes), too_long(limits)));
        }
        let mut tokens = Tokens::of(text);
        let parser = Parser {
            text,
            next: tokens.next()?,
            tokens,
            depth: 0,
            groups: 0,
            terms: 0,
            regexes: 0,
            limits,
        };
        parser.whole()
    };
    whole().map_err(|(at, fault)| FilterError {
        position: text.get(..at).unwrap_or(text).chars().count(),
        fault,
    })
}

fn too_long(limits: &FilterLimits) -> FilterFault {
    FilterFault::TooLong { limit: limits.bytes }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    /// The piece that is looked at.
    next: Option<Token<'a>>,
    depth: usize,
    /// Groups that are not closed yet.
    groups: usize,
    terms: usize,
    regexes: usize,
    limits: &'a FilterLimits,
}

impl<'a> Parser<'a> {
    fn whole(mut self) -> Result<Expression, Fault> {
        if self.next.is_none() {
            return Ok(Expression::All(Vec::new()));
        }
        let expression = self.any()?;
        match self.next {
            None => Ok(expression),
            Some(_) => Err((self.at(), FilterFault::StrayParenthesis)),
        }
    }

    /// `all OR all …`
    fn any(&mut self) -> Result<Expression, Fault> {
        let mut branches = vec![self.all()?];
        while self.take(&Kind::Or)? {
            branches.push(self.all()?);
        }
        Ok(one_or(branches, Expression::Any))
    }

    /// `term term …`, with or without `AND` between them, up to `OR`, a closing parenthesis or the end.
    fn all(&mut self) -> Result<Expression, Fault> {
        let mut parts = vec![self.negatable()?];
        loop {
            let is_more = self.take(&Kind::And)?;
            if !is_more && matches!(self.kind(), None | Some(Kind::Or | Kind::Close)) {
                return Ok(one_or(parts, Expression::All));
            }
            parts.push(self.negatable()?);
        }
    }

    fn negatable(&mut self) -> Result<Expression, Fault> {
        let start = self.at();
        if self.take(&Kind::Not)? {
            return self
                .deeper(start, Self::negatable)
                .map(|inner| Expression::Not(Box::new(inner)));
        }
        if self.take(&Kind::Open)? {
            self.groups += 1;
            let inner = self.deeper(start, Self::any)?;
            self.groups -= 1;
            return if self.take(&Kind::Close)? {
                Ok(inner)
            } else {
                Err((start, FilterFault::UnclosedParenthesis))
            };
        }
        if let Some(fault) = self.no_term() {
            return Err((start, fault));
        }
        self.terms += 1;
        if self.terms > self.limits.terms {
            let limit = self.limits.terms;
            return Err((start, FilterFault::TooManyTerms { limit }));
        }
        match self.step()? {
            Some(token) => self.term(token),
            None => Err((start, FilterFault::MissingTerm)),
        }
    }

    /// Why no term begins here, if none does.
    fn no_term(&self) -> Option<FilterFault> {
        match self.kind() {
            None | Some(Kind::Or | Kind::And) => Some(FilterFault::MissingTerm),
            Some(Kind::Close) if self.groups == 0 => Some(FilterFault::StrayParenthesis),
            Some(Kind::Close) => {
                let before = self.text[..self.at()].trim_end();
                Some(if before.ends_with('(') {
                    FilterFault::NothingGrouped
                } else {
                    FilterFault::MissingTerm
                })
            }
            Some(_) => None,
        }
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

    fn term(&mut self, token: Token<'a>) -> Result<Expression, Fault> {
        Ok(match token.kind {
            Kind::Regex(pattern) => Expression::Term(self.regex(token.at, &pattern)?),
            Kind::Phrase { text, raw } if text == raw => words(&text),
            Kind::Phrase { text, raw } => Expression::Any(vec![words(&text), words(raw)]),
            Kind::Compares(compares) => {
                let is_also_text = compares.or_text;
                let term = Expression::Term(comparison(compares)?);
                let written = &self.text[token.at..token.end];
                if is_also_text {
                    Expression::Any(vec![term, words(without_stars(written))])
                } else {
                    term
                }
            }
            Kind::Word(word) => words(without_stars(word)),
            Kind::Or | Kind::And | Kind::Not | Kind::Open | Kind::Close => {
                return Err((token.at, FilterFault::MissingTerm));
            }
        })
    }

    fn regex(&mut self, at: usize, pattern: &str) -> Result<Term, Fault> {
        self.regexes += 1;
        if self.regexes > self.limits.regexes {
            let limit = self.limits.regexes;
            return Err((at, FilterFault::TooManyRegexes { limit }));
        }
        Regex::new(pattern, self.limits)
            .map(|regex| Term::Regex(Box::new(regex)))
            .map_err(|fault| (at, fault))
    }

    /// Whether this piece is next, which is then behind.
    fn take(&mut self, kind: &Kind<'_>) -> Result<bool, Fault> {
        let is_there = self.kind() == Some(kind);
        if is_there {
            self.step()?;
        }
        Ok(is_there)
    }

    fn step(&mut self) -> Result<Option<Token<'a>>, Fault> {
        let next = self.tokens.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn kind(&self) -> Option<&Kind<'a>> {
        self.next.as_ref().map(|token| &token.kind)
    }

    /// Where the next piece begins, or everything ends.
    fn at(&self) -> usize {
        self.next.as_ref().map_or(self.text.len(), |token| token.at)
    }
}

fn words(text: &str) -> Expression {
    Expression::Term(Term::Words(Words::new(text)))
}

/// Words are found anywhere: a star at their ends says no more.
fn without_stars(word: &str) -> &str {
    let bare = word.trim_matches('*');
    if bare.is_empty() { word } else { bare }
}

fn comparison(compares: Compares) -> Result<Term, Fault> {
    let Compares {
        name,
        comparison,
        value,
        operator,
        ..
    } = compares;
    let is_exact = matches!(operator, ":" | "=");
    let field = match Own::called(&name) {
        Some(Own::Level) => return level_term(comparison, &value),
        Some(Own::Message) => Field::Message,
        Some(Own::Ts) => Field::Ts,
        None => Field::Path(name.strip_prefix("fields.").unwrap_or(&name).to_owned()),
    };
    let test = match field {
        _ if is_exact => as_text(&value),
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

fn as_text(value: &Value) -> Test {
    match (value.prefix, value.text.as_str()) {
        (true, "") => Test::Exists,
        (true, prefix) => Test::Begins(prefix.to_owned()),
        (false, text) => Test::Is(text.to_owned()),
    }
}

fn level_term(comparison: Comparison, value: &Value) -> Result<Term, Fault> {
    if value.prefix && value.text.is_empty() && comparison == Comparison::Equal {
        return Ok(Term::Level(Comparison::GreaterOrEqual, Level::Trace));
    }
    let level = (!value.prefix).then(|| Level::of_word(&value.text)).flatten();
    match level {
        Some(level) => Ok(Term::Level(comparison, level)),
        None => Err((value.at, FilterFault::NotALevel)),
    }
}

fn one_or(mut parts: Vec<Expression>, several: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}
