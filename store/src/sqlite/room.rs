//! Whether there is room for more lines, and what is kept back so that a full store gets out of it by itself.
//!
//! Removing lines writes, too: to the journal, and from there over pages that are in the file already. So a disk that
//! appends may fill to its last byte is one that retention can never empty again. Two things are kept back:
//!
//! - **Appends are refused while less than a reserve is free**: on the disk, and in pages of the file that removed lines
//!   left, which the next lines take first. What is on the disk alone must not sink below a part of the reserve either,
//!   because the journal cannot use pages of the file. A ballast file would do no more, would have to be made again on a
//!   disk that is still nearly full, and would not see the pages.
//! - **The journal has some megabytes from the start.** They are written over and over. So lines can be removed even
//!   when others have filled the disk, as long as the journal's content is in the file by then: it is brought there after
//!   each commit while the disk is nearly full, and after each step of removing. (A disk that fills within moments may
//!   catch new lines in the journal; then it takes some room on the disk until anything can be removed.)
//!
//! Where the disk refuses although there seems to be room (a quota), it is asked again after a pause. Nothing of this is
//! remembered beyond the process: the next one looks for itself.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lines::StoreError;
use rusqlite::{Connection, ErrorCode};

/// On a small disk, at most this part of it is kept back.
const PART_OF_DISK: u64 = 8;
/// So much of the reserve has to be free on the disk itself.
const PART_ON_DISK: u64 = 4;
/// What is written lies in the journal and in the file for a while.
const WRITTEN_TWICE: u64 = 2;
/// What the journal has from the start, but no more than half the reserve.
const JOURNAL_BYTES: u64 = 8 * 1024 * 1024;
/// A piece of zeros that is written to the journal. The system keeps a file in memory in pieces as large as it was
/// written in: of 64 KiB, each commit of a line would count as that much to be written, and be so on file systems that
/// know no parts of a piece.
const JOURNAL_PIECE: usize = 4 * 1024;
/// How long a disk that refused is not asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How much one step of removing takes away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) batches: u64,
    /// In stored bytes.
    pub(super) bytes: i64,
    /// Pages that are given back to the file system.
    pub(super) pages: i64,
}

/// So that appends do not wait for long.
const USUAL: Steps = Steps {
    batches: 512,
    bytes: 16 * 1024 * 1024,
    pages: 4 * 1024,
};

/// So that the journal needs no more than it has.
const SMALL: Steps = Steps {
    batches: 32,
    bytes: 1024 * 1024,
    pages: 64,
};

/// What is free, in bytes.
#[derive(Debug, Clone, Copy)]
struct Free {
    disk: u64,
    file: u64,
}

/// The writing thread's view of the disk.
pub(super) struct Room {
    folder: PathBuf,
    journal: PathBuf,
    /// What is kept back, in bytes.
    reserve: u64,
    /// Why appends are refused, if they are.
    full: Option<String>,
    /// Whether that is because too little is free.
    short: bool,
    /// The disk refused then, whatever it says of itself, and has taken nothing since.
    refused_at: Option<Instant>,
    /// The journal may hold what is not in the file yet.
    untidy: bool,
}

impl Room {
    /// Keeps `reserve` bytes back for the database `file`.
    pub(super) fn new(file: &Path, reserve: u64) -> Self {
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let mut journal = file.as_os_str().to_owned();
        journal.push("-wal");
        let size =
            rustix::fs::statvfs(&folder).map_or(u64::MAX, |disk| disk.f_blocks.saturating_mul(disk.f_frsize));
        let room = Self {
            folder,
            journal: journal.into(),
            reserve: reserve.min(size / PART_OF_DISK),
            full: None,
            short: false,
            refused_at: None,
            untidy: true,
        };
        room.lengthen_journal();
        room
    }

