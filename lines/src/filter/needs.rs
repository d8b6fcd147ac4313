//! What a line must have for a filter to match it. It is read from the filter alone, and can be asked of many lines at
//! once: where none of them has it, none is looked at.
//!
//! A need is never too strong: a line that matches has what the filter needs, and so has one that the filter is undecided
//! about. It may be too weak: a line that has it may differ all the same.
//!
//! Texts are needed folded, as parts of what [`searched`] gives of a line. A regular expression that gives up on a long
//! message needs a long message.

use std::cell::OnceCell;

use memchr::memmem;

use super::expression::{Comparison, Expression, Field, Term, Test};
use super::line_view::{LineView, fold};
use crate::Level;

/// One part in so many of the lines is few.
const FEW: usize = 4;

/// What lines must have, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Any line may match.
    Nothing,
    /// This.
    One(Need),
    /// All of them.
    All(Vec<Needs>),
    /// One of them, or more.
    Any(Vec<Needs>),
}

/// A thing that a line must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// This part of what is [`searched`] of it; at least one byte.
    Text(Box<[u8]>),
    /// One of these levels.
    Level(Vec<Level>),
    /// A message that takes so many bytes or more, as it is written.
    Message(usize),
}

/// What a line has, beside what is searched of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Has {
    /// Its level.
    pub level: Option<Level>,
    /// What its message takes, in bytes, as it is written.
    pub message_bytes: usize,
}

/// Appends the texts of a line in which filters look for something, names of fields among them, folded. Whatever a filter
/// needs is part of it, and some more may be.
pub fn searched(line: &[u8], out: &mut Vec<u8>) -> Has {
    let view = LineView::of(line);
    view.searched(out);
    Has {
        level: view.level(),
        message_bytes: view.message_len(),
    }
}

impl Needs {
    /// Whether anything is needed at all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// Which of the sets of lines `among` may have a line that has this. A set is a bit; `ask` says of one need which sets
    /// may have a line with it, and is asked only while the answer depends on it.
    pub fn among<E>(&self, among: u64, ask: &mut impl FnMut(&Need, u64) -> Result<u64, E>) -> Result<u64, E> {
        match self {
            Self::Nothing => Ok(among),
            Self::One(need) => Ok(ask(need, among)? & among),
            Self::All(parts) => {
                let mut left = among;
                for part in parts {
                    if left == 0 {
                        break;
                    }
                    left = part.among(left, ask)?;
                }
                Ok(left)
            }
            Self::Any(parts) => {
                let mut found = 0;
                for part in parts {
                    if found == among {
                        break;
                    }
                    found |= part.among(among & !found, ask)?;
                }
                Ok(found)
            }
        }
    }

    /// Every single need.
    pub fn each(&self, see: &mut impl FnMut(&Need)) {
        match self {
            Self::Nothing => {}
            Self::One(need) => see(need),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(see)),
        }
    }

    /// Whether one of these lines may have this.
    pub fn may_be_in(&self, ndjson: &[u8]) -> bool {
        let lines = Lines::of(ndjson);
        let mut ask = |need: &Need, _| Ok::<_, std::convert::Infallible>(u64::from(lines.may_have(need)));
        self.is_nothing() || self.among(1, &mut ask) == Ok(1)
    }

    fn text(text: &str) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        fold(text, &mut folded);
        Self::folded(folded)
    }

    pub(super) fn folded(text: Vec<u8>) -> Self {
        if text.is_empty() {
            Self::Nothing
        } else {
            Self::One(Need::Text(text.into()))
        }
    }

    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<Self> = parts.into_iter().filter(|part| !part.is_nothing()).collect();
        match parts.len() {
            0 => Self::Nothing,
            1 => parts.remove(0),
            _ => Self::All(parts),
        }
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<Self> = parts.into_iter().collect();
        match parts.len() {
            _ if parts.iter().any(Self::is_nothing) => Self::Nothing,
            1 => parts.remove(0),
            _ => Self::Any(parts),
        }
    }
}

