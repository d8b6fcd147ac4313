//! zstd frames. A few contexts for making and for reading them are kept: a new one costs more than the frame of a small
//! batch, and a kept one has nothing of the frames before. Each takes about a megabyte, so there are as many as work at
//! once, and not one for each thread that ever did.

use std::io;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Fast, and logs still shrink to a quarter.
const LEVEL: i32 = 1;
/// The table of places that were seen fits a processor's nearest cache, beside what is compressed. With the table of twice
/// the size that the level has for texts above 16 KiB, it takes 4 to 6 % longer, for 1 % more bytes at 230 kB (measured).
const HASH_LOG: u32 = 13;
/// Contexts of each kind that are kept while nobody needs them.
const KEPT: usize = 8;

/// Contexts that nobody needs now.
struct Idle<T>(Mutex<Vec<T>>);

static COMPRESSORS: Idle<Compressor<'static>> = Idle(Mutex::new(Vec::new()));
static DECOMPRESSORS: Idle<Decompressor<'static>> = Idle(Mutex::new(Vec::new()));

impl<T> Idle<T> {
    fn with<R>(
        &self,
        new: impl FnOnce() -> io::Result<T>,
        work: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let idle = self.0.lock().pop();
        let mut context = match idle {
            Some(context) => context,
            None => new()?,
        };
        let done = work(&mut context);
        let mut idle = self.0.lock();
        if idle.len() < KEPT {
            idle.push(context);
        }
        done
    }
}

/// A frame with a checksum: bytes that went bad on the disk are an error, and never other lines.
pub(super) fn of(ndjson: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSORS.with(compressor, |compressor| compressor.compress(ndjson))
}

fn compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
    Ok(compressor)
}

/// What is in a frame of at most so many bytes.
pub(super) fn read(frame: &[u8], most: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSORS.with(Decompressor::new, |decompressor| {
        decompressor.decompress(frame, most)
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

    #[test]
    fn no_more_contexts_are_kept_than_may_be_idle() {
        let text = b"words and words and words\n".repeat(100);
        std::thread::scope(|scope| {
            for _ in 0..4 * KEPT {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(read(&of(&text).unwrap(), text.len()).unwrap(), text);
                    }
                });
            }
        });
        let kept = (COMPRESSORS.0.lock().len(), DECOMPRESSORS.0.lock().len());
        assert!(kept.0 <= KEPT && kept.1 <= KEPT, "{kept:?}");
        assert!(kept.0 > 0 && kept.1 > 0, "{kept:?}");
    }
}
