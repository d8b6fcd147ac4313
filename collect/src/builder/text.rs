//! Lines of plain text: the time and the level that they begin with.
//!
//! A level is taken where loggers put it, and nowhere else: behind the time, in brackets, before a colon, under logfmt's
//! keys, in syslog's priority, as glog's, Ruby's and Android's letter. A word in the middle of a sentence is none. The same
//! for times: what does not begin the line tells nothing of when it was written.
//!
//! The line itself stays whole. Hardly anything here allocates, and a line that begins with an ordinary word is left after
//! that word.

mod android;
mod cursor;
mod heads;
mod levels;
mod logfmt;
mod programs;

use lines::{Level, Timestamp};

use super::level::Scale;
use super::lookup::Key;
use super::members::{self, Missing};
use super::table::{NAMES, Part};
use super::time::{self, Here, When};
use super::{json, level};
use cursor::Cursor;
use levels::After;

/// What the beginning of a line tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) ts: Option<Timestamp>,
    /// Whether there is a time that is not understood.
    pub(super) undated: bool,
    pub(super) level: Option<Level>,
}

/// Reads the beginning of a line.
pub(super) fn head(line: &str, here: Here<'_>) -> Head {
    inside(line, here, 0)
}

/// So many programs put their own head before what they were given.
const MOST_HEADS: usize = 3;

/// So many parts of a head stand between its time and its level.
const MOST_PARTS: usize = 8;

/// The same of what stands behind so many heads.
fn inside(line: &str, here: Here<'_>, heads: usize) -> Head {
    let mut reader = Reader {
        cursor: Cursor::new(line),
        head: Head::default(),
        here,
        heads,
        syslog: false,
    };
    reader.line();
    reader.head
}

struct Reader<'l, 'h> {
    cursor: Cursor<'l>,
    head: Head,
    here: Here<'h>,
    heads: usize,
    /// Whether the time is one of those that syslog writes: a host and a program follow.
    syslog: bool,
}

