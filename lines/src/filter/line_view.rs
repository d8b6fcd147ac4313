//! One stored line, taken apart as far as a filter needs it, each part at most once.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use memchr::{memchr, memchr2};

use super::Verdict;
use super::regex::Regex;
use crate::{Level, LineHead, Timestamp};

/// Stands between the texts of [`LineView::folded`]: no UTF-8 has this byte, so no word reaches from one into the next.
const BETWEEN: u8 = 0xFF;

/// A line's parts. Those in cells are made when a term first asks for them.
pub(super) struct LineView<'a> {
    /// Between the quotes; digits and punctuation only.
    ts: &'a [u8],
    level: Option<Level>,
    /// From the message's first byte to the line's end: message, quote, the rest of the object.
    searched: &'a [u8],
    /// How much of `searched` is the message, with its JSON escapes.
    message_len: usize,
    /// The object of `fields`; empty when there is none.
    fields: &'a [u8],
    plain: OnceCell<bool>,
    lower: OnceCell<Vec<u8>>,
    message: OnceCell<Cow<'a, str>>,
    events: OnceCell<Vec<Event<'a>>>,
    folded: OnceCell<Vec<u8>>,
    /// What expressions said, by where they are in memory: they cost too much to be asked twice.
    judged: RefCell<Vec<(*const Regex, Verdict)>>,
}

/// What is met on a walk over the JSON of `fields`, from the left to the right.
#[derive(Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// An object or a list begins.
    Open,
    /// It ends.
    Close,
    /// An object's member begins.
    Key(Cow<'a, str>),
    /// A string's value, or the text of a number, `true`, `false` or `null` as it was sent.
    Text(Cow<'a, str>),
}

impl<'a> LineView<'a> {
    /// Relies on the form that `Line::encode` writes, which is the only one a store holds. Of anything else the view
    /// is empty.
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self::split(line).unwrap_or_else(|| Self::with(b"", None, b"", 0, b""))
    }

    fn split(line: &'a [u8]) -> Option<Self> {
        let (LineHead { ts, level }, rest) = LineHead::split(line)?;
        let searched = rest.strip_prefix(b",\"message\":\"")?;
        let message_len = string_end(searched)?;
        let after = &searched[message_len + 1..];
        let fields = after.strip_prefix(b",\"fields\":").unwrap_or(b"");
        Some(Self::with(ts, level, searched, message_len, fields))
    }

    fn with(
        ts: &'a [u8],
        level: Option<Level>,
        searched: &'a [u8],
        message_len: usize,
        fields: &'a [u8],
    ) -> Self {
        Self {
            ts,
            level,
            searched,
            message_len,
            fields,
            plain: OnceCell::new(),
            lower: OnceCell::new(),
            message: OnceCell::new(),
            events: OnceCell::new(),
            folded: OnceCell::new(),
            judged: RefCell::default(),
        }
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.level
    }

    pub(super) fn ts_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.ts)
    }

    pub(super) fn ts(&self) -> Option<Timestamp> {
        Timestamp::parse(std::str::from_utf8(self.ts).ok()?)
    }

    pub(super) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The message's bytes when they are its text, that is, without JSON escapes.
    pub(super) fn message_bytes(&self) -> Option<&'a [u8]> {
        let raw = &self.searched[..self.message_len];
        memchr(b'\\', raw).is_none().then_some(raw)
    }

    /// Whether every text of the line stands in its bytes as it is, in ASCII: then what is not in [`Self::lower`] is in
    /// no text. Other scripts have characters that fold to ASCII (the Kelvin sign to `k`), and an escape can be any.
    pub(super) fn is_plain(&self) -> bool {
        *self
            .plain
            .get_or_init(|| self.searched.is_ascii() && memchr(b'\\', self.searched).is_none())
    }

    /// Message and everything after it, in lower case, for lines that are plain. The message is the first
    /// [`Self::message_len`] bytes.
    pub(super) fn lower(&self) -> &[u8] {
        self.lower.get_or_init(|| self.searched.to_ascii_lowercase())
    }

    /// Appends every text of the line and every name in it, folded: more than any filter looks into.
    pub(super) fn searched(&self, out: &mut Vec<u8>) {
        out.push(BETWEEN);
        if self.is_plain() {
            let start = out.len();
            out.extend_from_slice(self.searched);
            out[start..].make_ascii_lowercase();
            return;
        }
        fold(self.message(), out);
        for event in self.events() {
            if let Event::Text(text) | Event::Key(text) = event {
                out.push(BETWEEN);
                fold(text, out);
            }
        }
    }

    pub(super) fn message_len(&self) -> usize {
        self.message_len
    }

    /// The message's text.
    pub(super) fn message(&self) -> &str {
        self.message
            .get_or_init(|| text_of(&self.searched[..self.message_len]))
    }

    /// What a regular expression says of `text`, the message.
    pub(super) fn judged(&self, regex: &Regex, text: &[u8]) -> Verdict {
        let mut judged = self.judged.borrow_mut();
        let known = judged.iter().find(|(whose, _)| std::ptr::eq(*whose, regex));
        if let Some((_, verdict)) = known {
            return *verdict;
        }
        let verdict = regex.judge(text);
        judged.push((regex, verdict));
        verdict
    }

    /// The walk over `fields`.
    pub(super) fn events(&self) -> &[Event<'a>] {
        self.events.get_or_init(|| walk(self.fields))
    }

    /// Every text of the line, folded by [`fold`].
    pub(super) fn folded(&self) -> &[u8] {
        self.folded.get_or_init(|| {
            let mut out = Vec::with_capacity(self.searched.len());
            fold(self.message(), &mut out);
            for event in self.events() {
                if let Event::Text(text) = event {
                    out.push(BETWEEN);
                    fold(text, &mut out);
                }
            }
            out
        })
    }
}