    /// Looks whether `bytes` more may be written. The answer says why not.
    pub(super) fn look(&mut self, connection: &Connection, bytes: usize) -> Result<(), StoreError> {
        let disk = self.settle(connection);
        let may_try = !self.short && self.has_to_try();
        if let Some(why) = &self.full
            && !may_try
        {
            return Err(StoreError::Full(why.clone()));
        }
        let needed = self.reserve / PART_ON_DISK + bytes as u64 * WRITTEN_TWICE;
        match disk {
            Some(free) if free < needed => Err(StoreError::Full(format!(
                "{} are free on the disk of {}, too few for {} more",
                megabytes(free),
                self.folder.display(),
                megabytes(bytes as u64)
            ))),
            _ => Ok(()),
        }
    }

    /// Steps in which lines are removed now.
    pub(super) fn steps(&self) -> Steps {
        match self.full {
            None => USUAL,
            Some(_) => SMALL,
        }
    }

    /// Whether lines are refused. What is invisible is then deleted at once.
    pub(super) fn is_full(&self) -> bool {
        self.full.is_some()
    }

    /// Whether free pages have to go back to the file system, however few there are.
    pub(super) fn wants_pages_back(&self) -> bool {
        self.full.is_some() && self.disk().is_some_and(|free| free < self.needed_on_disk(true))
    }

    /// How much has to be free on the disk itself. A store that is full needs a little more to be so no longer, and what
    /// its journal lacks.
    fn needed_on_disk(&self, was_full: bool) -> u64 {
        let least = self.reserve / PART_ON_DISK;
        if was_full {
            least + self.margin() + self.journal_bytes().saturating_sub(self.journal_len())
        } else {
            least
        }
    }

    fn margin(&self) -> u64 {
        self.reserve / 8
    }

    /// What the journal has at least.
    fn journal_bytes(&self) -> u64 {
        JOURNAL_BYTES.min(self.reserve / 2)
    }

    fn journal_len(&self) -> u64 {
        std::fs::metadata(&self.journal).map_or(0, |journal| journal.len())
    }

    /// Whether the disk refused a while ago, so that one has to try whether it still does.
    pub(super) fn has_to_try(&self) -> bool {
        self.refused_at.is_some_and(|at| at.elapsed() >= PAUSE)
    }

    /// Something was written.
    pub(super) fn wrote(&mut self) {
        self.refused_at = None;
        self.untidy = true;
    }

    /// SQLite's word, as the seam's. Whatever the disk refused is certainly not written: it refuses before a commit
    /// counts.
    pub(super) fn refusal(&mut self, connection: &Connection, error: &rusqlite::Error) -> Option<StoreError> {
        if error.sqlite_error_code() != Some(ErrorCode::DiskFull) {
            return None;
        }
        self.refused_at = Some(Instant::now());
        self.settle(connection);
        self.full.clone().map(StoreError::Full)
    }

    /// After a step of removing while the store is full: the journal begins anew, and needs no more of the disk.
    pub(super) fn removed(&mut self, connection: &Connection) {
        if self.full.is_some() {
            self.untidy = !tidy(connection);
            let at_once = Instant::now().checked_sub(PAUSE);
            self.refused_at = self.refused_at.and(at_once);
            self.settle(connection);
        }
    }

    /// Looks at the disk, and says once when the store becomes full and when it is not any more. What is free on the disk
    /// then; `None` when the system does not say.
    fn settle(&mut self, connection: &Connection) -> Option<u64> {
        let disk = self.disk();
        let near = disk.is_none_or(|free| free < self.reserve.saturating_mul(2)) || self.full.is_some();
        let free = Free {
            disk: disk.unwrap_or(u64::MAX),
            file: if near { free_in_file(connection) } else { 0 },
        };
        metrics::gauge!("tailcast_store_free_bytes").set(free.disk.saturating_add(free.file) as f64);
        let tidies = near && self.untidy;
        if tidies {
            self.untidy = !tidy(connection);
        }
        let was = self.full.is_some();
        let shortage = self.shortage(free, was);
        self.short = shortage.is_some();
        self.full = shortage.or_else(|| {
            self.refused_at?;
            Some(format!("the disk of {} takes no more", self.folder.display()))
        });
        metrics::gauge!("tailcast_store_full").set(f64::from(u8::from(self.full.is_some())));
        match (was, &self.full) {
            (false, Some(why)) => {
                tracing::error!(
                    why,
                    "the store is full: lines are refused until there is more room"
                );
            }
            (true, None) => {
                self.lengthen_journal();
                tracing::info!(
                    free_bytes = free.disk.saturating_add(free.file),
                    "the store takes lines again"
                );
            }
            _ => {}
        }
        if tidies { self.disk() } else { disk }
    }

