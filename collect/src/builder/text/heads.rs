//! How a line can begin, by its first byte.

use lines::Level;

use super::levels::{self, After};
use super::{Reader, Scale, level, time};
use crate::builder::time::When;

/// How far the time of an access log is looked for, in bytes.
const ACCESS: usize = 160;

impl Reader<'_, '_> {
    /// `<11>Nov 30 05:00:00 host app[42]: …`, `<165>1 2026-11-30T05:00:00Z host app …`, `<3>…` (sd-daemon), `<error> …`.
    pub(super) fn priority(&mut self) {
        let mut behind = self.cursor;
        behind.advance(1);
        let number = behind.next(behind.digits());
        behind.advance(number.len());
        if number.is_empty() || number.len() > 3 || !behind.pass(b'>') {
            return self.bracketed();
        }
        let Some(level) = Scale::of_priority(number) else {
            return;
        };
        self.head.level = Some(level);
        if behind.next(2) == "1 " {
            behind.advance(2);
        }
        self.cursor = behind;
        self.cursor.skip_separators();
        self.time();
    }

    /// `[error] 42#42: …`, `[2026-11-30T05:00:00Z ERROR app] …`, `[main] ERROR app - …`, `[42] 2026/11/30 05:00:00 [INF] …`.
    pub(super) fn bracketed(&mut self) {
        if self.group() {
            let dated = self.head.ts.is_some() || self.head.undated;
            if dated && self.head.level.is_none() {
                self.parts(After::Time { numbers: 0 });
            } else if self.head.level.is_none() {
                self.parts(After::Brackets);
            } else if !dated {
                self.cursor.skip_separators();
                if !self.time() && self.cursor.peek() == Some(b'[') {
                    self.dated_behind();
                }
            }
        }
    }

    /// `[ERROR] [2026-11-30 05:00:00] …`.
    fn dated_behind(&mut self) {
        if let Some(group) = self.cursor.group()
            && let Some((when, _)) = time::begin(group)
        {
            self.dated((when, 0));
        }
    }

    pub(super) fn digit_first(&mut self) {
        if self.time() {
            return self.parts(After::Time { numbers: 0 });
        }
        let rest = self.cursor.rest();
        if let Some(read) = time::logcat(rest).or_else(|| time::spark(rest)) {
            let before = self.cursor;
            self.dated(read);
            self.parts(After::Time { numbers: 0 });
            if self.head.level.is_none() {
                // Without the level that goes with it, it may be another day.
                self.cursor = before;
                self.head = super::Head::default();
            }
        } else if !self.redis() && !self.unix() {
            self.access();
        }
    }

    /// `42:M 30 Nov 2026 05:00:00.123 * Ready` (Redis).
    fn redis(&mut self) -> bool {
        let mut scan = self.cursor;
        scan.advance(scan.digits());
        if !scan.pass(b':')
            || !matches!(scan.peek(), Some(b'M' | b'S' | b'C' | b'X'))
            || scan.nth(1) != Some(b' ')
        {
            return false;
        }
        scan.advance(2);
        let Some(read) = time::begin(scan.rest()) else {
            return false;
        };
        self.cursor = scan;
        self.dated(read);
        self.cursor.skip_blanks_and_colours();
        self.head.level = match self.cursor.next(2) {
            ". " => Some(Level::Debug),
            "- " | "* " => Some(Level::Info),
            "# " => Some(Level::Warn),
            _ => None,
        };
        true
    }

    /// `1796014800.123    157 127.0.0.1 TCP_MISS/200 …` (Squid): Unix seconds with a fraction.
    fn unix(&mut self) -> bool {
        let token = self.cursor.next(self.cursor.token());
        let is_time = token.find('.') == Some(10) && token.len() > 13;
        match is_time.then(|| time::text(token, self.here)).flatten() {
            Some(ts) => self.dated((When::At(ts), token.len())),
            None => false,
        }
    }

    /// `127.0.0.1 - ann [30/Nov/2026:05:00:00 +0100] "GET / HTTP/1.1" …`.
    pub(super) fn access(&mut self) {
        let bytes = self.cursor.bytes();
        let near = &bytes[..bytes.len().min(ACCESS)];
        let Some(at) = memchr::memmem::find(near, b" [") else {
            return;
        };
        let blanks = near[..at].iter().filter(|&&byte| byte == b' ').count();
        if !(2..=4).contains(&blanks) || bytes.get(at + 4) != Some(&b'/') {
            return;
        }
        let mut scan = self.cursor;
        scan.advance(at + 1);
        if let Some(group) = scan.group()
            && let Some((when, length)) = time::begin(group)
            && length == group.len()
        {
            self.dated((when, 0));
        }
    }

    pub(super) fn letter_first(&mut self, coloured: bool) {
        let letters = self.cursor.letters();
        if letters == 3 && matches!(self.cursor.nth(letters), Some(b' ' | b',')) && self.time() {
            return self.parts(After::Time { numbers: 0 });
        }
        match self.cursor.nth(letters) {
            Some(b'0'..=b'9') if letters == 1 => return self.glog(),
            Some(b',') if letters == 1 => return self.ruby(),
            Some(b'/') if letters == 1 => return self.logcat_brief(),
            _ => {}
        }
        let behind = if coloured { After::Brackets } else { After::Nothing };
        if self.level(behind) {
            if self.cursor.peek() == Some(b'[') {
                return self.dated_behind();
            }
            self.cursor.skip_separators();
            if !self.time() && self.cursor.peek() == Some(b'[') {
                self.dated_behind();
            }
            return;
        }
        if matches!(
            self.cursor.nth(letters),
            Some(b'=' | b'.' | b'_' | b'-' | b'@' | b'/' | b'0'..=b'9')
        ) && self.logfmt()
        {
            return;
        }
        self.after_a_name();
    }

