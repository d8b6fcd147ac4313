//! What a member's value is, in the types of whichever format it came in.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::kept;

/// A value, typed as its format has it. The types are kept: a number stays a number.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Nothing, and said so.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that may be too large for the other.
    Unsigned(u64),
    /// A binary fraction, kept as the shortest decimal that is read back as the same. JSON has no word for those that are
    /// not finite: they become the texts `NaN`, `Infinity` and `-Infinity`.
    Float(f64),
    /// Text. Whoever has bytes that should be text and are not quite makes it with U+FFFD
    /// ([`String::from_utf8_lossy`]).
    Text(Cow<'a, str>),
    /// Bytes that are no text: kept in base64.
    Bytes(Cow<'a, [u8]>),
    /// JSON as its sender wrote it: numbers keep all their digits.
    Json(&'a RawValue),
    /// A list or a map.
    Nested(Nested),
}

/// A list or a map of another format, written as JSON while it is read: there is no tree to build, and no recursion, so
/// a thousand levels cost no stack. Bounded by whoever reads, as the bytes that it reads are.
///
/// Whatever is called in whichever order, it is JSON: a map's value without a name has an empty one, a name in a list is
/// passed over, and what is open at the end is closed.
#[derive(Debug, Clone)]
pub struct Nested {
    json: String,
    /// What is open, from the outside in.
    open: Vec<Kind>,
    deepest: usize,
    /// What has to come before the next thing.
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The first thing in a list or map.
    First,
    /// A comma first.
    Another,
    /// The value of a name.
    OfName,
}

impl Value<'_> {
    /// The number's digits, where it is one.
    pub(super) fn number(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Unsigned(number) => Some(number.to_string().into()),
            Self::Float(number) if number.is_finite() => Some(float(*number).into()),
            Self::Json(raw) => Some(raw.get().into()),
            _ => None,
        }
    }
}

impl Value<'_> {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Json(raw) => matches!(raw.get(), "null" | "\"\""),
            _ => false,
        }
    }

    /// Whether it is a text.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Json(raw) => raw.get().starts_with('"'),
            _ => false,
        }
    }

    /// The JSON of a map.
    pub(super) fn map(&self) -> Option<&str> {
        self.nested().filter(|json| json.starts_with('{'))
    }

    /// The JSON of a list or a map.
    fn nested(&self) -> Option<&str> {
        match self {
            Self::Json(raw) => Some(raw.get()).filter(|json| kept::is_nested(json)),
            Self::Nested(nested) => Some(&nested.json),
            _ => None,
        }
    }

    /// The text whose bytes are told one by one, as numbers: journald's form of what is not printable. It has something in
    /// it that is.
    pub(super) fn text_of_bytes<'t>(&self) -> Option<Cow<'t, str>> {
        let bytes: Vec<u8> = serde_json::from_str(self.nested()?).ok()?;
        let is_text = bytes.iter().any(|&byte| byte > b' ');
        is_text.then(|| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl<'a> Value<'a> {
    /// What a scalar in the JSON of a list or a map was; others are not looked at.
    pub(super) fn owned(raw: &RawValue) -> Self {
        let json = raw.get();
        if let Some(text) = string(json) {
            return Self::Text(Cow::Owned(text.into_owned()));
        }
        let integer = json.parse().map(Self::Integer);
        let unsigned = || json.parse().map(Self::Unsigned);
        let float = || serde_json::from_str(json).map(Self::Float);
        integer
            .or_else(|_| unsigned())
            .or_else(|_| float())
            .unwrap_or(Self::Null)
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Json(raw) => string(raw.get()),
            _ => None,
        }
    }

    /// The same, not copied where that is possible: the value is of no use afterwards.
    pub(super) fn take_text(&mut self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(std::mem::take(text)),
            Self::Json(raw) => string(raw.get()),
            _ => None,
        }
    }
}

