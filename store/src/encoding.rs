//! How a batch's bytes are written down, and how they are read back without trusting them.
//!
//! Knows no database: both implementations keep either the NDJSON itself or a zstd frame of it.

mod frame;

use bytes::Bytes;
use lines::{Lines, Offset, StoreError, Timestamp};
use serde::de::IgnoredAny;

/// How batches are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// zstd level 1, where that makes a batch smaller.
    #[default]
    Zstd,
    /// As they are.
    None,
}

/// The most NDJSON one batch can have, in bytes. A collector's batches stay far below it; a MongoDB document ends at
/// 16 MiB. It also bounds what a damaged batch can make a reader allocate.
pub(super) const MOST_NDJSON: usize = 12 * 1024 * 1024;

/// The most lines one batch can have: no line is shorter than this with its time and its message.
const MOST_LINES: i64 = (MOST_NDJSON / 48) as i64;

/// A batch of fewer bytes is kept as it is: a frame would save a few dozen of them, and cost more than storing the batch.
const LEAST_COMPRESSED: usize = 512;

/// So many bytes are compressed where they are: a hop to another thread and back costs about as much.
const IN_PLACE: usize = 32 * 1024;

/// More of them are compressed in pieces of so many bytes at least, side by side.
const PIECE: usize = 256 * 1024;

/// Where a batch ends that begins at `first` and claims to have so many lines. When the claim cannot be right, the batch
/// ends where the largest one would: no offset that was ever given is given again (invariants 2 and 3).
pub(super) fn end_of(first: Offset, claimed: Option<i64>) -> Offset {
    let count = claimed.filter(|count| (1..=MOST_LINES).contains(count));
    first.plus(count.unwrap_or(MOST_LINES).unsigned_abs())
}

/// The bytes to store instead of each of `texts`, when compressing makes them fewer. Much is compressed on threads where
/// that holds up nobody else.
pub(super) async fn compress_all(texts: Vec<Bytes>, compression: Compression) -> Vec<Option<Vec<u8>>> {
    if compression == Compression::None || work(&texts) <= IN_PLACE {
        return texts.iter().map(|text| compress(text, compression)).collect();
    }
    let mut pieces = Vec::new();
    let mut left = texts.as_slice();
    // No more pieces than can be worked on at once: each has a context of its own.
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let full = (work(&texts) / processors).max(PIECE);
    while !left.is_empty() {
        let (piece, rest) = left.split_at(piece(left, full));
        left = rest;
        let texts = piece.to_vec();
        let compressing = tokio::task::spawn_blocking(move || {
            let compressed = texts.iter().map(|text| compress(text, compression));
            compressed.collect::<Vec<_>>()
        });
        pieces.push((piece.len(), compressing));
    }
    let mut all = Vec::with_capacity(texts.len());
    for (texts, compressing) in pieces {
        // What nobody could compress is stored as it is.
        all.extend(compressing.await.unwrap_or_else(|_| vec![None; texts]));
    }
    all
}

/// Bytes that there are to compress.
fn work(texts: &[Bytes]) -> usize {
    let lengths = texts.iter().map(Bytes::len);
    lengths.filter(|&length| length >= LEAST_COMPRESSED).sum()
}

/// How many of the texts, at least one, make a piece of `full` bytes.
fn piece(texts: &[Bytes], full: usize) -> usize {
    let mut bytes = 0;
    let last = texts.iter().position(|text| {
        bytes += text.len();
        bytes >= full
    });
    last.map_or(texts.len(), |last| last + 1)
}

/// The bytes to store instead of `ndjson`, when compressing makes them fewer.
pub(super) fn compress(ndjson: &[u8], compression: Compression) -> Option<Vec<u8>> {
    match compression {
        Compression::Zstd if ndjson.len() >= LEAST_COMPRESSED => {
            // An error would mean that memory ran out: the lines can be kept as they are.
            let compressed = frame::of(ndjson).ok()?;
            (compressed.len() < ndjson.len()).then_some(compressed)
        }
        Compression::Zstd | Compression::None => None,
    }
}

/// Bytes as a database gave them, and whether something proves that they are what was written.
pub(super) struct Read {
    ndjson: Bytes,
    proven: bool,
}

impl Read {
    /// Bytes that were kept as they are.
    pub(super) fn plain(ndjson: Bytes) -> Self {
        Self {
            ndjson,
            proven: false,
        }
    }
}

/// How much NDJSON these bytes hold, as far as they say.
pub(super) fn ndjson_len(compressed: bool, bytes: &[u8]) -> Option<usize> {
    if !compressed {
        return Some(bytes.len());
    }
    let claimed = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten()?;
    usize::try_from(claimed).ok()
}

