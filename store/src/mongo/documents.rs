//! Batches as documents: `s` stream, `o` first offset, `n` lines, `t0` and `t1` least and greatest `ts`, `at` arrival,
//! `keys`, `f`, by which it was admitted, and `lines` or `z` with `b`, how many bytes it holds. Everything a sender says is a
//! value, never a name or an operator.

use lines::log_store::{Digest, Draft, PriorRun, StoredKey};
use lines::{Batch, Offset, StoreError, StreamName, Timestamp};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawBinaryRef, RawBsonRef, cstr};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, RawArrayBuf, RawDocument, RawDocumentBuf};

use super::fence::Token;
use crate::damage::Row;
use crate::encoding::{Read, checked_lines, decompress, end_of};

/// BSON has signed integers only; offsets end long before.
pub(super) fn to_bson(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

pub(super) fn from_bson(offset: i64) -> Offset {
    Offset(u64::try_from(offset).unwrap_or_default())
}

/// What a date can hold of a time: milliseconds.
pub(super) fn to_date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.nanos().div_euclid(1_000_000))
}

pub(super) fn from_date(date: DateTime) -> Timestamp {
    Timestamp::from_nanos(date.timestamp_millis().saturating_mul(1_000_000))
}

/// The document of a batch that begins at `first` and arrived then. `compressed` is its lines, when they are fewer
/// bytes so.
pub(super) fn encode(
    draft: &Draft,
    arrived: Timestamp,
    compressed: Option<&[u8]>,
    first: Offset,
    token: Option<Token>,
) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), ObjectId::new());
    document.append(cstr!("s"), draft.stream.as_str());
    document.append(cstr!("o"), to_bson(first));
    document.append(cstr!("n"), i64::from(draft.lines.count));
    document.append(cstr!("t0"), draft.lines.oldest.nanos());
    document.append(cstr!("t1"), draft.lines.newest.nanos());
    document.append(cstr!("at"), to_date(arrived));
    if let Some(Token(token)) = token {
        document.append(cstr!("f"), token);
    }
    if !draft.keys.is_empty() {
        let mut keys = RawArrayBuf::new();
        for run in &draft.keys {
            let mut key = RawDocumentBuf::new();
            key.append(cstr!("k"), &*run.key.0);
            key.append(cstr!("d"), bytes(&run.digest.0));
            key.append(cstr!("i"), i64::from(run.skip));
            key.append(cstr!("n"), i64::from(run.count));
            keys.push(key);
        }
        document.append(cstr!("keys"), keys);
    }
    let ndjson = &draft.lines.ndjson;
    match compressed {
        Some(compressed) => {
            document.append(cstr!("b"), to_bson(Offset(ndjson.len() as u64)));
            document.append(cstr!("z"), bytes(compressed));
        }
        None => match std::str::from_utf8(ndjson) {
            Ok(text) => document.append(cstr!("lines"), text),
            Err(_) => document.append(cstr!("lines"), bytes(ndjson)),
        },
    }
    document
}

/// The same as a value of a `Document`.
pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

fn bytes(bytes: &[u8]) -> RawBinaryRef<'_> {
    RawBinaryRef {
        subtype: BinarySubtype::Generic,
        bytes,
    }
}

/// The batch of a document with the place that it claims, checked: nobody later looks again. `None` when it does not say
/// where it begins: then it is nowhere.
pub(super) fn row(stream: &StreamName, document: &RawDocument) -> Option<Row> {
    let first = from_bson(number(document, "o")?);
    Some(Row {
        first,
        next: end_of(first, number(document, "n")),
        batch: decode(stream, first, document),
    })
}

fn decode(stream: &StreamName, first: Offset, document: &RawDocument) -> Result<Batch, String> {
    let number = |name| number(document, name).ok_or_else(|| format!("it has no {name}"));
    let (oldest, newest) = (number("t0")?, number("t1")?);
    let arrived = document.get_datetime("at").map_err(|error| error.to_string())?;
    let read = match (document.get("lines"), document.get("z")) {
        (Ok(Some(RawBsonRef::String(text))), _) => Read::plain(text.to_owned().into()),
        (Ok(Some(RawBsonRef::Binary(bytes))), _) => Read::plain(bytes.bytes.to_vec().into()),
        (_, Ok(Some(RawBsonRef::Binary(bytes)))) => decompress(bytes.bytes)?,
        _ => return Err("it has no lines".to_owned()),
    };
    let (oldest, newest) = (Timestamp::from_nanos(oldest), Timestamp::from_nanos(newest));
    Ok(Batch {
        stream: stream.clone(),
        first,
        arrived: from_date(arrived),
        lines: checked_lines(read, number("n")?, oldest, newest)?,
    })
}

