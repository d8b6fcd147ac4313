//! Hints as the binary messages of links. Version 2, integers little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 1 | version: 2 |
//! | 1 | kind: 1 lines, 2 lines compressed with zstd, 3 lost, 4 any lost |
//! | 1, n | length of the stream's name, and the name (not for 4) |
//! | 8, 8, 8, 8 | first offset; arrival, oldest and newest `ts` in Unix ns (lines only) |
//! | 4, 4 | count of lines; length of their NDJSON (lines only) |
//! | … | the NDJSON, or what zstd made of it (lines only) |
//! | 32 | seal: HMAC-SHA-256 of all before it, by the cluster's secret |
//!
//! A node seals only what the store has confirmed, or what came to it sealed. So who opens a link without knowing the
//! secret, or gets between two nodes, can repeat what was said, which harms nobody (invariant 3), and say nothing new.
//!
//! Reading trusts nothing: it ends with a hint or an error, and holds at most [`MAX_LINES_BYTES`] more than it was given.

use std::sync::Arc;

use auth::{ClusterSecret, Sealed, cluster::SEAL_BYTES};
use bytes::{BufMut, Bytes, BytesMut};
use lines::{Batch, Hint, Lines, Offset, StreamName, Timestamp};

const VERSION: u8 = 2;
const LINES: u8 = 1;
const LINES_ZSTD: u8 = 2;
const LOST: u8 = 3;
const ANY_LOST: u8 = 4;

/// The most NDJSON of one batch that a link carries. A batch has 1 MiB unless it is one line; a line of 256 KiB grows
/// to six times that when all of it has to be escaped.
pub const MAX_LINES_BYTES: usize = 4 * 1024 * 1024;

/// The longest message: the lines, and what stands before them.
pub const MAX_MESSAGE_BYTES: usize = MAX_LINES_BYTES + 1024;

/// Below this many bytes nothing is compressed: it would save less than it costs.
const WORTH_COMPRESSING: usize = 512;

/// Why bytes are no hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Another version of Tailcast wrote it.
    #[error("the frame has version {0}, and {VERSION} is understood")]
    Version(u8),
    /// It ends early, goes on too long, or says something impossible.
    #[error("the frame is damaged: {0}")]
    Damaged(&'static str),
    /// No node of this cluster wrote it.
    #[error("the frame does not have this cluster's seal")]
    Forged,
}

use CodecError::Damaged;

/// Writes a hint. `None` when a batch is larger than [`MAX_LINES_BYTES`].
pub fn encode(hint: &Hint, secret: &ClusterSecret) -> Option<Bytes> {
    let mut frame = match hint {
        Hint::Batch(batch) => encode_batch(batch)?,
        Hint::Lost(stream) => {
            let mut frame = BytesMut::with_capacity(3 + stream.as_str().len() + SEAL_BYTES);
            frame.put_slice(&[VERSION, LOST]);
            put_name(&mut frame, stream);
            frame
        }
        Hint::AnyLost => BytesMut::from(&[VERSION, ANY_LOST][..]),
    };
    let seal = secret.seal(Sealed::Frame, &frame);
    frame.put_slice(&seal);
    Some(frame.freeze())
}

fn encode_batch(batch: &Batch) -> Option<BytesMut> {
    let plain = &batch.lines.ndjson;
    if plain.len() > MAX_LINES_BYTES {
        return None;
    }
    let length = u32::try_from(plain.len()).ok()?;
    let squeezed = if plain.len() >= WORTH_COMPRESSING {
        zstd::bulk::compress(plain, 1).ok()
    } else {
        None
    };
    let squeezed = squeezed.filter(|squeezed| squeezed.len() < plain.len());
    let (kind, payload) = match &squeezed {
        Some(squeezed) => (LINES_ZSTD, &squeezed[..]),
        None => (LINES, &plain[..]),
    };
    let mut frame = BytesMut::with_capacity(64 + batch.stream.as_str().len() + payload.len() + SEAL_BYTES);
    frame.put_slice(&[VERSION, kind]);
    put_name(&mut frame, &batch.stream);
    frame.put_u64_le(batch.first.0);
    for time in [batch.arrived, batch.lines.oldest, batch.lines.newest] {
        frame.put_i64_le(time.nanos());
    }
    frame.put_u32_le(batch.lines.count);
    frame.put_u32_le(length);
    frame.put_slice(payload);
    Some(frame)
}