impl<'l> Reader<'l, '_> {
    fn line(&mut self) {
        let first = self.cursor.peek();
        let (coloured, indented) = (first == Some(0x1b), matches!(first, Some(b' ' | b'\t')));
        self.cursor.skip_blanks_and_colours();
        match self.cursor.peek() {
            // The frames of traces, and what goes on of the line before.
            Some(b'A'..=b'Z') if first == Some(b' ') => self.filled(),
            Some(b'A'..=b'Z' | b'a'..=b'z') if indented => {}
            Some(b'<') => self.priority(),
            Some(b'[') => self.bracketed(),
            Some(b'0'..=b'9') => self.digit_first(),
            Some(b'A'..=b'Z' | b'a'..=b'z') => self.letter_first(coloured),
            Some(b':') => self.access(),
            Some(b'=') => self.erlang(),
            // Cisco's clock is not synchronized, or was not.
            Some(b'*' | b'.') if self.cursor.nth(1).is_some_and(|byte| byte.is_ascii_uppercase()) => {
                self.cursor.advance(1);
                if self.time() {
                    self.parts(After::Time { numbers: 0 });
                }
            }
            _ => {}
        }
    }

    /// ` INFO | …` (ActiveMQ), ` WARN [main] …`, ` ERROR app > …`: a level that was filled to its width, or has a blank before
    /// it.
    fn filled(&mut self) {
        let name = self.cursor.next(self.cursor.letters());
        let mut behind = self.cursor;
        behind.advance(name.len());
        let blanks = behind.skip_blanks_and_colours();
        let mut target = behind;
        target.advance(target.token());
        let delimited = matches!(behind.peek(), Some(b'[' | b'(' | b'|')) || behind.next(2) == "- ";
        if name.len() > 3 && levels::is_upper(name) && blanks > 0 && (delimited || target.next(3) == " > ") {
            self.head.level = lines::Level::of_word(name);
        }
    }

    /// What stands between a time, or brackets, and what is said: the level is one of the first parts, or nowhere.
    fn parts(&mut self, mut after: After) {
        if let (After::Time { .. }, Some(level)) = (after, levels::between(&self.cursor)) {
            self.head.level = Some(level);
            return;
        }
        for nth in 0..MOST_PARTS {
            self.cursor.skip_separators();
            if nth == 0 && after != After::Brackets && self.begins_another() {
                return self.line_inside();
            }
            match self.cursor.peek() {
                Some(b'[' | b'(' | b'<') => {
                    if !self.group() {
                        return;
                    }
                }
                // Nobody puts levels in these.
                Some(b'{') => {
                    if self.cursor.group().is_none() {
                        return;
                    }
                }
                Some(b'%') => return self.cisco(),
                Some(b'0'..=b'9') => {
                    if after == After::Brackets && self.time() {
                        after = After::Time { numbers: 0 };
                    } else if !self.number(&mut after) {
                        return;
                    }
                }
                Some(b'A'..=b'Z' | b'a'..=b'z' | b'@' | b'_') => {
                    if self.cursor.nth(1) == Some(b'/') {
                        return self.tagged();
                    }
                    if self.level(after) || self.pairs(after) || !self.name() {
                        return;
                    }
                }
                _ => return,
            }
            if self.head.level.is_some() {
                return;
            }
        }
    }

    /// Whether a line of its own stands behind a time that another program put there (`kubectl logs --timestamps`,
    /// `docker logs -t`): JSON, or what begins with a time itself.
    fn begins_another(&self) -> bool {
        let rest = self.cursor.rest();
        match rest.as_bytes() {
            [b'{', rest @ ..] => rest.trim_ascii_start().starts_with(b"\""),
            [b'0'..=b'9', ..] => time::begin(rest).is_some(),
            [b'D' | b'I' | b'W' | b'E' | b'F', b'0'..=b'9', ..] => time::glog(&rest[1..]).is_some(),
            [b'D' | b'I' | b'W' | b'E' | b'F', b',', b' ', b'[', ..] => true,
            _ => false,
        }
    }

    /// Pairs of logfmt, and the level that may stand behind them and before a colon: `pid=42 tid=abc WARN: …` (Sidekiq),
    /// `user=ann,db=shop FATAL:  …` (PostgreSQL).
    fn pairs(&mut self, after: After) -> bool {
        let are_there = self.logfmt();
        let letters = self.cursor.letters();
        if are_there && self.head.level.is_none() && self.cursor.nth(letters) == Some(b':') {
            self.level(after);
        }
        are_there
    }

    /// A level as a word.
    fn level(&mut self, after: After) -> bool {
        let Some((level, length)) = levels::word(&self.cursor, after) else {
            return false;
        };
        self.cursor.advance(length);
        self.head.level = Some(level);
        true
    }

    /// Something in brackets: a level, or a time, or neither. Answers whether the head may go on behind it.
    fn group(&mut self) -> bool {
        let Some(group) = self.cursor.group() else {
            return false;
        };
        self.head.level = levels::in_brackets(group);
        if self.head.level.is_none() && self.head.ts.is_none() && !self.head.undated {
            self.dated_group(group);
        }
        true
    }

    /// `[2026-11-30T05:00:00Z ERROR my_crate]`, `[I 2026-11-30 05:00:00.123 App]`, `[05:00:00 INF]`.
    fn dated_group(&mut self, group: &'l str) {
        let behind = std::mem::replace(&mut self.cursor, Cursor::new(group));
        self.cursor.skip_blanks_and_colours();
        let letter = self.cursor.next(1);
        if self.cursor.nth(1) == Some(b' ') && levels::is_upper(letter) {
            self.cursor.advance(2);
            let read = time::glog(self.cursor.rest());
            if self.time() || read.is_some_and(|read| self.dated(read)) {
                self.head.level = level::of_letter(letter);
            }
        } else if group.len() == 10 && self.cursor.digits() == 10 {
            // unbound and Nagios.
            if let Some(ts) = time::text(group, self.here) {
                self.dated((When::At(ts), group.len()));
            }
        } else if self.time() {
            self.parts(After::Time { numbers: 0 });
            // Whatever else is in the brackets is no level.
        }
        self.cursor = behind;
    }

    /// The number of a process or a thread.
    fn number(&mut self, after: &mut After) -> bool {
        let digits = self.cursor.digits();
        let After::Time { numbers } = after else {
            return false;
        };
        if self.cursor.next(2) == "0x" {
            let token = self.cursor.token();
            self.cursor.advance(token);
            return true;
        }
        if self.cursor.nth(digits) != Some(b' ') && self.name() {
            return true;
        }
        let ends = matches!(self.cursor.nth(digits), Some(b' ' | b'\t'));
        if ends {
            *numbers += 1;
            self.cursor.advance(digits);
        }
        ends
    }

    /// logfmt's keys.
    fn logfmt(&mut self) -> bool {
        let (head, here) = (&mut self.head, self.here);
        logfmt::pairs(&mut self.cursor, |name, value| {
            let rank = Key::of(name).and_then(|key| key.found().rank);
            match rank.map(|rank| NAMES[usize::from(rank)].part) {
                Some(Part::Level(scale)) if head.level.is_none() => head.level = level::of_pair(value, scale),
                _ if name == "msg" && value.starts_with("audit(") && head.ts.is_none() => {
                    // auditd.
                    let when = value["audit(".len()..].split(':').next().unwrap_or_default();
                    head.ts = time::text(when, here);
                }
                Some(Part::Ts(_)) if head.ts.is_none() => {
                    head.ts = time::text(value, here);
                    head.undated = head.ts.is_none();
                }
                _ => {}
            }
            head.level.is_none() || head.ts.is_none()
        })
    }

    /// What another program wrote, behind the head of one that passed it on. Its level is the line's; its time only where
    /// the other one told none.
    fn line_inside(&mut self) {
        self.cursor.skip_blanks_and_colours();
        let rest = self.cursor.rest();
        if self.heads == MOST_HEADS {
            return;
        }
        if rest.starts_with('{') {
            self.head.level = level_of_object(rest, self.here);
            return;
        }
        let inner = inside(rest, self.here, self.heads + 1);
        self.head.level = self.head.level.or(inner.level);
        if self.head.ts.is_none() && !self.head.undated {
            (self.head.ts, self.head.undated) = (inner.ts, inner.undated);
        }
    }

    /// A time that stands here.
    fn time(&mut self) -> bool {
        match time::begin(self.cursor.rest()) {
            Some(read) => self.dated(read),
            None => false,
        }
    }

    /// A time of so many bytes stands here.
    fn dated(&mut self, (when, length): (When, usize)) -> bool {
        self.cursor.advance(length);
        self.syslog |= matches!(when, When::Yearless(_));
        if self.head.ts.is_none() {
            self.head.ts = when.resolve(self.here);
            self.head.undated = self.head.ts.is_none();
        }
        true
    }
}

fn level_of_object(json: &str, here: Here<'_>) -> Option<Level> {
    let json = json::repaired(json);
    let mut members = Vec::new();
    json::each_member(&json, |name, value| members.push((name, value.into())))?;
    let missing = Missing {
        ts: false,
        level: true,
        message: false,
    };
    members::find(&mut members, missing, here).level
}

#[cfg(test)]
mod tests;
