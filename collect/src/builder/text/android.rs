//! Android's lines in every form that `logcat` prints: what stands around the letter tells which one it is.

use super::cursor::Cursor;
use super::levels::After;
use super::{Reader, level, time};

impl Reader<'_, '_> {
    /// `E/ActivityManager( 1702): …` (brief), `E/ActivityManager: …` (tag), and both behind a time.
    pub(super) fn tagged(&mut self) {
        let mut scan = self.cursor;
        scan.advance(2);
        let tag = scan.count(|&byte| byte.is_ascii_alphanumeric() || b"_.$-/".contains(&byte));
        scan.advance(tag);
        scan.skip_blanks_and_colours();
        let is_tag = tag > 2 && scan.next(2) == ": " || tag > 1 && process(&mut scan) && scan.pass(b':');
        if is_tag {
            self.head.level = level::of_letter(self.cursor.next(1));
        }
    }

    /// `E( 1702) …  (ActivityManager)` (process), `E( 1702: 2395) …  (ActivityManager)` (thread).
    pub(super) fn of_process(&mut self) {
        let mut scan = self.cursor;
        scan.advance(1);
        // Numbers are filled to five places.
        let is_filled = scan.rest().find(')').is_some_and(|end| end > 5);
        if is_filled && process(&mut scan) && scan.pass(b' ') {
            self.head.level = level::of_letter(self.cursor.next(1));
        }
    }

    /// `[ 11-30 05:00:00.123  1702: 2395 E/Net      ]` (long).
    pub(super) fn long(&mut self, group: &str) -> bool {
        let mut scan = Cursor::new(group);
        if !scan.pass(b' ') {
            return false;
        }
        let Some(read) = time::logcat(scan.rest()).or_else(|| time::begin(scan.rest())) else {
            return false;
        };
        scan.advance(read.1);
        scan.skip_blanks_and_colours();
        scan.advance(scan.count(|&byte| byte == b' ' || byte == b':' || byte.is_ascii_digit()));
        let letter = level::of_letter(scan.next(1)).filter(|_| scan.nth(1) == Some(b'/'));
        if letter.is_some() {
            self.dated((read.0, 0));
            self.head.level = letter;
        }
        letter.is_some()
    }

    /// `11-30 05:00:00.123  1702  2395 D Tag: …` (threadtime), `… D/Tag( 1702): …` (time); with its zone it is of a year that
    /// cannot be told.
    pub(super) fn logcat(&mut self) -> bool {
        let Some((when, length)) = time::logcat(self.cursor.rest()) else {
            return false;
        };
        let mut scan = self.cursor;
        scan.advance(length);
        let zone = matches!(scan.next(2), " +" | " -").then(|| {
            scan.advance(2);
            scan.digits()
        });
        let read = match zone {
            Some(4) => (time::When::OfDay, length + 6),
            _ => (when, length),
        };
        self.doubtful(read)
    }

    /// A time that may be something else: it counts with the level that goes with it.
    pub(super) fn doubtful(&mut self, read: (time::When, usize)) -> bool {
        let before = self.cursor;
        self.dated(read);
        self.parts(After::Time { numbers: 0 });
        let is_head = self.head.level.is_some();
        if !is_head {
            self.cursor = before;
            self.head = super::Head::default();
            self.syslog = false;
        }
        is_head
    }
}

/// `( 1702)`, `( 1702: 2395)`.
fn process(scan: &mut Cursor<'_>) -> bool {
    if !scan.pass(b'(') {
        return false;
    }
    let number = scan.count(|&byte| byte == b' ' || byte == b':' || byte.is_ascii_digit());
    let digits = scan.next(number).bytes().filter(u8::is_ascii_digit).count();
    scan.advance(number);
    digits > 0 && scan.pass(b')')
}