/// Names have at most 200 bytes.
fn put_name(frame: &mut BytesMut, stream: &StreamName) {
    let name = stream.as_str().as_bytes();
    frame.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
    frame.put_slice(name);
}

/// Reads a hint. Lines that are not compressed share the frame's memory.
pub fn decode(frame: &Bytes, secret: &ClusterSecret) -> Result<Hint, CodecError> {
    let version = *frame.first().ok_or(Damaged("it ends early"))?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let end = frame
        .len()
        .checked_sub(SEAL_BYTES)
        .ok_or(Damaged("it ends early"))?;
    let (content, seal) = frame.split_at(end);
    if !secret.is_sealed(Sealed::Frame, content, seal) {
        return Err(CodecError::Forged);
    }
    read(&frame.slice(..end))
}

/// Reads what was sealed.
fn read(frame: &Bytes) -> Result<Hint, CodecError> {
    let mut rest = Reader { frame, at: 1 };
    let hint = match rest.byte()? {
        kind @ (LINES | LINES_ZSTD) => return read_batch(rest, kind),
        LOST => Hint::Lost(rest.name()?),
        ANY_LOST => Hint::AnyLost,
        _ => return Err(Damaged("its kind is unknown")),
    };
    if rest.at == frame.len() {
        Ok(hint)
    } else {
        Err(Damaged("it goes on after its end"))
    }
}

fn read_batch(mut rest: Reader<'_>, kind: u8) -> Result<Hint, CodecError> {
    let stream = rest.name()?;
    let first = u64::from_le_bytes(rest.array()?);
    let arrived = rest.time()?;
    let oldest = rest.time()?;
    let newest = rest.time()?;
    let count = u32::from_le_bytes(rest.array()?);
    let length = u32::from_le_bytes(rest.array()?) as usize;
    if length > MAX_LINES_BYTES {
        return Err(Damaged("its lines are too long"));
    }
    let payload = rest.frame.slice(rest.at..);
    let ndjson = match kind {
        LINES => payload,
        _ => zstd::bulk::decompress(&payload, length)
            .map_err(|_| Damaged("its lines cannot be decompressed"))?
            .into(),
    };
    if ndjson.len() != length {
        return Err(Damaged("its lines have another length than it says"));
    }
    let lines = ndjson.iter().filter(|&&byte| byte == b'\n').count();
    if count == 0 || lines != count as usize || ndjson.last() != Some(&b'\n') {
        return Err(Damaged("it has another count of lines than it says"));
    }
    if first.checked_add(u64::from(count)).is_none() {
        return Err(Damaged("its offset is beyond every stream's end"));
    }
    Ok(Hint::Batch(Arc::new(Batch {
        stream,
        first: Offset(first),
        arrived,
        lines: Lines {
            ndjson,
            count,
            oldest,
            newest,
        },
    })))
}