impl Expression {
    /// What lines need of which it does not say that they differ.
    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::All(parts) => Needs::all(parts.iter().map(Self::needs)),
            Self::Any(parts) => Needs::any(parts.iter().map(Self::needs)),
            Self::Not(inner) => inner.needs_of_opposite(),
            Self::Term(term) => term.needs(),
        }
    }

    /// What lines need of which it does not say that they match.
    fn needs_of_opposite(&self) -> Needs {
        match self {
            Self::All(parts) => Needs::any(parts.iter().map(Self::needs_of_opposite)),
            Self::Any(parts) => Needs::all(parts.iter().map(Self::needs_of_opposite)),
            Self::Not(inner) => inner.needs(),
            // To lack something takes nothing.
            Self::Term(_) => Needs::Nothing,
        }
    }
}

impl Term {
    fn needs(&self) -> Needs {
        match self {
            Self::Words(words) => Needs::folded(words.folded().to_vec()),
            Self::Regex(regex) => regex.needs(),
            Self::Level(comparison, level) => needs_level(*comparison, *level),
            Self::Field(Field::Ts, _) => Needs::Nothing,
            Self::Field(Field::Message, test) => test.needs(),
            Self::Field(Field::Path(path), test) => {
                // A name may have several parts of the path in it, and none that is cut in two.
                Needs::all(path.split('.').map(Needs::text).chain([test.needs()]))
            }
        }
    }
}

fn needs_level(comparison: Comparison, level: Level) -> Needs {
    let fits = |have: &Level| comparison.holds(have.cmp(&level));
    Needs::One(Need::Level(Level::ALL.into_iter().filter(fits).collect()))
}

impl Test {
    fn needs(&self) -> Needs {
        match self {
            Self::Is(text) | Self::Begins(text) => Needs::text(text),
            Self::Exists | Self::Number(..) | Self::Time(..) => Needs::Nothing,
        }
    }
}

/// Many lines, taken apart as far as needs are asked of them.
struct Lines<'a> {
    ndjson: &'a [u8],
    lower: OnceCell<Vec<u8>>,
    /// What is searched of those lines whose texts are not all in their bytes as they are; nothing when they are so many
    /// that this costs as much as to judge them.
    odd: OnceCell<Option<Vec<u8>>>,
}

impl<'a> Lines<'a> {
    fn of(ndjson: &'a [u8]) -> Self {
        Self {
            ndjson,
            lower: OnceCell::new(),
            odd: OnceCell::new(),
        }
    }

    fn may_have(&self, need: &Need) -> bool {
        match need {
            Need::Text(text) => {
                let finder = memmem::Finder::new(text);
                let in_odd = || self.odd().is_none_or(|odd| finder.find(odd).is_some());
                finder.find(self.lower()).is_some() || in_odd()
            }
            Need::Level(levels) => levels.iter().any(|level| {
                let written = format!("\",\"level\":\"{}\"", level.as_str());
                memmem::find(self.ndjson, written.as_bytes()).is_some()
            }),
            Need::Message(bytes) => self.each().any(|line| line.len() >= *bytes),
        }
    }

    fn lower(&self) -> &[u8] {
        self.lower.get_or_init(|| self.ndjson.to_ascii_lowercase())
    }

    fn odd(&self) -> Option<&[u8]> {
        let odd = self.odd.get_or_init(|| {
            let mut texts = Vec::new();
            if is_plain(self.ndjson) {
                return Some(texts);
            }
            let odd = || self.each().filter(|line| !is_plain(line));
            let bytes: usize = odd().map(<[u8]>::len).sum();
            if bytes > self.ndjson.len() / FEW {
                return None;
            }
            odd().for_each(|line| {
                searched(line, &mut texts);
            });
            Some(texts)
        });
        odd.as_deref()
    }

    fn each(&self) -> impl Iterator<Item = &'a [u8]> {
        self.ndjson.split(|&byte| byte == b'\n')
    }
}

/// Whether all texts stand in the bytes as they are, in ASCII.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.is_ascii() && memchr::memchr(b'\\', bytes).is_none()
}
