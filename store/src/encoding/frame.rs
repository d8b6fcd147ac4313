//! zstd frames. Each thread keeps a context for making them and one for reading them: a new one costs more than the frame of
//! a small batch, and a kept one has nothing of the frames before.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

/// Fast, and logs still shrink to a quarter.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A frame with a checksum: bytes that went bad on the disk are an error, and never other lines.
pub(super) fn of(ndjson: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(compressor) => compressor.compress(ndjson),
        None => kept.insert(compressor()?).compress(ndjson),
    })
}

fn compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

/// What is in a frame of at most so many bytes.
pub(super) fn read(frame: &[u8], most: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(decompressor) => decompressor.decompress(frame, most),
        None => kept.insert(Decompressor::new()?).decompress(frame, most),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_was_damaged_says_nothing_about_the_next_one() {
        let text = b"words and words and words\n".repeat(100);
        let frame = of(&text).unwrap();
        let mut damaged = frame.clone();
        for byte in 4..damaged.len() {
            damaged[byte] ^= 0x55;
            assert!(read(&damaged, text.len()).is_err() || byte == 4, "{byte}");
            damaged[byte] ^= 0x55;
            assert_eq!(read(&frame, text.len()).unwrap(), text);
            assert_eq!(of(&text).unwrap(), frame);
        }
        assert!(read(&frame, text.len() - 1).is_err());
        assert_eq!(read(&frame, text.len()).unwrap(), text);
    }
}
