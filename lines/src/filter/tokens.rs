//! A filter's text in pieces, and the rules for what is meant as text.
//!
//! People paste what they see. So an operator is one only where it can be nothing else: a comparison has a name and a
//! value that belongs to its operator, a minus sign negates what can be negated, a parenthesis groups where a term begins,
//! a quote opens a phrase there, and a regular expression ends with its slash. Everything else is text as it stands, up to
//! the next blank; so that each piece of a text that is pasted is found in it.
//!
//! web/viewer/src/filter/syntax.ts reads the same, half-typed text too; tests/wire/filters.json holds the two together.

use super::FilterFault;
use super::expression::{Comparison, Number};

/// Longer ones stand before those they begin with.
const OPERATORS: [(&str, Comparison); 6] = [
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
    ("=", Comparison::Equal),
    (":", Comparison::Equal),
];

/// What a line has of its own, beside the names within its `fields`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Level,
    Message,
    Ts,
}

/// After so many minus signs in a row nobody negates any more: they are a rule, or a flag of some kind.
const MINUS_SIGNS_OF_A_RULE: usize = 3;

/// A fault and the byte where it is.
pub(super) type Fault = (usize, FilterFault);

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    /// Its first byte.
    pub(super) at: usize,
    /// The byte after its last.
    pub(super) end: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'a> {
    Or,
    And,
    /// A minus sign, or `NOT`.
    Not,
    Open,
    Close,
    /// Text as it stands.
    Word(&'a str),
    /// What is between quotes, and what that is with its escapes.
    Phrase {
        text: String,
        raw: &'a str,
    },
    /// What is between the slashes.
    Regex(String),
    Compares(Compares),
}

/// `name`, operator, value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compares {
    pub(super) name: String,
    pub(super) operator: &'static str,
    pub(super) comparison: Comparison,
    pub(super) value: Value,
    /// It is also looked for as text, as it stands.
    pub(super) or_text: bool,
}

/// A field's value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) at: usize,
    pub(super) text: String,
    /// In quotes, a `*` means itself.
    pub(super) quoted: bool,
    /// A `*` follows.
    pub(super) prefix: bool,
}

