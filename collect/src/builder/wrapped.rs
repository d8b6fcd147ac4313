//! Lines that a program wrote and another one wrapped: containers' and journals' JSON around an application's own.

use std::borrow::Cow;

use super::table::Said as Kind;
use super::{Builder, Built, PlainText, StreamMember, Terms, json, kept, text};

/// So many wrappers are taken off.
const MOST: usize = 4;

impl Built<'_> {
    /// Understands the message of a line that says no level as a line of its own, where it is a JSON object, or a
    /// program's line as it came. What it does not say, the wrapper does. Answers whether it tells its time itself.
    pub(super) fn unwrap(&mut self, kind: Kind, terms: &Terms, wrappers: usize) -> bool {
        if let Some(inner) = self.inner(terms, wrappers) {
            let tells_time = inner.timed;
            if tells_time || !self.timed {
                (self.ts, self.timed) = (inner.ts, inner.timed);
            }
            self.undated = !self.timed && (self.undated || inner.undated);
            self.level = inner.level;
            self.message = inner.message;
            self.fields = inner.fields;
            self.left_out = inner.left_out;
            return tells_time;
        }
        if kind == Kind::Raw {
            self.read_text(terms);
        }
        false
    }

    /// The message as a line of its own, when it is an object that says something, or the beginning of one in a line that was
    /// cut.
    fn inner(&self, terms: &Terms, wrappers: usize) -> Option<Built<'static>> {
        let message = self.message.trim();
        if wrappers == MOST || !message.starts_with('{') || !(message.ends_with('}') || terms.is_cut) {
            return None;
        }
        let terms = Terms {
            arrived: self.ts,
            stream: StreamMember::IsAField,
            ..terms.clone()
        };
        let read = |json: &str| {
            let inner = |json: &str| {
                let mut inner = Builder::new();
                json::each_member(json, |name, value| inner.member(name, value))?;
                Some(inner.finish_inside(&terms, wrappers + 1).into_owned())
            };
            inner(json).or_else(|| inner(&json::escaped(json)?))
        };
        let json = json::repaired(message);
        let cut = || {
            let (object, kept) = json::completed(&json).filter(|_| terms.is_cut)?;
            let mut inner = read(&object)?;
            // As it stood in its wrapper: with escapes, and without quotes.
            inner.left_out += kept::string(&json[kept..]).len() - 2;
            Some(inner)
        };
        let inner = read(&json).or_else(cut)?;
        let says = inner.level.is_some() || !inner.message.is_empty();
        says.then_some(inner)
    }

    /// Reads the beginning of the message for what is not known yet.
    pub(super) fn read_text(&mut self, terms: &Terms) {
        if terms.reading.plain_text == PlainText::Unread {
            return;
        }
        let head = text::head(&self.message, terms.here());
        self.level = self.level.or(head.level);
        if !self.timed {
            self.undated |= head.undated;
            if let Some(ts) = head.ts {
                (self.ts, self.timed, self.undated) = (ts, true, false);
            }
        }
    }

    fn into_owned(self) -> Built<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Built {
            ts: self.ts,
            timed: self.timed,
            undated: self.undated,
            level: self.level,
            message: owned(self.message),
            stream: None,
            left_out: self.left_out,
            fields: self
                .fields
                .into_iter()
                .map(|(name, json)| (owned(name), owned(json)))
                .collect(),
        }
    }
}