    /// What is too little, if anything is. A store that is full needs a little more than the reserve to be so no longer.
    fn shortage(&self, free: Free, was_full: bool) -> Option<String> {
        let margin = if was_full { self.margin() } else { 0 };
        let all = free.disk.saturating_add(free.file);
        let folder = self.folder.display();
        if all < self.reserve + margin || free.disk < self.needed_on_disk(was_full) {
            return Some(format!(
                "{} are free on the disk of {folder} and {} in the database, of which {} are kept back for removing lines",
                megabytes(free.disk),
                megabytes(free.file),
                megabytes(self.reserve),
            ));
        }
        None
    }

    /// `None` when the system does not say.
    fn disk(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Written out, for a file with holes would have no more than it uses. SQLite takes zeros for the journal's end.
    fn lengthen_journal(&self) {
        if let Err(error) = self.try_to_lengthen_journal() {
            tracing::debug!(%error, "the journal could not be made longer");
        }
    }

    fn try_to_lengthen_journal(&self) -> io::Result<()> {
        let mut options = File::options();
        let mut journal = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.journal)?;
        let mut missing = self.journal_bytes().saturating_sub(self.journal_len());
        let zeros = [0; JOURNAL_PIECE];
        while missing > 0 {
            let piece = missing.min(zeros.len() as u64);
            journal.write_all(&zeros[..piece as usize])?;
            missing -= piece;
        }
        Ok(())
    }
}

/// Brings the journal's content into the file; then the next commit writes it from its beginning again. Whether all of it is
/// there: readers may still need some, and are not waited for.
fn tidy(connection: &Connection) -> bool {
    let tidied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    });
    tidied.unwrap_or_else(|error| {
        tracing::debug!(%error, "the journal could not be brought into the database");
        false
    })
}

fn free_in_file(connection: &Connection) -> u64 {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    match (number("freelist_count"), number("page_size")) {
        (Ok(pages), Ok(size)) => pages.saturating_mul(size).unsigned_abs(),
        _ => 0,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_refuses_with_room_left_is_asked_again_after_a_pause() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("x");
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute("CREATE TABLE t (x)", []).unwrap();
        // As a quota does it: nothing more, though the disk has room.
        connection.pragma_update(None, "max_page_count", 3).unwrap();
        let mut room = Room::new(&file, 1024);
        room.look(&connection, 1).unwrap();
        let insert =
            |connection: &Connection| connection.execute("INSERT INTO t VALUES (zeroblob(100000))", []);

        let refused = insert(&connection).unwrap_err();
        let full = room.refusal(&connection, &refused).unwrap().to_string();
        assert!(
            full.starts_with("the store is full: the disk of ") && full.ends_with(" takes no more"),
            "{full}"
        );
        assert!(matches!(room.look(&connection, 1), Err(StoreError::Full(_))));
        assert!(!room.has_to_try());

        room.refused_at = Instant::now().checked_sub(PAUSE);
        assert!(room.has_to_try());
        room.look(&connection, 1).unwrap();
        connection.pragma_update(None, "max_page_count", 1000).unwrap();
        insert(&connection).unwrap();
        room.wrote();
        room.look(&connection, 1).unwrap();
        assert_eq!(room.full, None);
    }

    #[test]
    fn other_errors_say_nothing_of_the_disk() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("x");
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        let mut room = Room::new(&file, 1024);
        let error = connection.execute("no SQL", []).unwrap_err();
        assert!(room.refusal(&connection, &error).is_none());
        room.look(&connection, 1).unwrap();
    }
}