/// Undoes [`compress`]. Allocates what the frame claims to hold, at most [`MOST_NDJSON`]. An error says what is
/// wrong with the bytes.
pub(super) fn decompress(compressed: &[u8]) -> Result<Read, String> {
    let claimed = zstd::zstd_safe::get_frame_content_size(compressed)
        .ok()
        .flatten()
        .ok_or("its compressed lines do not say how long they are")?;
    let claimed = usize::try_from(claimed)
        .ok()
        .filter(|&claimed| claimed <= MOST_NDJSON)
        .ok_or_else(|| format!("its compressed lines claim to hold {claimed} bytes"))?;
    let ndjson =
        frame::read(compressed, claimed).map_err(|error| format!("its lines do not decompress: {error}"))?;
    // RFC 8878 §3.1.1.1.1: bit 2 of the byte after the magic number.
    let proven = compressed
        .get(4)
        .is_some_and(|descriptor| descriptor & 0b100 != 0);
    Ok(Read {
        ndjson: ndjson.into(),
        proven,
    })
}

/// Lines as the store kept them, once it is certain that there are `count` of them and that each is an object in UTF-8:
/// everything later counts on it, and one byte of something else in a frame would end the session that it is for.
pub(super) fn checked_lines(
    read: Read,
    count: i64,
    oldest: Timestamp,
    newest: Timestamp,
) -> Result<Lines, String> {
    let Read { ndjson, proven } = read;
    let found = memchr::memchr_iter(b'\n', &ndjson).count();
    let ended = ndjson.last() == Some(&b'\n');
    match u32::try_from(count) {
        Ok(count) if count > 0 && ended && count as usize == found => {
            check_objects(&ndjson, proven)?;
            Ok(Lines {
                ndjson,
                count,
                oldest,
                newest,
            })
        }
        _ => Err(format!("it claims {count} lines and holds {found}")),
    }
}

/// Looks into the lines only where no checksum speaks for them.
fn check_objects(ndjson: &[u8], proven: bool) -> Result<(), String> {
    std::str::from_utf8(ndjson).map_err(|error| format!("its lines are no UTF-8: {error}"))?;
    let lines = ndjson.strip_suffix(b"\n").unwrap_or(ndjson);
    for (i, line) in lines.split(|&byte| byte == b'\n').enumerate() {
        let is_object = line.len() > 2 && line.starts_with(b"{") && line.ends_with(b"}");
        if !is_object || !(proven || serde_json::from_slice::<IgnoredAny>(line).is_ok()) {
            return Err(format!("line {i} of it is no object"));
        }
    }
    Ok(())
}

