//! A place in a line.

use crate::builder::level;

/// Reads a line from its beginning. It stands between characters only: whatever it passes is ASCII, or whole words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'l> {
    rest: &'l str,
}

impl<'l> Cursor<'l> {
    pub(super) fn new(rest: &'l str) -> Self {
        Self { rest }
    }

    pub(super) fn rest(&self) -> &'l str {
        self.rest
    }

    pub(super) fn bytes(&self) -> &'l [u8] {
        self.rest.as_bytes()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes().first().copied()
    }

    pub(super) fn nth(&self, at: usize) -> Option<u8> {
        self.bytes().get(at).copied()
    }

    /// Passes so many bytes; to the end, where these are no whole characters.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Passes one byte, when it is this one.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.advance(1);
        }
        is_there
    }

    /// Answers how many bytes these were.
    pub(super) fn skip_blanks_and_colours(&mut self) -> usize {
        let begin = self.rest.len();
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.advance(1),
                Some(0x1b) => match level::colour(self.rest) {
                    Some(length) => self.advance(length),
                    None => break,
                },
                _ => break,
            }
        }
        begin - self.rest.len()
    }

    /// Passes what stands between the parts of a head: blanks, and dashes, bars and colons with a blank behind them.
    pub(super) fn skip_separators(&mut self) {
        loop {
            self.skip_blanks_and_colours();
            let Some(separator @ (b'-' | b'|' | b':' | b',' | b';')) = self.peek() else {
                return;
            };
            let run = self.bytes().iter().take_while(|&&byte| byte == separator).count();
            match self.nth(run) {
                Some(b' ' | b'\t' | b'[') | None if run <= 3 => self.advance(run),
                _ => return,
            }
        }
    }

    /// How many letters stand here.
    pub(super) fn letters(&self) -> usize {
        self.count(u8::is_ascii_alphabetic)
    }

    /// How many digits stand here.
    pub(super) fn digits(&self) -> usize {
        self.count(u8::is_ascii_digit)
    }

    /// How many bytes it is to the next blank, or the end.
    pub(super) fn token(&self) -> usize {
        self.count(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// How many bytes stand here that belong together.
    pub(super) fn count(&self, belongs: impl Fn(&u8) -> bool) -> usize {
        let bytes = self.bytes();
        bytes
            .iter()
            .position(|byte| !belongs(byte))
            .unwrap_or(bytes.len())
    }

    /// So many bytes from here.
    pub(super) fn next(&self, bytes: usize) -> &'l str {
        self.rest.get(..bytes).unwrap_or_default()
    }

    /// What stands in the brackets that begin here, which this passes. What is in them has its own brackets whole.
    pub(super) fn group(&mut self) -> Option<&'l str> {
        let (open, close) = match self.peek()? {
            b'[' => (b'[', b']'),
            b'(' => (b'(', b')'),
            b'<' => (b'<', b'>'),
            b'{' => (b'{', b'}'),
            _ => return None,
        };
        let mut depth = 0_usize;
        let mut before = 0;
        for (at, &byte) in self.bytes().iter().take(LONGEST_GROUP).enumerate() {
            // Those of a colour are none.
            let coloured = std::mem::replace(&mut before, byte) == 0x1b;
            if byte == open && !coloured {
                depth += 1;
            } else if byte == close {
                depth -= 1;
                if depth == 0 {
                    let inside = self.rest.get(1..at)?;
                    self.advance(at + 1);
                    return Some(inside);
                }
            }
        }
        None
    }
}

/// A longer one belongs to no head, in bytes.
const LONGEST_GROUP: usize = 200;
