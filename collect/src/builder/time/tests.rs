//! Which forms of times are read, and as what.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

const ARRIVED: &str = "2026-11-30T05:30:00Z";

fn here(zone: &TimeZone) -> Here<'_> {
    Here {
        zone,
        arrived: Timestamp::parse(ARRIVED).unwrap(),
    }
}

fn read(json: &str, zone: &TimeZone) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    value(&raw.into(), here(zone)).map(|ts| ts.to_string())
}

fn said(said: &str, zone: &TimeZone) -> Option<String> {
    text(said, here(zone)).map(|ts| ts.to_string())
}

#[test]
fn a_number_is_unix_time_whose_size_tells_its_unit() {
    for (json, expected) in [
        ("1767323045", Some("2026-01-02T03:04:05.000000000Z")),
        ("1767323045.123456789", Some("2026-01-02T03:04:05.123456789Z")),
        ("1767323045.1234567899", Some("2026-01-02T03:04:05.123456789Z")),
        ("1767323045123", Some("2026-01-02T03:04:05.123000000Z")),
        ("1767323045123.5", Some("2026-01-02T03:04:05.123500000Z")),
        ("1767323045123456", Some("2026-01-02T03:04:05.123456000Z")),
        ("1767323045123456789", Some("2026-01-02T03:04:05.123456789Z")),
        ("1.767323045123456e9", Some("2026-01-02T03:04:05.123456000Z")),
        ("1767323045123E0", Some("2026-01-02T03:04:05.123000000Z")),
        ("0", Some("1970-01-01T00:00:00.000000000Z")),
        ("0.000e99999", Some("1970-01-01T00:00:00.000000000Z")),
        ("1e-5", Some("1970-01-01T00:00:00.000010000Z")),
        ("-1.5", Some("1969-12-31T23:59:58.500000000Z")),
        ("1e400", None),
        ("1e99999999999999999999", None),
        ("99999999999999999999", None),
        ("\"1767323045\"", Some("2026-01-02T03:04:05.000000000Z")),
        ("\"1767323045.5\"", Some("2026-01-02T03:04:05.500000000Z")),
        ("\"1767323045123456789\"", Some("2026-01-02T03:04:05.123456789Z")),
        (
            "\"/Date(1767323045123)/\"",
            Some("2026-01-02T03:04:05.123000000Z"),
        ),
        (
            "\"/Date(1767323045123+0100)/\"",
            Some("2026-01-02T03:04:05.123000000Z"),
        ),
        // As a text it may be anything.
        ("\"2026\"", None),
        ("\"0500\"", None),
        ("\"20261130\"", None),
        // Dates without marks.
        ("\"202611300500\"", None),
        ("202611300500", None),
        ("202699999999", Some("1976-06-04T01:33:19.999000000Z")),
        ("\"20261130050000.5\"", Some("2026-11-30T05:00:00.500000000Z")),
        ("\"20261130050000\"", Some("2026-11-30T05:00:00.000000000Z")),
        ("20261130050000", Some("2026-11-30T05:00:00.000000000Z")),
        ("20261130050000123", Some("2026-11-30T05:00:00.123000000Z")),
        ("20269930050000", None),
        ("\"1767323045.\"", None),
        ("\"-1767323045\"", None),
        ("\"1767323045e1\"", None),
        ("true", None),
        ("null", None),
        ("{}", None),
    ] {
        assert_eq!(read(json, &TimeZone::UTC).as_deref(), expected, "{json}");
    }
}

