//! What `send` reads: files and standard input, one after the other, in pieces that become lines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use client::{Marks, Sender};
use lines::charset::{Charset, Decoder};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard input.
    Input,
    /// A file, or whatever else can be opened.
    File(PathBuf),
}

impl Source {
    /// Those that are named: `-` is standard input, and so is nothing.
    pub(super) fn all(files: &[PathBuf]) -> Vec<Self> {
        let named = files.iter().map(|file| {
            if file == Path::new("-") {
                Self::Input
            } else {
                Self::File(file.clone())
            }
        });
        let named: Vec<Self> = named.collect();
        if named.is_empty() {
            vec![Self::Input]
        } else {
            named
        }
    }

    /// Whether it is there and can be read as lines, before anything is sent. A pipe is not opened for that.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        let about = std::fs::metadata(path).with_context(|| unreadable(path))?;
        anyhow::ensure!(
            !about.is_dir(),
            "{} is a folder: name the files in it",
            path.display()
        );
        if about.is_file() {
            std::fs::File::open(path).with_context(|| unreadable(path))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        match self {
            Self::Input => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    async fn open(&self) -> anyhow::Result<Box<dyn AsyncRead + Unpin + Send>> {
        Ok(match self {
            Self::Input => Box::new(tokio::io::stdin()),
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await;
                Box::new(file.with_context(|| unreadable(path))?)
            }
        })
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

/// How sources are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The bytes of a line that are kept while it comes: what is beyond them is left out, and counted.
    pub(super) longest: usize,
    /// The character set of what has no mark.
    pub(super) charset: Option<Charset>,
    /// After so long without anything new, a line that has no end yet is a line.
    pub(super) partial_after: Duration,
}

/// What was read and not pushed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Whole lines, which the sender took no more.
    pub(super) left: u64,
    /// The bytes of a line that was begun when somebody asked to stop.
    pub(super) half: Option<u64>,
}

/// Why reading ended, where nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The source has no more.
    AtTheEnd,
    /// The sender takes no more, or somebody asked to stop.
    Before,
}

/// Pushes the lines of all sources, in their order. What ends a source ends a line.
pub(super) async fn read_all(
    sources: &[Source],
    reading: Reading,
    sender: &mut Sender,
    stops: &watch::Receiver<u32>,
    rest: &mut Rest,
) -> anyhow::Result<()> {
    for source in sources {
        let mut opened = source.open().await?;
        let ended = read_lines(&mut opened, reading, sender, stops.clone(), rest).await;
        let ended = ended.with_context(|| format!("{} cannot be read to its end", source.name()))?;
        if ended == Ended::Before {
            break;
        }
    }
    Ok(())
}

/// Pushes lines until the source ends, the sender stops, or somebody asks to stop; `rest` is what then was not pushed. A line
/// needs no end at the end of the source, and is none where it was cut by a stop.
async fn read_lines(
    source: &mut (impl AsyncRead + Unpin),
    reading: Reading,
    sender: &mut Sender,
    mut stops: watch::Receiver<u32>,
    rest: &mut Rest,
) -> std::io::Result<Ended> {
    let mut chunk = vec![0; READ_BYTES];
    let mut text = Vec::new();
    let mut decoder = Decoder::new(reading.charset);
    let mut line = Line::new(reading.longest);
    loop {
        let quiet = tokio::time::sleep(reading.partial_after);
        let read = tokio::select! {
            biased;
            _ = stops.wait_for(|asked| *asked > 0) => {
                rest.half = Some(line.bytes()).filter(|&bytes| bytes > 0);
                return Ok(Ended::Before);
            }
            () = sender.stopped() => return Ok(Ended::Before),
            read = source.read(&mut chunk) => read?,
            () = quiet, if !line.is_empty() => {
                rest.left = 1;
                if line.push_partial(sender).await.is_err() {
                    return Ok(Ended::Before);
                }
                rest.left = 0;
                continue;
            }
        };
        text.clear();
        let ended = read == 0;
        let piece = if decoder.passes() && !ended {
            &chunk[..read]
        } else {
            decoder.decode(&chunk[..read], &mut text);
            if ended {
                decoder.finish(&mut text);
            }
            text.as_slice()
        };
        if push_lines(piece, &mut line, sender, rest).await.is_err() {
            return Ok(Ended::Before);
        }
        if ended {
            break;
        }
    }
    if !line.is_empty() {
        rest.left = 1;
        if line.push(sender).await.is_err() {
            return Ok(Ended::Before);
        }
        rest.left = 0;
    }
    Ok(Ended::AtTheEnd)
}

/// Pushes what ends in `piece`, and keeps the beginning of what does not.
async fn push_lines(
    piece: &[u8],
    line: &mut Line,
    sender: &mut Sender,
    rest: &mut Rest,
) -> Result<(), client::Stopped> {
    // Counted before they are pushed: whoever asks twice to stop asks while a push waits.
    rest.left = piece.iter().filter(|&&byte| byte == b'\n').count() as u64;
    for part in piece.split_inclusive(|&byte| byte == b'\n') {
        match part.split_last() {
            Some((b'\n', part)) => {
                line.take(part);
                line.push(sender).await?;
                rest.left -= 1;
            }
            _ => line.take(part),
        }
    }
    Ok(())
}

/// A line while it comes.
struct Line {
    kept: Vec<u8>,
    longest: usize,
    /// How many bytes came that are not kept.
    beyond: u64,
    /// Its beginning was pushed, and what comes next may be its end alone.
    is_pushed: bool,
}

impl Line {
    fn new(longest: usize) -> Self {
        Self {
            kept: Vec::new(),
            longest,
            beyond: 0,
            is_pushed: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    fn bytes(&self) -> u64 {
        self.kept.len() as u64 + self.beyond
    }

    fn take(&mut self, mut part: &[u8]) {
        if self.is_empty() {
            // A hole: the file was emptied while somebody wrote it. It can be longer than any line.
            let hole = part.iter().take_while(|&&byte| byte == 0).count();
            part = &part[hole..];
        }
        let room = self.longest.saturating_sub(self.kept.len());
        let (kept, beyond) = part.split_at(part.len().min(room));
        self.kept.extend_from_slice(kept);
        self.beyond += beyond.len() as u64;
    }

    /// Its end has come.
    async fn push(&mut self, sender: &mut Sender) -> Result<(), client::Stopped> {
        let is_end_alone = matches!(self.kept.as_slice(), b"" | b"\r");
        if std::mem::take(&mut self.is_pushed) && is_end_alone {
            self.kept.clear();
            return Ok(());
        }
        self.give(sender, false).await
    }

    /// Its end has not come for so long that it is a line; what comes later is another one.
    async fn push_partial(&mut self, sender: &mut Sender) -> Result<(), client::Stopped> {
        self.give(sender, true).await?;
        self.is_pushed = true;
        Ok(())
    }

    async fn give(&mut self, sender: &mut Sender, partial: bool) -> Result<(), client::Stopped> {
        let marks = Marks {
            cut: std::mem::take(&mut self.beyond),
            partial,
        };
        sender.push_marked(&self.kept, marks).await?;
        self.kept.clear();
        Ok(())
    }
}

#[cfg(test)]
#[path = "input/tests.rs"]
mod tests;
