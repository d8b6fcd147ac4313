//! What real loggers wrote, each the same two lines, is understood. The files in tests/loggers are the libraries' own output, by
//! default or with what is usual; those that begin with `documented` are put together from their documents, where no library
//! could be run.

use std::path::Path;

use super::*;

/// When the loggers ran.
const FROM: &str = "2026-11-30T18:20:00Z";
const TO: &str = "2026-11-30T18:45:00Z";

/// When their lines came.
const ARRIVED: &str = "2026-11-30T19:00:00Z";

const EXPECTED: [(&str, Level); 2] = [
    ("GET /health 200", Level::Info),
    ("cannot bind port", Level::Error),
];

/// Files whose lines do not tell everything.
const PARTLY: &[(&str, Tells)] = &[
    ("documented-nginx-access.ndjson", Tells::NoLevel),
    ("gcp-structured.ndjson", Tells::NoTime),
    ("logback-default.log", Tells::TimeOfDay),
    ("python-basic.log", Tells::NoTime),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Everything,
    NoTime,
    /// A time that has no date is counted as one that is not understood.
    TimeOfDay,
    NoLevel,
}

#[test]
fn what_real_loggers_write_is_understood() {
    let terms = Terms {
        arrived: Timestamp::parse(ARRIVED).unwrap(),
        stream: StreamMember::IsAField,
        reading: Reading::default(),
        is_cut: false,
    };
    let ran = Timestamp::parse(FROM).unwrap()..Timestamp::parse(TO).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loggers");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        .collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    assert!(files.len() > 80, "{} files", files.len());
    for file in files {
        let name = file.file_name().into_string().unwrap();
        let tells = PARTLY.iter().find(|(partly, _)| *partly == name);
        let tells = tells.map_or(Tells::Everything, |(_, tells)| *tells);
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(text.lines().count(), EXPECTED.len(), "{name}");
        for (line, (message, level)) in text.lines().zip(EXPECTED) {
            let is_json = name.ends_with(".ndjson");
            let built = if is_json {
                read(line, &terms).unwrap()
            } else {
                Built::text(line, &terms)
            };
            let whole = if is_json { &built.message } else { line };
            assert!(
                built.message.contains(message) && built.message == whole,
                "{name}: {built:?}"
            );
            assert_eq!(
                built.level,
                Some(level).filter(|_| tells != Tells::NoLevel),
                "{name}: {built:?}"
            );
            let timed = !matches!(tells, Tells::NoTime | Tells::TimeOfDay);
            assert_eq!(ran.contains(&built.ts()), timed, "{name}: {built:?}");
            assert_eq!(built.is_undated(), tells == Tells::TimeOfDay, "{name}: {built:?}");
        }
    }
}