#[test]
fn every_form_that_is_unambiguous_is_read() {
    let five = "2026-11-30T05:00:00.000000000Z";
    let millis = "2026-11-30T05:00:00.123000000Z";
    let four = "2026-11-30T04:00:00.000000000Z";
    for (form, expected) in [
        ("2026-11-30T05:00:00Z", five),
        ("2026-11-30t05:00:00z", five),
        ("2026-11-30T05:00Z", five),
        ("2026-11-30T05:00:00.123Z", millis),
        ("2026-11-30T05:00:00,123Z", millis),
        ("2026-11-30T06:00:00.123+01:00", millis),
        ("2026-11-30T06:00:00.123+0100", millis),
        ("2026-11-30T06:00:00.123+01", millis),
        ("2026-11-29T23:30:00-05:30", five),
        ("2026-11-30T05:00:00.123 Z", millis),
        ("2026-11-30 05:00:00.123", millis),
        ("2026-11-30 05:00:00,123", millis),
        ("2026-11-30 05:00:00:123", millis),
        ("2026-11-30_05:00:00", five),
        ("2026-11-30 05:00:00.123 +0000", millis),
        ("2026-11-30 05:00:00 +0100", four),
        ("2026-11-30 05:00:00.123 UTC", millis),
        ("2026-11-30 05:00:00 GMT", five),
        ("2026-11-30 05:00:00 CET", four),
        ("2026-11-30 00:00:00 EST", five),
        ("2026-11-30 05:00:00 +0100 CET m=+0.000012", four),
        ("2026-11-30 05:00:00 +0000 UTC", five),
        ("2026-11-30T05:00:00+01:00[Europe/Berlin]", four),
        (
            "2026-11-30T05:00:00.123456789123456789Z",
            "2026-11-30T05:00:00.123456789Z",
        ),
        ("2026/11/30 05:00:00", five),
        ("2026/11/30 05:00:00.123", millis),
        ("20261130T050000Z", five),
        ("20261130T060000.123+0100", millis),
        ("20261130 05:00:00", five),
        ("2026-11-30 5:00:00 AM", five),
        ("2026-11-30 5:00:00 PM", "2026-11-30T17:00:00.000000000Z"),
        ("2026-11-30 12:00:00 AM", "2026-11-30T00:00:00.000000000Z"),
        ("Mon, 30 Nov 2026 05:00:00 GMT", five),
        ("Mon, 30 Nov 2026 05:00:00 +0100", four),
        ("Mon, 2 Nov 2026 05:00:00 GMT", "2026-11-02T05:00:00.000000000Z"),
        ("30/Nov/2026:05:00:00 +0100", four),
        ("30/Nov/2026 05:00:00", five),
        ("30-Nov-2026 05:00:00.123", millis),
        ("30-Nov-2026 05:00:00 UTC", five),
        ("30 Nov 2026 05:00:00.123", millis),
        ("30 Nov 2026, 05:00:00", five),
        ("30.11.2026 05:00:00", five),
        ("Mon Nov 30 05:00:00 2026", five),
        ("Mon Nov 30 05:00:00.123 2026", millis),
        ("Mon Nov 30 05:00:00 UTC 2026", five),
        ("Mon Nov  2 05:00:00 2026", "2026-11-02T05:00:00.000000000Z"),
        ("Nov 30, 2026 5:00:00 AM", five),
        ("Nov 30, 2026, 5:00:00 AM", five),
        ("Nov 30 2026 05:00:00.123", millis),
        ("Nov 30 05:00:00", five),
        ("Nov 30 05:00:00.123", millis),
        (" 2026-11-30T05:00:00Z\t", five),
        // As a text, JavaScript's Date, and what adds to a name.
        (
            "Mon Nov 30 2026 05:00:00 GMT+0100 (Central European Standard Time)",
            four,
        ),
        ("Mon Nov 30 2026 05:00:00 GMT+0000 (UTC)", five),
        ("Mon, 30 Nov 2026 05:00:00 GMT+01:00", four),
        ("2026-11-30 05:00:00 UTC+1", four),
        ("2026-11-30 05:00:00 UTC+01:00", four),
        ("2026-11-30 05:00:00 GMT-5", "2026-11-30T10:00:00.000000000Z"),
        ("Mon Nov 30 05:00:00 2026 UTC", five),
        ("2026-11-30 05:00:00 PST", "2026-11-30T13:00:00.000000000Z"),
        ("2026-11-30T05:00:00+05:45", "2026-11-29T23:15:00.000000000Z"),
        ("2026-06-30T23:59:60Z", "2026-06-30T23:59:59.999999999Z"),
    ] {
        assert_eq!(said(form, &TimeZone::UTC).as_deref(), Some(expected), "{form}");
    }
}

#[test]
fn what_is_ambiguous_or_no_time_is_not_read() {
    for form in [
        "",
        "soon",
        "yesterday",
        "05:00:00",
        "05:00:00.123",
        "2026-11-30",
        "03/04/2026 05:00:00",
        "30/11/2026 05:00:00",
        "26/11/30 05:00:00",
        "11-30 05:00:00.123",
        "2026-13-30T05:00:00Z",
        "2026-02-30T05:00:00Z",
        "2026-11-30T25:00:00Z",
        "2026-11-30T05:61:00Z",
        "2026-11-30T05:00:00 and more",
        "2026-11-30 05:00:00 CST",
        "2026-11-30 05:00:00 IST",
        "2026-11-30T05:00:00Z2",
        "2026-11-30 05:00:00 GMT+0199",
        "2026-11-30 05:00:00 GMT+99",
        "2026-11-30 05:00:00 -1500",
        "2026-11-30 05:00:00 +0107",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        // Half a year before the arrival, and some days after it: the year cannot be told.
        "Jun 14 15:16:01",
        "Dec 10 06:55:46",
        "Feb 29 00:00:00",
        "Mon",
        "Nov",
        "é",
        "2026-11-30Té",
    ] {
        assert_eq!(said(form, &TimeZone::UTC), None, "{form}");
    }
}