/// The keys of a batch, each with what it was given.
pub(super) fn decode_keys(document: &RawDocument) -> Vec<PriorRun> {
    let first = from_bson(number(document, "o").unwrap_or_default());
    let Ok(keys) = document.get_array("keys") else {
        return Vec::new();
    };
    keys.into_iter()
        .filter_map(|key| {
            let key = key.ok()?.as_document()?;
            let digest = key.get_binary("d").ok()?.bytes.try_into().ok()?;
            let begins = first.plus(u64::try_from(number(key, "i")?).ok()?);
            Some(PriorRun {
                key: StoredKey(key.get_str("k").ok()?.into()),
                digest: Digest(digest),
                first: begins,
                next: begins.plus(u64::try_from(number(key, "n")?).ok()?),
            })
        })
        .collect()
}

/// An integer of any kind that MongoDB has: a shell or an aggregation does not always keep the kind.
pub(super) fn number(document: &RawDocument, name: &str) -> Option<i64> {
    match document.get(name).ok()?? {
        RawBsonRef::Int64(number) => Some(number),
        RawBsonRef::Int32(number) => Some(i64::from(number)),
        RawBsonRef::Double(number) if number.fract() == 0.0 => Some(number as i64),
        _ => None,
    }
}

pub(super) fn corrupt(stream: &StreamName, what: String) -> StoreError {
    StoreError::Corrupt {
        stream: stream.clone(),
        what,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;
    use lines::log_store::KeyedRun;
    use lines::{Line, Lines};

    fn draft() -> Draft {
        let line = Line {
            ts: Timestamp::from_nanos(7),
            level: None,
            message: "$set: {a.b: 1}".to_owned(),
            fields: Vec::new(),
        };
        Draft {
            stream: StreamName::parse("a/b").unwrap(),
            arrived: None,
            lines: Lines::encode([&line, &line]).unwrap(),
            keys: vec![KeyedRun {
                key: StoredKey("$k.k".into()),
                digest: Digest([3; 32]),
                skip: 1,
                count: 1,
            }],
        }
    }

    #[test]
    fn a_document_comes_back_as_the_batch_it_was() {
        let draft = draft();
        let compressed = zstd::bulk::compress(&draft.lines.ndjson, 1).unwrap();
        for compressed in [None, Some(compressed.as_slice())] {
            let arrived = Timestamp::from_nanos(-1_500_001);
            let document = encode(&draft, arrived, compressed, Offset(40), Some(Token(3)));
            let expected = Batch {
                stream: draft.stream.clone(),
                first: Offset(40),
                arrived: Timestamp::from_nanos(-2_000_000),
                lines: draft.lines.clone(),
            };
            let row = row(&draft.stream, &document).unwrap();
            assert_eq!((row.first, row.next), (Offset(40), expected.next()));
            assert_eq!(row.batch.unwrap(), expected);
            let prior = PriorRun {
                key: draft.keys[0].key.clone(),
                digest: draft.keys[0].digest,
                first: Offset(41),
                next: Offset(42),
            };
            assert_eq!(decode_keys(&document), [prior]);
        }
    }

    #[test]
    fn a_damaged_document_is_named_and_not_guessed_at() {
        let at = DateTime::from_millis(0);
        let found = |document: RawDocumentBuf| {
            let row = row(&draft().stream, &document)?;
            Some((row.first.0, row.next.0, row.batch.unwrap_err()))
        };
        let damage = |first, next, what: &str| Some((first, next, what.to_owned()));
        assert_eq!(
            found(rawdoc! {"o": 3i64, "n": 2, "t0": 0, "t1": 0, "at": at, "lines": "{}\n"}),
            damage(3, 5, "it claims 2 lines and holds 1")
        );
        assert_eq!(
            found(rawdoc! {"o": 3i64, "n": 1, "t0": 0, "t1": 0, "at": at}),
            damage(3, 4, "it has no lines")
        );
        assert_eq!(
            found(rawdoc! {"o": 3i64, "n": 1, "t0": 0, "t1": 0, "at": at, "lines": "words\n"}),
            damage(3, 4, "line 0 of it is no object")
        );
        assert_eq!(
            found(rawdoc! {"o": 3i64, "n": "1", "t0": 0, "t1": 0, "at": at, "lines": "{\"a\":1}\n"}),
            damage(3, end_of(Offset(3), None).0, "it has no n")
        );
        assert_eq!(
            found(rawdoc! {"n": 1, "t0": 0, "t1": 0, "at": at, "lines": "{\"a\":1}\n"}),
            None
        );
    }
}