/// Reads one piece after the other.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// The next byte; always where a character begins.
    at: usize,
    /// Groups that are not closed yet.
    open: usize,
    /// The last piece was a minus sign, after which no word is an operator.
    after_minus: bool,
    /// Where the parentheses that have a partner begin and end, in the order of their beginnings.
    pairs: Vec<(usize, usize)>,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            open: 0,
            after_minus: false,
            pairs: pairs(text),
        }
    }

    /// The next piece, blanks left out; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        self.at = self.text.len() - self.rest().trim_start().len();
        let at = self.at;
        if self.rest().is_empty() {
            return Ok(None);
        }
        let kind = self.kind()?;
        self.after_minus = kind == Kind::Not && self.text[at..self.at] == *"-";
        let end = self.at;
        Ok(Some(Token { at, end, kind }))
    }

    fn kind(&mut self) -> Result<Kind<'a>, Fault> {
        let rest = self.rest();
        match rest.as_bytes().first() {
            Some(b')') => {
                self.at += 1;
                self.open = self.open.saturating_sub(1);
                Ok(Kind::Close)
            }
            Some(b'(') if !rest.starts_with("()") => {
                self.at += 1;
                self.open += 1;
                Ok(Kind::Open)
            }
            Some(b'-') if self.negates() => {
                self.at += 1;
                Ok(Kind::Not)
            }
            Some(b'/') => Ok(self.regex().unwrap_or_else(|| self.word(self.at))),
            Some(b'"') => self.quote(),
            _ => match self.operator_word() {
                Some(operator) => Ok(operator),
                None => self.name_or_word(),
            },
        }
    }

    /// `OR`, `AND` or `NOT`, in capitals and alone.
    fn operator_word(&mut self) -> Option<Kind<'a>> {
        if self.after_minus {
            return None;
        }
        let words = [("OR", Kind::Or), ("AND", Kind::And), ("NOT", Kind::Not)];
        let (word, kind) = words.into_iter().find(|(word, _)| {
            self.rest().strip_prefix(word).is_some_and(|after| {
                let next = after.chars().next();
                next.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
            })
        })?;
        self.at += word.len();
        Some(kind)
    }

    /// Whether the minus sign here negates what follows, and is no text: alone, an arrow, a rule, or a number's sign.
    fn negates(&self) -> bool {
        let rest = self.rest();
        let after = rest.trim_start_matches('-');
        let signs = rest.len() - after.len();
        let run = &after[..self.run_length(self.at + signs)];
        if signs >= MINUS_SIGNS_OF_A_RULE || run.is_empty() && !after.starts_with(['(', '"']) {
            return false;
        }
        if after.starts_with(['(', '"']) || after.starts_with('/') && run.len() > 1 {
            return true;
        }
        let number = run.trim_end_matches([',', ';', '.', '%']);
        let is_number = signs == 1 && !self.after_minus && Number::parse(number).is_some();
        !is_number && !after.starts_with('>') && run.contains(char::is_alphanumeric)
    }

    /// `/…/`, and then a blank, the end of a group or of all.
    fn regex(&mut self) -> Option<Kind<'a>> {
        let mut pattern = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        let length = loop {
            match characters.next()? {
                (at, '/') => break at + 1,
                (_, '\\') => match characters.next()?.1 {
                    '/' => pattern.push('/'),
                    escaped => pattern.extend(['\\', escaped]),
                },
                (_, plain) => pattern.push(plain),
            }
        };
        let next = self.rest()[length..].chars().next();
        let ends = next.is_none_or(|c| c.is_whitespace() || c == ')' && self.open > 0);
        if !ends || pattern.is_empty() {
            return None;
        }
        self.at += length;
        Some(Kind::Regex(pattern))
    }

    /// A phrase, or a comparison whose name is in quotes.
    fn quote(&mut self) -> Result<Kind<'a>, Fault> {
        let start = self.at;
        let text = self.quoted()?;
        if text.is_empty() {
            return Ok(self.word(start));
        }
        let raw = &self.text[start + 1..self.at - 1];
        match operator(self.rest()) {
            Some(operator) => self.compares(start, text, operator),
            None => Ok(Kind::Phrase { text, raw }),
        }
    }

    fn name_or_word(&mut self) -> Result<Kind<'a>, Fault> {
        let start = self.at;
        let name = &self.rest()[..name_length(self.rest())];
        match operator(&self.rest()[name.len()..]) {
            Some(operator) if !name.is_empty() && !name.ends_with(['-', '.']) => {
                self.at += name.len();
                self.compares(start, name.to_owned(), operator)
            }
            _ => Ok(self.word(start)),
        }
    }

    /// What begins at `start` with a name, and has this operator next: a comparison, or a text that looks like one.
    fn compares(
        &mut self,
        start: usize,
        name: String,
        (operator, comparison): (&'static str, Comparison),
    ) -> Result<Kind<'a>, Fault> {
        let name_end = self.at;
        self.at += operator.len();
        let own = Own::called(&name);
        let is_order = comparison != Comparison::Equal;
        let must_be_one = is_order && matches!(own, Some(Own::Level | Own::Ts));
        let Some(value) = self.value()? else {
            if must_be_one {
                return Err((self.at, FilterFault::MissingValue));
            }
            return Ok(self.word_over(start, name_end));
        };
        let has_star = !value.quoted && value.text.contains('*');
        let is_text = match operator {
            ":" => !value.quoted && begins_no_value(&value.text),
            "=" => has_star,
            _ => !must_be_one && !value.quoted && Number::parse(value.whole()).is_none(),
        };
        if is_text {
            return Ok(self.word_over(start, name_end));
        }
        if has_star && let Some(star) = value.text.find('*') {
            return Err((value.at + star, FilterFault::StrayStar));
        }
        let or_text = match operator {
            "=" => own != Some(Own::Level),
            ":" => own.is_none() && !value.quoted && looks_like_text(&name, &value.text),
            _ => false,
        };
        Ok(Kind::Compares(Compares {
            name,
            operator,
            comparison,
            value,
            or_text,
        }))
    }

    /// The value here; nothing when none follows.
    fn value(&mut self) -> Result<Option<Value>, Fault> {
        let at = self.at;
        if self.rest().starts_with('"') {
            let text = self.quoted()?;
            let prefix = self.rest().starts_with('*');
            self.at += usize::from(prefix);
            return Ok(Some(Value {
                at,
                text,
                quoted: true,
                prefix,
            }));
        }
        let run = &self.rest()[..self.run_length(at)];
        self.at += run.len();
        let (text, prefix) = match run.strip_suffix('*') {
            Some(text) => (text, true),
            None => (run, false),
        };
        Ok((!run.is_empty()).then(|| Value {
            at,
            text: text.to_owned(),
            quoted: false,
            prefix,
        }))
    }

    /// What is between the quote here and the next one. A backslash before anything that is no escape is a backslash.
    fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => {
                    let Some((_, escaped)) = characters.next() else {
                        break;
                    };
                    match escaped {
                        '"' | '\\' | '/' => text.push(escaped),
                        'n' => text.push('\n'),
                        'r' => text.push('\r'),
                        't' => text.push('\t'),
                        'u' => match code_point(&self.rest()[at + 2..]) {
                            Some(character) => {
                                text.push(character);
                                characters.nth(3);
                            }
                            None => text.push_str("\\u"),
                        },
                        other => text.extend(['\\', other]),
                    }
                }
                plain => text.push(plain),
            }
        }
        Err((start, FilterFault::UnclosedQuote))
    }

    /// Everything from `start` to the end of the run.
    fn word(&mut self, start: usize) -> Kind<'a> {
        self.word_over(start, start)
    }

    /// The same, where a name in quotes ends at `from`.
    fn word_over(&mut self, start: usize, from: usize) -> Kind<'a> {
        self.at = from + self.run_length(from);
        Kind::Word(&self.text[start..self.at])
    }

    /// How long what stands at `from` goes on without a blank, and without a parenthesis that opens or closes a group.
    fn run_length(&self, from: usize) -> usize {
        let rest = &self.text[from..];
        let run = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        let mut at = 0;
        while let Some(found) = run[at..].find(['(', ')']) {
            at += found;
            if run.as_bytes()[at] == b')' {
                if self.open > 0 {
                    return at;
                }
            } else if let Some(closes) = self.partner(from + at) {
                if closes >= from + run.len() {
                    return at;
                }
                at = closes - from;
            }
            at += 1;
        }
        run.len()
    }

    /// Where the parenthesis that opens at `at` closes, if it does.
    fn partner(&self, at: usize) -> Option<usize> {
        let found = self.pairs.binary_search_by_key(&at, |(opens, _)| *opens).ok()?;
        self.pairs.get(found).map(|(_, closes)| *closes)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

impl Own {
    pub(super) fn called(name: &str) -> Option<Self> {
        match name {
            "level" => Some(Self::Level),
            "message" => Some(Self::Message),
            "ts" => Some(Self::Ts),
            _ => None,
        }
    }
}

impl Value {
    /// The text of a value that cannot be a prefix; one that is gives an empty text, which is no number and no time.
    pub(super) fn whole(&self) -> &str {
        if self.prefix { "" } else { &self.text }
    }
}

/// Whether what stands after a colon is no field's value: `std::vec`, `C:\app`, `http://x`, `x:=1`.
fn begins_no_value(text: &str) -> bool {
    text.starts_with([':', '\\', '=', '<', '>']) || text.starts_with("//")
}

/// Whether `name:value` is as likely a piece of text as a field's value: `main.rs:12`, `db.internal:5432`,
/// `ERROR:root:boom`, `git@host:path`. Then it is looked for as both.
fn looks_like_text(name: &str, value: &str) -> bool {
    let is_number = value.starts_with(|c: char| c.is_ascii_digit());
    let says_so = name.starts_with("fields.");
    !says_so
        && (value.contains(':') || name.chars().skip(1).any(|c| c == '@') || name.contains('.') && is_number)
}

fn operator(text: &str) -> Option<(&'static str, Comparison)> {
    OPERATORS
        .into_iter()
        .find(|(operator, _)| text.starts_with(operator))
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

/// The character that four hex digits name.
fn code_point(text: &str) -> Option<char> {
    let digits = text.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hex)
        .and_then(char::from_u32)
}

fn pairs(text: &str) -> Vec<(usize, usize)> {
    let (mut open, mut pairs) = (Vec::new(), Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' => pairs.extend(open.pop().map(|opens| (opens, at))),
            _ => {}
        }
    }
    pairs.sort_unstable();
    pairs
}
