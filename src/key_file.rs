//! The key of a lone installation: made at the first start, kept in the data folder, read by the commands that run
//! on the same machine.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use auth::{Key, KeyError};

/// Why the data folder has no key that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    /// It cannot be read, or there is none.
    #[error("the key {} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It cannot be made.
    #[error("the key {} cannot be made: {error}; make the folder writable, or choose another with --data", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody else wrote it.
    #[error("the key {} cannot be used: {error}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
}

/// The key's file in a data folder.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("key")
}

/// Reads the key of a data folder.
pub(crate) fn read(data: &Path) -> Result<Key, KeyFileError> {
    let path = path(data);
    let text = fs::read_to_string(&path).map_err(|error| KeyFileError::Unreadable {
        path: path.clone(),
        error,
    })?;
    Key::from_text(text.trim_end()).map_err(|error| KeyFileError::Bad { path, error })
}

/// Reads the key of a data folder, and makes folder and key when there are none. The key is whole before it has its
/// name, so that no crash and no second process leaves half of one.
pub(crate) fn read_or_make(data: &Path) -> Result<Key, KeyFileError> {
    let path = path(data);
    match fs::exists(&path) {
        Ok(true) => return read(data),
        Ok(false) => {}
        Err(error) => return Err(KeyFileError::Unreadable { path, error }),
    }
    match make(data, &path) {
        Ok(()) => read(data),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(data),
        Err(error) => Err(KeyFileError::Unwritable { path, error }),
    }
}

fn make(data: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let draft = data.join(format!("key.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    let bytes: [u8; 32] = rand::random();
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(file, "{text}")?;
    file.sync_all()?;
    // A link fails where the name is taken; a rename would put another key in its place.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_start_makes_a_key_that_nobody_else_can_read_and_later_ones_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        let made = read_or_make(&data).unwrap();
        assert_eq!(
            fs::metadata(path(&data)).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no draft is left behind");
        assert!(read_or_make(&data).unwrap() == made && read(&data).unwrap() == made);
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(folder.path()), "short\n").unwrap();
        let error = read_or_make(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("key cannot be used: the key has 5 bytes"),
            "{error}"
        );
        let error = read(&folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(error.contains("nowhere/key cannot be read"), "{error}");
    }
}
