//! How the lines of single programs begin, which nobody else's do.

use lines::Level;

use super::levels::{self, After};
use super::{Reader, Scale, level, time};
use crate::builder::time::When;

/// How far the end of glog's head is looked for, in bytes.
const HEAD: usize = 160;

impl Reader<'_, '_> {
    /// `E1130 05:00:00.123456       1 reflector.go:138] …`, `I261130 05:00:00.123456 42 server/server.go:123 ⋮ [n1] …`
    /// (CockroachDB).
    pub(super) fn glog(&mut self) {
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
        let is_glog = memchr::memmem::find(&head[..head.len().min(HEAD)], b"] ").is_some();
        if is_glog || self.is_cockroach(scan) {
            self.dated(read);
            self.head.level = Some(level);
        }
    }

    /// A goroutine, and the place in its source: perhaps with a channel before it.
    fn is_cockroach(&self, mut scan: super::Cursor<'_>) -> bool {
        scan.skip_blanks_and_colours();
        let goroutine = scan.digits();
        scan.advance(goroutine);
        let source = |source: &str| source.contains(".go:");
        goroutine > 0 && scan.pass(b' ') && source(scan.next(scan.token()))
    }

    /// `E, [2026-11-30T05:00:00.123456 #42] ERROR -- : …`.
    pub(super) fn ruby(&mut self) {
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

    /// `42:M 30 Nov 2026 05:00:00.123 * Ready` (Redis).
    pub(super) fn redis(&mut self) -> bool {
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

    /// `PHP Warning:  …`, `PHP Fatal error:  …`.
    pub(super) fn php(&mut self, token: &str) -> bool {
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

    /// `[Nest] 42  - 11/30/2026, 5:00:00 AM     LOG [NestFactory] …`: the date is as the reader's country writes it. Where
    /// that is not told, neither is the time.
    pub(super) fn nest(&mut self) {
        let rest = level::uncoloured(self.cursor.rest());
        let Some((_, said)) = rest.split_once("- ") else {
            return;
        };
        let is_mark = |byte: &u8| byte.is_ascii_digit() || b"/.,:- ".contains(byte);
        let (when, behind) = said.split_at(said.bytes().take_while(|byte| is_mark(byte)).count());
        if !when.contains(':') {
            return;
        }
        let half = ["AM ", "PM "].into_iter().find(|half| behind.starts_with(half));
        self.head.ts = half
            .and_then(|_| time::american(&said[..when.len() + 2]))
            .and_then(|when| when.resolve(self.here));
        self.head.undated = self.head.ts.is_none();
        let word = half.map_or(behind, |half| &behind[half.len()..]).trim_start();
        let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
        if word[letters..].starts_with(' ') {
            self.head.level = Level::of_word(&word[..letters]);
        }
    }

    /// `05:00:00.123456789: Error File below /etc opened` (Falco): nobody else writes nanoseconds and a colon.
    pub(super) fn falco(&mut self, time: &str) {
        let nanos = time.split_once('.').map_or("", |(_, fraction)| fraction);
        let digits = nanos.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(said) = self.cursor.rest().strip_prefix(": ")
            && digits == 9
            && let Some((word, _)) = said.split_once(' ')
            && word.starts_with(|first: char| first.is_ascii_uppercase())
        {
            self.head.level = Level::of_word(word);
        }
    }

    /// `    42:20261130:050000.123 Starting Zabbix Server.`
    pub(super) fn zabbix(&mut self) -> bool {
        let mut scan = self.cursor;
        scan.advance(scan.digits());
        if !scan.pass(b':') || scan.digits() != 8 || scan.nth(8) != Some(b':') {
            return false;
        }
        time::zabbix(scan.rest()).is_some_and(|read| self.dated(read))
    }

    /// `1796014800.123    157 127.0.0.1 TCP_MISS/200 …` (Squid), `1796014800.123  1702  2395 E Tag: …` (Android),
    /// `1796014800.123456 host app[42]: …` (systemd): Unix seconds with a fraction; or `1796014800: …` (Mosquitto).
    pub(super) fn unix(&mut self) -> bool {
        let token = self.cursor.next(self.cursor.token());
        let number = token.strip_suffix(':').unwrap_or(token);
        let is_time = match number.find('.') {
            Some(point) => point == 10 && number.len() > 13 && number.len() == token.len(),
            None => number.len() == 10 && number.len() < token.len(),
        };
        let Some(ts) = is_time.then(|| time::text(number, self.here)).flatten() else {
            return false;
        };
        self.dated((When::At(ts), number.len()));
        self.parts(After::Time { numbers: 0 });
        true
    }

    /// `2 123456789010 eni-1235b8ca123456789 10.0.0.1 10.0.0.2 443 5000 6 20 4249 1796014800 1796014860 ACCEPT OK`: a VPC's flow
    /// begins at the eleventh place.
    pub(super) fn vpc_flow(&mut self) -> bool {
        let mut places = self.cursor.rest().split(' ');
        let is_flow = places.nth(2).is_some_and(|place| place.starts_with("eni-"));
        if let (true, Some(begin)) = (is_flow, places.nth(7))
            && begin.len() == 10
            && let Some(ts) = time::text(begin, self.here)
        {
            return self.dated((When::At(ts), 0));
        }
        false
    }

    /// `=ERROR REPORT==== 30-Nov-2026::05:00:00.123456 ===` (Erlang).
    pub(super) fn erlang(&mut self) {
        let Some((kind, when)) = self.cursor.rest()[1..].split_once(" REPORT==== ") else {
            return;
        };
        if let Some((when, _)) = time::begin(when) {
            self.dated((when, 0));
            self.head.level = Level::of_word(kind).filter(|_| levels::is_upper(kind));
        }
    }

    /// `%LINK-3-UPDOWN: …` (Cisco): the number is syslog's.
    pub(super) fn cisco(&mut self) {
        let mnemonic = &self.cursor.next(self.cursor.token())[1..];
        let mut parts = mnemonic.split('-');
        let facility = parts.next().unwrap_or_default();
        let is_name = |name: &str| {
            name.len() > 1
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if is_name(facility)
            && let Some(number) = parts.find(|part| part.len() == 1)
            && mnemonic.ends_with(':')
        {
            self.head.level = Scale::of_severity(number);
        }
    }

    /// `kern  :err   : [12345.678901] …` (`dmesg -x`).
    pub(super) fn kernel(&mut self) -> bool {
        let facility = self.cursor.next(self.cursor.letters());
        if !matches!(facility, "kern" | "user" | "daemon" | "auth" | "syslog") {
            return false;
        }
        let mut parts = self.cursor.rest().splitn(3, ':').skip(1);
        let (Some(level), Some(said)) = (parts.next(), parts.next()) else {
            return false;
        };
        let level = Level::of_word(level.trim_end()).filter(|_| said.starts_with(" ["));
        self.head.level = self.head.level.or(level);
        level.is_some()
    }

    /// `heroku[router]: at=error code=H12 …`.
    pub(super) fn heroku(&mut self, said: &str) -> bool {
        let level = said.strip_prefix("at=").and_then(|said| {
            let (level, _) = said.split_once(' ')?;
            Level::of_word(level)
        });
        self.head.level = self.head.level.or(level);
        level.is_some()
    }
}