#[test]
fn a_time_without_a_zone_is_in_that_of_the_setting() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for (form, expected) in [
        ("2026-11-30 05:00:00", "2026-11-30T04:00:00.000000000Z"),
        ("2026-07-30 05:00:00", "2026-07-30T03:00:00.000000000Z"),
        ("2026-11-30 05:00:00Z", "2026-11-30T05:00:00.000000000Z"),
        ("Nov 30 05:00:00", "2026-11-30T04:00:00.000000000Z"),
        // The hour that is there twice, by its name.
        ("2026-10-25 02:30:00 CEST", "2026-10-25T00:30:00.000000000Z"),
        ("2026-10-25 02:30:00 CET", "2026-10-25T01:30:00.000000000Z"),
        // The hour that is not there.
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00.000000000Z"),
    ] {
        assert_eq!(said(form, &zone).as_deref(), Some(expected), "{form}");
    }
    let zone = TimeZone::get("America/Chicago").unwrap();
    assert_eq!(
        said("2026-11-30 05:00:00 CST", &zone).as_deref(),
        Some("2026-11-30T11:00:00.000000000Z")
    );
}

#[test]
fn a_time_without_a_year_is_of_the_one_in_which_it_was_lately() {
    let zone = TimeZone::UTC;
    let read = |said: &str, arrived: &str| {
        let here = Here {
            zone: &zone,
            arrived: Timestamp::parse(arrived).unwrap(),
        };
        text(said, here).map(|ts| ts.to_string())
    };
    for (form, arrived, expected) in [
        (
            "Dec 31 23:59:59",
            "2027-01-01T00:00:01Z",
            Some("2026-12-31T23:59:59.000000000Z"),
        ),
        (
            "Jan  1 00:30:00",
            "2026-12-31T23:59:00Z",
            Some("2027-01-01T00:30:00.000000000Z"),
        ),
        (
            "Feb 29 12:00:00",
            "2028-03-01T00:00:00Z",
            Some("2028-02-29T12:00:00.000000000Z"),
        ),
        ("Feb 29 12:00:00", "2027-03-01T00:00:00Z", None),
        (
            "Nov  1 12:00:00",
            "2026-11-30T00:00:00Z",
            Some("2026-11-01T12:00:00.000000000Z"),
        ),
        ("Oct 29 12:00:00", "2026-11-30T00:00:00Z", None),
    ] {
        assert_eq!(read(form, arrived).as_deref(), expected, "{form} {arrived}");
    }
}

proptest! {
    /// What is read where each part is bound to stand is read part by part as the same.
    #[test]
    fn the_usual_form_is_read_as_any_other(
        text in prop_oneof![
            "(1[6-9]|2[0-3])[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?Z",
            "2026-11-30T05:00:0[0-9:/]\\.?[0-9:/]{0,3}[Zz]?",
        ],
    ) {
        let zone = TimeZone::UTC;
        let by_parts = begin(&text).filter(|(_, length)| *length == text.len());
        let by_parts = by_parts.and_then(|(when, _)| when.resolve(here(&zone)));
        if let Some(usual) = form::usual(text.as_bytes()) {
            prop_assert_eq!(Some(usual), by_parts, "{}", text);
        }
    }
}

proptest! {
    /// They are read where each part is bound to stand; with one more blank before the zone, part by part.
    #[test]
    fn an_access_logs_time_is_the_same_read_at_once_and_part_by_part(
        (day, month, year) in (0..33_i64, 0..12_usize, 1969..2400_i64),
        (hour, minute, second) in (0..25_i64, 0..61_i64, 0..62_i64),
        (sign, ahead) in (prop::sample::select(vec!['+', '-']), 0..1600_i64),
    ) {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months[month];
        let clock = format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02}");
        let (at_once, by_part) = (format!("{clock} {sign}{ahead:04}]"), format!("{clock}  {sign}{ahead:04}]"));
        let what = |text: &str| begin(text).map(|(when, length)| (when, text[length..].trim_start().to_owned()));
        prop_assert_eq!(what(&at_once), what(&by_part));
    }
}
