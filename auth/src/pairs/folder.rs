//! Where a node has the private halves: files `NAME.pem`, of which those that it makes itself are called like their key, and
//! can be read by nobody else.
//!
//! Beside them, `active` says which of them signs, for the commands that make tokens on the same machine.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pair::{KeyPair, PairError};
use crate::signing::Signer;

/// The largest file that is read as a key, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Private keys, and the word which one signs.
#[derive(Debug, Clone)]
pub struct Folder {
    keys: PathBuf,
    /// The file that says which one is active. It lies in the data folder, where keys may lie elsewhere.
    active: PathBuf,
}

/// A key that lies in the folder.
#[derive(Debug)]
pub struct Held {
    /// The key.
    pub pair: KeyPair,
    path: PathBuf,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read or written.
    #[error("the keys in {} cannot be used: {error}", path.display())]
    Io {
        /// Which file or folder.
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
        error: PairError,
    },
    /// It says nothing that could be understood.
    #[error("{} does not say which key signs: start the node once more", path.display())]
    NoWord {
        /// Which file.
        path: PathBuf,
    },
}

/// What `active` says.
#[derive(Serialize, Deserialize)]
struct Word {
    file: PathBuf,
    /// In seconds.
    longest: u64,
}

impl Folder {
    /// Of a data folder, whose keys may lie in another one.
    pub fn new(data: &Path, keys: Option<&Path>) -> Self {
        let own = data.join("keys");
        Self {
            active: own.join("active"),
            keys: keys.map_or(own, Path::to_owned),
        }
    }

    /// What lies there. Without a folder nothing does.
    pub fn read(&self) -> Result<Vec<Held>, FolderError> {
        let listed = match fs::read_dir(&self.keys) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&self.keys)(error)),
        };
        let mut held = Vec::new();
        for file in listed {
            let path = file.map_err(io_error(&self.keys))?.path();
            if path.extension().is_some_and(|it| it == "pem") {
                held.push(Held {
                    pair: read_pair(&path)?,
                    path,
                });
            }
        }
        Ok(held)
    }

    /// Keeps a key, durably, before anybody hears of it.
    pub fn keep(&self, pair: &KeyPair) -> Result<(), FolderError> {
        let path = self.keys.join(format!("{}.pem", pair.public().kid()));
        let pem = pair.to_pem().map_err(|error| FolderError::Bad {
            path: path.clone(),
            error,
        })?;
        written(&path, &pem).map_err(io_error(&path))
    }

    /// Forgets a key that signs nothing any more, where this node made it. One that somebody put there is theirs to take away.
    pub fn forget(&self, held: &Held) -> Result<(), FolderError> {
        let own = self.keys.join(format!("{}.pem", held.pair.public().kid()));
        if held.path != own {
            return Ok(());
        }
        fs::remove_file(&own).map_err(io_error(&own))
    }

    /// Says which key signs, and how long its tokens last at the most.
    pub fn say_active(&self, held: &Held, longest: Duration) -> Result<(), FolderError> {
        let file = fs::canonicalize(&held.path).map_err(io_error(&held.path))?;
        let longest = longest.as_secs();
        let text = serde_json::to_string(&Word { file, longest }).unwrap_or_default();
        written(&self.active, &text).map_err(io_error(&self.active))
    }

    /// Says that none signs.
    pub fn say_none(&self) -> Result<(), FolderError> {
        match fs::remove_file(&self.active) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&self.active)(error)),
            _ => Ok(()),
        }
    }

    /// What signs, as it was said last; nothing where it never was.
    pub fn signer(&self) -> Result<Option<Signer>, FolderError> {
        let text = match fs::read_to_string(&self.active) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&self.active)(error)),
        };
        let word: Word = serde_json::from_str(&text).map_err(|_| FolderError::NoWord {
            path: self.active.clone(),
        })?;
        let pair = read_pair(&word.file)?;
        Ok(Some(Signer::pair(pair, Duration::from_secs(word.longest))))
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Io {
        path: path.clone(),
        error,
    }
}

fn read_pair(path: &Path) -> Result<KeyPair, FolderError> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(io_error(path))?;
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(io_error(path))?;
    KeyPair::from_pem(&text).map_err(|error| FolderError::Bad {
        path: path.to_owned(),
        error,
    })
}

/// Whole before it has its name, and on the disk before this ends.
fn written(path: &Path, text: &str) -> io::Result<()> {
    let Some(folder) = path.parent() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(folder)?.sync_all()
}