/// The value of a JSON string; `None` of other JSON.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?;
    match memchr::memchr(b'\\', inside.as_bytes()) {
        None => inside.strip_suffix('"').map(Cow::Borrowed),
        Some(_) => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// Only of finite ones.
fn float(number: f64) -> String {
    serde_json::to_string(&number).unwrap_or_default()
}

/// A number that JSON has no word for.
fn not_finite(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "NaN",
        _ if number > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// A value on one line of JSON. What is a list or a map comes with how deep it is.
pub(super) fn json(value: Value<'_>) -> (Cow<'_, str>, usize) {
    let scalar: Cow<'_, str> = match value {
        Value::Null => "null".into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Integer(number) => number.to_string().into(),
        Value::Unsigned(number) => number.to_string().into(),
        Value::Float(number) if number.is_finite() => float(number).into(),
        Value::Float(number) => kept::string(not_finite(number)).into(),
        Value::Text(text) => kept::string(&text).into(),
        Value::Bytes(bytes) => kept::string(&STANDARD.encode(bytes)).into(),
        Value::Json(raw) => return kept::compacted(raw.get()),
        Value::Nested(nested) => return (nested.json.into(), nested.deepest),
    };
    (scalar, 0)
}

impl Nested {
    /// What was written so far; all of it, where it is a value.
    pub(super) fn json(&self) -> &str {
        &self.json
    }

    /// An empty list.
    pub fn list() -> Self {
        Self::of(Kind::List)
    }

    /// An empty map.
    pub fn map() -> Self {
        Self::of(Kind::Map)
    }

    fn of(kind: Kind) -> Self {
        let mut nested = Self {
            json: String::new(),
            open: Vec::new(),
            deepest: 0,
            next: Next::First,
        };
        nested.begin(kind);
        nested
    }

    /// Begins a list inside of what is open.
    pub fn begin_list(&mut self) {
        self.before_value();
        self.begin(Kind::List);
    }

    /// Begins a map inside of what is open.
    pub fn begin_map(&mut self) {
        self.before_value();
        self.begin(Kind::Map);
    }

    /// Ends the list or map that was begun last; not the outermost, which ends by itself.
    pub fn end(&mut self) {
        if self.open.len() > 1 {
            self.close();
        }
    }

    /// The name of what comes next in a map. Of two in a row the first has no value, and gets `null`.
    pub fn name(&mut self, name: &str) {
        if self.open.last() != Some(&Kind::Map) {
            return;
        }
        if self.next == Next::OfName {
            self.value(Value::Null);
        }
        self.write_name(name);
    }

    /// The next value of a list, or that of the name before.
    pub fn value<'v>(&mut self, value: impl Into<Value<'v>>) {
        let (json, depth) = json(value.into());
        self.before_value();
        self.json.push_str(&json);
        self.deepest = self.deepest.max(self.open.len() + depth);
        self.next = Next::Another;
    }

    fn begin(&mut self, kind: Kind) {
        self.json.push(match kind {
            Kind::List => '[',
            Kind::Map => '{',
        });
        self.open.push(kind);
        self.deepest = self.deepest.max(self.open.len());
        self.next = Next::First;
    }

    fn close(&mut self) {
        if self.next == Next::OfName {
            self.value(Value::Null);
        }
        match self.open.pop() {
            Some(Kind::List) => self.json.push(']'),
            Some(Kind::Map) => self.json.push('}'),
            None => {}
        }
        self.next = Next::Another;
    }

    fn before_value(&mut self) {
        match (self.open.last(), self.next) {
            (_, Next::OfName) | (Some(Kind::List) | None, Next::First) => {}
            (Some(Kind::List) | None, Next::Another) => self.json.push(','),
            (Some(Kind::Map), _) => self.write_name(""),
        }
    }

    fn write_name(&mut self, name: &str) {
        if self.next == Next::Another {
            self.json.push(',');
        }
        self.json.push_str(&kept::string(name));
        self.json.push(':');
        self.next = Next::OfName;
    }

    /// Closes what is open.
    fn finished(mut self) -> Self {
        while !self.open.is_empty() {
            self.close();
        }
        self
    }
}

impl From<Nested> for Value<'_> {
    fn from(nested: Nested) -> Self {
        Self::Nested(nested.finished())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a RawValue> for Value<'a> {
    fn from(json: &'a RawValue) -> Self {
        Self::Json(json)
    }
}