    /// `web-1  | …` (Docker Compose), `nova-api.log.1 2026-11-30 05:00:00 …`, `example.org - - [30/Nov/2026:05:00:00 +0100] …`.
    fn after_a_name(&mut self) {
        let token = self.cursor.next(self.cursor.token());
        if token.len() > 80 {
            return;
        }
        let mut scan = self.cursor;
        scan.advance(token.len());
        let blanks = scan.skip_blanks_and_colours();
        if blanks == 0 {
            return;
        }
        if scan.next(2) == "| " {
            scan.advance(2);
            self.cursor = scan;
            self.line_inside();
        } else if token.contains(".log") && scan.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.cursor = scan;
            if self.time() {
                self.parts(After::Time { numbers: 0 });
            }
        } else if scan.next(2) == "- " || token.contains('.') || token.contains(':') {
            self.access();
        }
    }

    /// `E1130 05:00:00.123456       1 reflector.go:138] …`.
    fn glog(&mut self) {
        let Some(level) = level::of_letter(self.cursor.next(1)) else {
            return;
        };
        let mut scan = self.cursor;
        scan.advance(1);
        let Some(read) = time::glog(scan.rest()) else {
            return;
        };
        scan.advance(read.1);
        let head = scan.bytes();
        if memchr::memmem::find(&head[..head.len().min(ACCESS)], b"] ").is_some() {
            self.dated(read);
            self.head.level = Some(level);
        }
    }

    /// `E, [2026-11-30T05:00:00.123456 #42] ERROR -- : …`.
    fn ruby(&mut self) {
        let letter = self.cursor.next(1);
        let mut scan = self.cursor;
        scan.advance(1);
        if scan.next(3) != ", [" {
            return;
        }
        scan.advance(2);
        if let Some(group) = scan.group()
            && let Some((when, _)) = time::begin(group)
        {
            self.dated((when, 0));
            // Ruby's `A` is `ANY`: no level.
            self.head.level = level::of_letter(letter);
        }
    }

    /// `E/ActivityManager( 1702): …`: a tag has no blank in it, and may be filled with some.
    fn logcat_brief(&mut self) {
        let mut scan = self.cursor;
        scan.advance(2);
        let tag = scan.count(|&byte| byte > b' ' && !matches!(byte, b'(' | b':'));
        scan.advance(tag);
        scan.skip_blanks_and_colours();
        let is_brief = tag > 1
            && scan.pass(b'(')
            && {
                let number = scan.count(|&byte| byte == b' ' || byte.is_ascii_digit());
                scan.advance(number);
                number > 0
            }
            && scan.pass(b')')
            && scan.pass(b':');
        if is_brief {
            self.head.level = level::of_letter(self.cursor.next(1));
        }
    }

    /// A word of the head that is no level: a logger's name between dashes or bars, who asks (`user@database`), the stream of
    /// a container, a syslog's host and program. Answers whether the head goes on behind it.
    pub(super) fn name(&mut self) -> bool {
        let token = self.cursor.next(self.cursor.token());
        let mut scan = self.cursor;
        scan.advance(token.len());
        if self.channel(token) || self.php(token) {
            return false;
        }
        let blanks = scan.skip_blanks_and_colours();
        if blanks == 0 {
            return false;
        }
        if matches!(token, "stdout" | "stderr") && matches!(scan.next(2), "F " | "P ") {
            scan.advance(2);
            self.cursor = scan;
            self.line_inside();
            return false;
        }
        if scan.rest().starts_with("- ") || scan.rest().starts_with("| ") || token.contains('@') {
            self.cursor = scan;
            return true;
        }
        let program = if self.is_program(token) {
            Some(scan)
        } else {
            let token = scan.next(scan.token());
            scan.advance(token.len());
            self.is_program(token).then_some(scan)
        };
        if let Some(said) = program {
            self.cursor = said;
            self.line_inside();
        }
        false
    }

    /// The program of a syslog's line: `app[42]:`, and `kernel:` where the time is syslog's.
    fn is_program(&self, token: &str) -> bool {
        token.ends_with("]:") || self.syslog && token.len() > 1 && token.ends_with(':')
    }

    /// `production.ERROR: …` (Monolog's lines, Laravel's).
    fn channel(&mut self, token: &str) -> bool {
        let level = token.strip_suffix(':').and_then(|token| {
            let (_, level) = token.rsplit_once('.')?;
            Level::of_word(level).filter(|_| levels::is_upper(level))
        });
        self.head.level = self.head.level.or(level);
        level.is_some()
    }

    /// `PHP Warning:  …`, `PHP Fatal error:  …`.
    fn php(&mut self, token: &str) -> bool {
        if token != "PHP" {
            return false;
        }
        let said = self.cursor.rest().get(4..).unwrap_or_default();
        let kind = said.split_once(':').map_or("", |(kind, _)| kind);
        self.head.level = match kind {
            "Notice" | "Deprecated" => Some(Level::Info),
            "Warning" => Some(Level::Warn),
            "Fatal error" | "Parse error" | "Recoverable fatal error" => Some(Level::Error),
            _ => None,
        };
        self.head.level.is_some()
    }
}