/// Appends `text` so that two texts which differ in case alone become the same bytes. One character at a time, so that
/// a part of a text folds to a part of the folded text. Upper case first: `ς`, `σ` and `Σ` meet there, and `ß` is `ss`.
pub(super) fn fold(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        let start = out.len();
        out.extend_from_slice(text.as_bytes());
        out[start..].make_ascii_lowercase();
        return;
    }
    let mut utf8 = [0; 4];
    for folded in text
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
    {
        out.extend_from_slice(folded.encode_utf8(&mut utf8).as_bytes());
    }
}

/// Iterative, since fields nest as deep as a line is long.
fn walk(json: &[u8]) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'{' | b'[' => events.push(Event::Open),
            b'}' | b']' => events.push(Event::Close),
            b'"' => {
                let start = at + 1;
                let Some(length) = string_end(&json[start..]) else {
                    return events;
                };
                let text = text_of(&json[start..start + length]);
                at = start + length;
                let after = json[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                events.push(match after {
                    Some(b':') => Event::Key(text),
                    _ => Event::Text(text),
                });
            }
            b',' | b':' => {}
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                let length = json[at..]
                    .iter()
                    .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']'))
                    .unwrap_or(json.len() - at);
                events.push(Event::Text(String::from_utf8_lossy(&json[at..at + length])));
                at += length - 1;
            }
        }
        at += 1;
    }
    events
}

/// Where the string that begins before `json` ends: the place of its closing quote.
fn string_end(json: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The text of what stands between the quotes of a JSON string. Half a surrogate pair is no text: such a string is taken
/// as it was written.
fn text_of(raw: &[u8]) -> Cow<'_, str> {
    if memchr(b'\\', raw).is_none() {
        return String::from_utf8_lossy(raw);
    }
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    match serde_json::from_slice::<String>(&quoted) {
        Ok(text) => Cow::Owned(text),
        Err(_) => String::from_utf8_lossy(raw),
    }
}
