//! The files of the store are for its owner alone: all logs are in them.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Everybody but the owner.
const OTHERS: u32 = 0o077;

/// Makes the folder, and those above it that are missing. One that is there is somebody's choice, and stays as it is.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & OTHERS != 0 {
        tracing::warn!(
            folder = %folder.display(),
            "others can look into the data folder: `chmod 700` it, or name one of its own with --data"
        );
    }
    Ok(())
}

/// Makes the database's file where there is none. What SQLite makes beside it gets its permissions.
pub(super) fn make_file(file: &Path) -> io::Result<()> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)?;
    for ending in ["", "-wal", "-shm"] {
        tighten(&with_ending(file, ending));
    }
    Ok(())
}

/// A file of an older version may be read by all.
fn tighten(file: &Path) {
    let Ok(found) = fs::metadata(file) else { return };
    if found.permissions().mode() & OTHERS == 0 {
        return;
    }
    if let Err(error) = fs::set_permissions(file, Permissions::from_mode(0o600)) {
        tracing::warn!(file = %file.display(), %error, "others can read the store, and that cannot be changed");
    }
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
