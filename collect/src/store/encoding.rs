//! How a batch's bytes are written down, and how they are read back without trusting them.
//!
//! Knows no database: both implementations keep either the NDJSON itself or a zstd frame of it.

use bytes::Bytes;

use super::{Compression, StoreError};
use crate::{Lines, Timestamp};

/// The most NDJSON one batch can have, in bytes. A collector's batches stay far below it; a MongoDB document ends at
/// 16 MiB. It also bounds what a damaged batch can make a reader allocate.
pub(super) const MOST_NDJSON: usize = 12 * 1024 * 1024;

/// Fast, and logs still shrink to a quarter.
const LEVEL: i32 = 1;

/// The bytes to store instead of `ndjson`, when compressing makes them fewer.
pub(super) fn compress(ndjson: &[u8], compression: Compression) -> Option<Vec<u8>> {
    match compression {
        Compression::None => None,
        // An error would mean that memory ran out: the lines can be kept as they are.
        Compression::Zstd => zstd::bulk::compress(ndjson, LEVEL)
            .ok()
            .filter(|compressed| compressed.len() < ndjson.len()),
    }
}

/// Undoes [`compress`]. Allocates what the frame claims to hold, at most [`MOST_NDJSON`]. An error says what is
/// wrong with the bytes.
pub(super) fn decompress(compressed: &[u8]) -> Result<Bytes, String> {
    let claimed = zstd::zstd_safe::get_frame_content_size(compressed)
        .ok()
        .flatten()
        .ok_or("its compressed lines do not say how long they are")?;
    let claimed = usize::try_from(claimed)
        .ok()
        .filter(|&claimed| claimed <= MOST_NDJSON)
        .ok_or_else(|| format!("its compressed lines claim to hold {claimed} bytes"))?;
    let ndjson = zstd::bulk::decompress(compressed, claimed)
        .map_err(|error| format!("its lines do not decompress: {error}"))?;
    Ok(ndjson.into())
}

/// Lines as the store kept them, once it is certain that there are `count` of them: everything later counts on it.
pub(super) fn checked_lines(
    ndjson: Bytes,
    count: i64,
    oldest: Timestamp,
    newest: Timestamp,
) -> Result<Lines, String> {
    let found = memchr::memchr_iter(b'\n', &ndjson).count();
    let ended = ndjson.last() == Some(&b'\n');
    match u32::try_from(count) {
        Ok(count) if count > 0 && ended && count as usize == found => Ok(Lines {
            ndjson,
            count,
            oldest,
            newest,
        }),
        _ => Err(format!("it claims {count} lines and holds {found}")),
    }
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
        assert_eq!(decompress(&compressed).unwrap(), ndjson);
    }

    #[test]
    fn what_compressing_would_make_longer_is_kept_as_it_is() {
        assert_eq!(compress(b"{}\n", Compression::Zstd), None);
        assert_eq!(compress(&b"{}\n".repeat(1000), Compression::None), None);
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_anything_is_allocated() {
        let bomb = zstd::bulk::compress(&vec![b'\n'; MOST_NDJSON + 1], LEVEL).unwrap();
        assert_eq!(
            decompress(&bomb).unwrap_err(),
            format!("its compressed lines claim to hold {} bytes", MOST_NDJSON + 1)
        );
    }

    #[test]
    fn damaged_bytes_are_an_error_and_not_lines() {
        let mut compressed = compress(&b"{\"a\":1}\n".repeat(50), Compression::Zstd).unwrap();
        let middle = compressed.len() / 2;
        compressed.truncate(middle);
        assert!(decompress(&compressed).is_err());
        assert!(decompress(b"").is_err());
        assert!(decompress(b"no frame at all").is_err());
    }

    #[test]
    fn a_batch_holds_as_many_lines_as_it_claims() {
        let check = |text: &'static str, count| {
            checked_lines(Bytes::from_static(text.as_bytes()), count, ts(0), ts(1)).map(|lines| lines.count)
        };
        assert_eq!(check("{}\n{}\n", 2), Ok(2));
        for (text, count) in [
            ("{}\n{}\n", 1),
            ("{}\n{}", 2),
            ("{}\n{}", 1),
            ("", 0),
            ("{}\n", -1),
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
        let lines = checked_lines(text.into(), 4, ts(5), ts(9)).unwrap();
        assert_eq!(first_line_since(&lines, ts(0)), Ok(Some(0)));
        assert_eq!(first_line_since(&lines, ts(6)), Ok(Some(1)));
        assert_eq!(first_line_since(&lines, ts(9)), Ok(Some(1)));
        assert_eq!(first_line_since(&lines, ts(10)), Ok(None));
    }
}
