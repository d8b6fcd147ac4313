//! What is a level, and by whose numbers.

use super::*;

#[test]
fn a_number_is_read_by_whose_it_is() {
    use Level::{Debug, Error, Fatal, Info, Trace, Warn};
    for (scale, beside, expected) in [
        (Scale::Words, Writers::NONE, &[("1", None), ("30", None)][..]),
        (
            Scale::Level,
            Writers::NONE,
            &[
                ("10", Some(Trace)),
                ("20", Some(Debug)),
                ("30", Some(Info)),
                ("35", Some(Info)),
                ("40", Some(Warn)),
                ("50.0", Some(Error)),
                ("60", Some(Fatal)),
                ("70", None),
                ("3", None),
                ("-10", None),
                ("30.5", None),
                ("100", Some(Debug)),
                ("137", None),
                ("250", Some(Info)),
                ("300", Some(Warn)),
                ("400", Some(Error)),
                ("404", None),
                ("550", Some(Fatal)),
                ("600", Some(Fatal)),
                ("601", None),
                ("1e999", None),
            ],
        ),
        (
            Scale::Severity,
            Writers::of(Writer::Syslog),
            &[("3", Some(Error)), ("6", Some(Info)), ("400", None), ("17", None)],
        ),
        (
            Scale::Severity,
            Writers::of(Writer::Osquery),
            &[("0", Some(Info)), ("2", Some(Error)), ("7", None)],
        ),
        // CEF has severities of 0 to 10, others have others.
        (
            Scale::Severity,
            Writers::NONE,
            &[
                ("0", None),
                ("3", None),
                ("7", None),
                ("10", None),
                ("400", Some(Warn)),
                ("404", None),
                ("800", Some(Fatal)),
            ],
        ),
        (
            Scale::Level,
            Writers::of(Writer::Gelf),
            &[("3", Some(Error)), ("30", None)],
        ),
        (Scale::Microsoft, Writers::NONE, &[("2", None)]),
        (
            Scale::Syslog,
            Writers::NONE,
            &[
                ("0", Some(Fatal)),
                ("2", Some(Fatal)),
                ("3", Some(Error)),
                ("4", Some(Warn)),
                ("5", Some(Info)),
                ("6", Some(Info)),
                ("7", Some(Debug)),
                ("8", None),
            ],
        ),
        (
            Scale::Priority,
            Writers::NONE,
            &[
                ("11", Some(Error)),
                ("165", Some(Info)),
                ("191", Some(Debug)),
                ("192", None),
            ],
        ),
        (
            Scale::OpenTelemetry,
            Writers::NONE,
            &[
                ("0", None),
                ("1", Some(Trace)),
                ("8", Some(Debug)),
                ("9", Some(Info)),
                ("13", Some(Warn)),
                ("17", Some(Error)),
                ("24", Some(Fatal)),
                ("25", None),
            ],
        ),
        (
            Scale::Python,
            Writers::NONE,
            &[
                ("5", Some(Trace)),
                ("10", Some(Debug)),
                ("25", Some(Info)),
                ("30", Some(Warn)),
                ("50", Some(Fatal)),
            ],
        ),
        (
            Scale::Log4j,
            Writers::NONE,
            &[
                ("5000", Some(Trace)),
                ("20000", Some(Info)),
                ("40000", Some(Error)),
                ("50000", Some(Fatal)),
            ],
        ),
        (
            Scale::Windows,
            Writers::NONE,
            &[
                ("0", None),
                ("1", Some(Fatal)),
                ("2", Some(Error)),
                ("4", Some(Info)),
                ("5", Some(Debug)),
            ],
        ),
        (
            Scale::Microsoft,
            Writers::of(Writer::Microsoft),
            &[
                ("0", Some(Trace)),
                ("2", Some(Info)),
                ("5", Some(Fatal)),
                ("6", None),
            ],
        ),
        (
            Scale::Insights,
            Writers::NONE,
            &[
                ("0", Some(Trace)),
                ("1", Some(Info)),
                ("3", Some(Error)),
                ("5", None),
            ],
        ),
        (
            Scale::Nxlog,
            Writers::NONE,
            &[
                ("1", Some(Debug)),
                ("2", Some(Info)),
                ("4", Some(Error)),
                ("5", Some(Fatal)),
            ],
        ),
    ] {
        for (number, level) in expected {
            assert_eq!(scale.level(number, beside), *level, "{scale:?} {number}");
        }
    }
}

#[test]
fn a_word_is_a_level_whatever_loggers_put_around_it() {
    for (word, level) in [
        ("info", Some(Level::Info)),
        ("WARNING", Some(Level::Warn)),
        ("Critical", Some(Level::Fatal)),
        (" debug \t", Some(Level::Debug)),
        ("\u{1b}[31merror\u{1b}[39m", Some(Level::Error)),
        ("\u{1b}[1;38;5;208mWARN\u{1b}[0m", Some(Level::Warn)),
        ("[ERROR]", Some(Level::Error)),
        ("<warn>", Some(Level::Warn)),
        ("error:", Some(Level::Error)),
        ("ERROR+2", Some(Level::Error)),
        ("DEBUG-4", Some(Level::Debug)),
        ("DEBUG5", Some(Level::Debug)),
        ("INFO3", Some(Level::Info)),
        ("E", Some(Level::Error)),
        ("D2", Some(Level::Debug)),
        // Grades, notes and answers.
        ("w", None),
        ("a", None),
        ("c", None),
        ("A", None),
        ("C", None),
        ("N", None),
        ("A1", None),
        ("C2", None),
        ("N5", None),
        ("E2", None),
        ("D6", None),
        ("30", Some(Level::Info)),
        ("3", None),
        ("E12", None),
        ("E+1", None),
        ("+2", None),
        ("loud", None),
        ("", None),
        ("\u{1b}[31", None),
        ("\u{1b}\u{e9}", None),
        ("errors", None),
    ] {
        assert_eq!(text(word, Scale::Level, Writers::NONE), level, "{word:?}");
    }
}

#[test]
fn letters_are_levels_where_somebody_writes_them() {
    for (scale, level) in [
        (Scale::Letters, Some(Level::Error)),
        (Scale::Severity, Some(Level::Error)),
        (Scale::Words, None),
        (Scale::OpenTelemetry, None),
    ] {
        assert_eq!(text("E", scale, Writers::NONE), level, "{scale:?}");
    }
    assert_eq!(of_pair("E", Scale::Level), None);
    assert_eq!(of_pair("ERROR+2", Scale::Level), Some(Level::Error));
}