struct Reader<'a> {
    frame: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let bytes = self.slice(N)?;
        bytes.try_into().map_err(|_| Damaged("it ends early"))
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], CodecError> {
        let bytes = self
            .frame
            .get(self.at..self.at + length)
            .ok_or(Damaged("it ends early"))?;
        self.at += length;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn time(&mut self) -> Result<Timestamp, CodecError> {
        self.array()
            .map(|bytes| Timestamp::from_nanos(i64::from_le_bytes(bytes)))
    }

    fn name(&mut self) -> Result<StreamName, CodecError> {
        let length = usize::from(self.byte()?);
        let name = std::str::from_utf8(self.slice(length)?).map_err(|_| Damaged("its stream has no name"))?;
        StreamName::parse(name).map_err(|_| Damaged("its stream has no name"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> ClusterSecret {
        ClusterSecret::from_text(&"s".repeat(32)).unwrap()
    }

    /// As a node of the cluster would say it.
    fn sealed(mut content: Vec<u8>) -> Bytes {
        let seal = secret().seal(Sealed::Frame, &content);
        content.extend_from_slice(&seal);
        content.into()
    }

    /// A frame without its seal.
    fn content(hint: &Hint) -> Vec<u8> {
        let mut frame = encode(hint, &secret()).unwrap().to_vec();
        frame.truncate(frame.len() - SEAL_BYTES);
        frame
    }

    fn hints() -> impl Strategy<Value = Hint> {
        let name = "[a-z0-9._-]{1,20}".prop_filter_map("a name", |text| StreamName::parse(&text).ok());
        let lines = prop::collection::vec("[ -~é]{0,300}", 1..40);
        let batch = (name.clone(), any::<u32>(), any::<[i64; 3]>(), lines).prop_map(
            |(stream, first, times, lines)| {
                let mut ndjson = lines.join("\n");
                ndjson.push('\n');
                Hint::Batch(Arc::new(Batch {
                    stream,
                    first: Offset(first.into()),
                    arrived: Timestamp::from_nanos(times[0]),
                    lines: Lines {
                        ndjson: ndjson.into(),
                        count: u32::try_from(lines.len()).unwrap(),
                        oldest: Timestamp::from_nanos(times[1]),
                        newest: Timestamp::from_nanos(times[2]),
                    },
                }))
            },
        );
        prop_oneof![8 => batch, 1 => name.prop_map(Hint::Lost), 1 => Just(Hint::AnyLost)]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(hint in hints()) {
            let read = decode(&encode(&hint, &secret()).unwrap(), &secret()).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{hint:?}"));
        }

        #[test]
        fn whoever_changes_a_bit_or_a_length_has_written_nothing(
            hint in hints(),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode(&hint, &secret()).unwrap().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(decode(&bytes.clone().into(), &secret()).is_err());
            bytes[at] ^= flip;
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(decode(&bytes.into(), &secret()).is_err(), "a part of a frame is no frame");
        }

        #[test]
        fn sealed_nonsense_is_an_error_or_another_hint_and_never_a_panic(
            hint in hints(),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = content(&hint);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = decode(&sealed(bytes.clone()), &secret());
            bytes[at] ^= flip;
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(decode(&sealed(bytes), &secret()).is_err(), "a part of a frame is no frame");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..6) {
            let _ = decode(&bytes.clone().into(), &secret());
            if bytes.len() > 2 {
                bytes[..2].copy_from_slice(&[VERSION, kind]);
                let _ = decode(&sealed(bytes), &secret());
            }
        }
    }

    fn batch(ndjson: Vec<u8>, count: u32) -> Hint {
        let zero = Timestamp::from_nanos(0);
        Hint::Batch(Arc::new(Batch {
            stream: StreamName::parse("s").unwrap(),
            first: Offset(7),
            arrived: zero,
            lines: Lines {
                ndjson: ndjson.into(),
                count,
                oldest: zero,
                newest: zero,
            },
        }))
    }

    #[test]
    fn lines_that_repeat_themselves_travel_small() {
        let hint = batch(b"{\"message\":\"the same again\"}\n".repeat(1000), 1000);
        assert!(encode(&hint, &secret()).unwrap().len() < 1000);
    }

    #[test]
    fn a_small_frame_that_would_grow_beyond_the_bound_is_refused() {
        let bomb = zstd::bulk::compress(&vec![b'\n'; 8 * 1024 * 1024], 1).unwrap();
        let mut frame = content(&batch(vec![b'\n'; 1000], 1000));
        assert_eq!(frame[1], LINES_ZSTD);
        let lines_at = 2 + 2 + 4 * 8 + 2 * 4;
        frame.truncate(lines_at);
        frame.extend_from_slice(&bomb);
        assert_eq!(
            decode(&sealed(frame.clone()), &secret()).unwrap_err(),
            Damaged("its lines cannot be decompressed")
        );
        frame[lines_at - 4..lines_at].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            decode(&sealed(frame), &secret()).unwrap_err(),
            Damaged("its lines are too long")
        );
        assert!(encode(&batch(vec![b'\n'; MAX_LINES_BYTES + 1], 1), &secret()).is_none());
    }

    #[test]
    fn a_frame_of_another_version_is_named_so() {
        assert_eq!(
            decode(&Bytes::from_static(&[9, 1]), &secret()).unwrap_err(),
            CodecError::Version(9)
        );
    }

    #[test]
    fn a_frame_of_another_cluster_is_forged() {
        let other = ClusterSecret::from_text(&"o".repeat(32)).unwrap();
        for hint in [batch(vec![b'\n'], 1), Hint::AnyLost] {
            let frame = encode(&hint, &other).unwrap();
            assert_eq!(decode(&frame, &secret()).unwrap_err(), CodecError::Forged);
        }
    }
}