/// Which of the lines is the first whose `ts` is `since` or later, counted from 0; `None` when there is none.
pub(super) fn first_line_since(lines: &Lines, since: Timestamp) -> Result<Option<u64>, String> {
    for (line, i) in lines.iter().zip(0..) {
        if line_ts(line).ok_or_else(|| format!("line {i} of it has no ts"))? >= since {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// `Line::encode` writes `ts` first, so nothing else of the line needs to be read.
fn line_ts(line: &[u8]) -> Option<Timestamp> {
    let rest = line.strip_prefix(b"{\"ts\":\"")?;
    let end = memchr::memchr(b'"', rest)?;
    Timestamp::parse(std::str::from_utf8(&rest[..end]).ok()?)
}

/// Refuses what neither database could keep, before it spoils the round trip of its neighbours.
pub(super) fn check_size(lines: &Lines) -> Result<(), StoreError> {
    match lines.ndjson.len() {
        bytes if bytes > MOST_NDJSON => Err(StoreError::Away(
            format!("a batch of {bytes} bytes is more than the {MOST_NDJSON} that can be kept").into(),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn ts(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn what_was_compressed_comes_back_the_same() {
        let ndjson = b"{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"message\":\"a\"}\n".repeat(100);
        let compressed = compress(&ndjson, Compression::Zstd).unwrap();
        assert!(compressed.len() < ndjson.len() / 10);
        let read = decompress(&compressed).unwrap();
        assert!(read.proven);
        assert_eq!(read.ndjson, ndjson);
    }

    #[test]
    fn what_compressing_would_make_longer_is_kept_as_it_is() {
        let noise = rand::random::<[[u8; 32]; 32]>().concat();
        assert_eq!(compress(&noise, Compression::Zstd), None);
        assert_eq!(compress(&b"{}\n".repeat(1000), Compression::None), None);
    }

    #[test]
    fn a_small_batch_is_kept_as_it_is() {
        let ndjson = b"{}\n".repeat(LEAST_COMPRESSED);
        assert_eq!(compress(&ndjson[..LEAST_COMPRESSED - 1], Compression::Zstd), None);
        assert!(compress(&ndjson[..LEAST_COMPRESSED], Compression::Zstd).is_some());
    }

    #[tokio::test]
    async fn many_batches_are_compressed_each_in_its_place() {
        let line = b"{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"message\":\"a\"}\n";
        for most in [1, 10, 300] {
            let text = |i: usize| Bytes::from(line.repeat(i * 7919 % most * 30 + 1));
            let texts: Vec<Bytes> = (0..200).map(text).collect();
            let all = compress_all(texts.clone(), Compression::Zstd).await;
            assert_eq!(all.len(), texts.len());
            for (text, compressed) in texts.iter().zip(all) {
                let read = compressed.map(|compressed| decompress(&compressed).unwrap().ndjson);
                assert_eq!(read.as_ref(), (text.len() >= LEAST_COMPRESSED).then_some(text));
            }
        }
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_anything_is_allocated() {
        let bomb = frame::of(&vec![b'\n'; MOST_NDJSON + 1]).unwrap();
        assert_eq!(
            decompress(&bomb).err().unwrap(),
            format!("its compressed lines claim to hold {} bytes", MOST_NDJSON + 1)
        );
    }

    #[test]
    fn damaged_bytes_are_an_error_and_not_lines() {
        let mut compressed = compress(&b"{\"a\":1}\n".repeat(100), Compression::Zstd).unwrap();
        let middle = compressed.len() / 2;
        compressed.truncate(middle);
        assert!(decompress(&compressed).is_err());
        assert!(decompress(b"").is_err());
        assert!(decompress(b"no frame at all").is_err());
    }

    #[test]
    fn one_bit_that_went_bad_never_becomes_another_line() {
        let ndjson =
            b"{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"message\":\"words and words\"}\n".repeat(8);
        let compressed = compress(&ndjson, Compression::Zstd).unwrap();
        for bit in 0..compressed.len() * 8 {
            let mut bad = compressed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(lines) = decompress(&bad).and_then(|read| checked_lines(read, 8, ts(0), ts(1))) {
                assert_eq!(lines.ndjson, ndjson, "bit {bit}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_no_lines() {
        let read = Read::plain(Bytes::from_static(b"{\"a\":\"\xff\"}\n"));
        let what = checked_lines(read, 1, ts(0), ts(1)).unwrap_err();
        assert!(what.starts_with("its lines are no UTF-8"), "{what}");
    }

    #[test]
    fn a_claim_that_cannot_be_right_gives_no_offset_twice() {
        assert_eq!(end_of(Offset(7), Some(3)), Offset(10));
        for claimed in [None, Some(0), Some(-3), Some(i64::MAX), Some(i64::MIN)] {
            assert_eq!(
                end_of(Offset(7), claimed),
                Offset(7 + MOST_LINES as u64),
                "{claimed:?}"
            );
        }
    }

    #[test]
    fn a_batch_holds_as_many_lines_as_it_claims() {
        let check = |text: &'static str, count| {
            let read = Read::plain(Bytes::from_static(text.as_bytes()));
            checked_lines(read, count, ts(0), ts(1)).map(|lines| lines.count)
        };
        assert_eq!(check("{\"a\":1}\n{\"b\":2}\n", 2), Ok(2));
        for (text, count) in [
            ("{\"a\":1}\n{\"b\":2}\n", 1),
            ("{\"a\":1}\n{\"b\":2}", 2),
            ("{\"a\":1}\n{\"b\":2}", 1),
            ("", 0),
            ("{\"a\":1}\n", -1),
            ("{}\n", 1),
            ("\n", 1),
            ("{\"a\":\"b\"c\"}\n", 1),
            ("[1, 2]\n", 1),
        ] {
            assert!(check(text, count).is_err(), "{text:?} {count}");
        }
    }

    #[test]
    fn the_first_line_since_a_time_is_found_within_a_batch() {
        let text: String = [5, 9, 7, 9]
            .iter()
            .map(|&n| format!("{{\"ts\":\"{}\",\"message\":\"\"}}\n", ts(n)))
            .collect();
        let lines = checked_lines(Read::plain(text.into()), 4, ts(5), ts(9)).unwrap();
        assert_eq!(first_line_since(&lines, ts(0)), Ok(Some(0)));
        assert_eq!(first_line_since(&lines, ts(6)), Ok(Some(1)));
        assert_eq!(first_line_since(&lines, ts(9)), Ok(Some(1)));
        assert_eq!(first_line_since(&lines, ts(10)), Ok(None));
    }
}
