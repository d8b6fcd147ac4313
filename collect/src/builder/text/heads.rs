//! How a line can begin, by its first byte.

use lines::Level;

use super::cursor::Cursor;
use super::levels::{self, After};
use super::{Reader, Scale, time};

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
        let mut behind = self.cursor;
        match behind.group() {
            Some("Nest") => {
                self.cursor = behind;
                return self.nest();
            }
            Some(group) if self.long(group) => return,
            _ => {}
        }
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

    /// `[ERROR] [2026-11-30 05:00:00] …`, `ERROR [main] 2026-11-30 05:00:00 …` (Cassandra).
    fn dated_behind(&mut self) {
        if let Some(group) = self.cursor.group() {
            match time::begin(group) {
                Some((when, _)) => self.dated((when, 0)),
                None => {
                    self.cursor.skip_separators();
                    self.time()
                }
            };
        }
    }

    /// How many digits there are, and what follows them, tells whose line it may be where no time stands: it is nobody's but
    /// theirs, or one of an access log.
    pub(super) fn digit_first(&mut self) {
        let line = self.cursor.rest();
        if self.time() {
            self.falco(&line[..line.len() - self.cursor.rest().len()]);
            if self.head.level.is_none() {
                self.parts(After::Time { numbers: 0 });
            }
            return;
        }
        let digits = self.cursor.digits();
        let is_known = match (digits, self.cursor.nth(digits)) {
            (2, Some(b'-')) => self.logcat(),
            (2, Some(b'/')) => time::spark(line).is_some_and(|read| self.doubtful(read)),
            (4 | 6 | 8, Some(b' ')) => time::glog(line).is_some_and(|read| self.doubtful(read)),
            (10, Some(b'.')) => self.unix(),
            (10, Some(b':')) => self.redis() || self.unix() || self.zabbix(),
            (_, Some(b':')) => self.redis() || self.zabbix(),
            (_, Some(b' ')) => self.vpc_flow(),
            _ => false,
        };
        if !is_known {
            self.access();
        }
    }

    /// `127.0.0.1 - ann [30/Nov/2026:05:00:00 +0100] "GET / HTTP/1.1" …`.
    pub(super) fn access(&mut self) {
        let bytes = self.cursor.bytes();
        let near = &bytes[..bytes.len().min(ACCESS)];
        // The first bracket with a blank before it, which is the second to the fifth.
        let blanks = near.iter().enumerate().filter(|&(_, &byte)| byte == b' ');
        let mut ends = blanks.take(5).map(|(at, _)| at + 1).enumerate();
        let Some((1.., at)) = ends.find(|&(_, at)| near.get(at) == Some(&b'[')) else {
            return;
        };
        if bytes.get(at + 3) != Some(&b'/') {
            return;
        }
        // No time has a bracket that would not be closed in it.
        let behind = &self.cursor.rest()[at + 1..];
        if let Some((when, length)) = time::begin(behind)
            && behind.as_bytes().get(length) == Some(&b']')
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
            Some(b'/') if letters == 1 => return self.tagged(),
            Some(b'(') if letters == 1 => return self.of_process(),
            Some(b' ' | b':') if self.kernel() => return,
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
        } else if scan.peek().is_some_and(|byte| byte.is_ascii_digit()) && token.contains(".log") {
            self.cursor = scan;
            if self.time() {
                self.parts(After::Time { numbers: 0 });
            }
        } else if matches!(token, "http" | "https" | "h2" | "grpcs" | "ws" | "wss") {
            // AWS' load balancers.
            self.cursor = scan;
            self.time();
        } else if token == "tls" {
            let version = scan.token();
            scan.advance(version);
            scan.skip_blanks_and_colours();
            self.cursor = scan;
            self.time();
        } else if is_owner(token) || scan.next(2) == "- " || token.contains('.') || token.contains(':') {
            self.access();
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
        if token == "heroku[router]:" && self.heroku(scan.rest()) {
            return false;
        }
        if let Some(level) = category(token, scan) {
            self.head.level = Some(level);
            return false;
        }
        if is_id(token) || token.len() > 1 && token.ends_with('|') {
            self.cursor = scan;
            return true;
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

    /// The program of a syslog's line: `app[42]:`, `unbound[42:0]`, and `kernel:` where the time is syslog's.
    fn is_program(&self, token: &str) -> bool {
        let numbered = || {
            let process = token.strip_suffix(']').and_then(|token| token.split_once('['));
            process.is_some_and(|(name, number)| {
                !name.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
            })
        };
        token.ends_with("]:") || numbered() || self.syslog && token.len() > 1 && token.ends_with(':')
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
}

/// The level behind a part of the program and before a colon: `general: error: …` (BIND), `wazuh-analysisd: ERROR: …`.
fn category(token: &str, behind: Cursor<'_>) -> Option<Level> {
    let part = token.strip_suffix(':')?;
    let is_part = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let letters = behind.letters();
    let (level, length) = levels::word(&behind, After::Nothing).filter(|_| is_part)?;
    (length == letters && letters > 1 && behind.nth(length) == Some(b':')).then_some(level)
}

/// What tells a request or a thread: a UUID, or none yet (AWS Lambda), Sidekiq's.
fn is_id(token: &str) -> bool {
    let is_uuid = token.len() == 36
        && token.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid || token == "undefined" || token.starts_with("TID-")
}

/// Whose bucket it is: access logs of AWS' S3 begin so.
fn is_owner(token: &str) -> bool {
    token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit())
}
