//! Characters in whatever bytes they come: marks, UTF-16, declared sets, holes, raw control characters.

use serde_json::json;

use crate::fixture::{Collector, Post};

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

fn message(text: &str) -> String {
    format!("{{\"ts\":NOW,\"message\":{}}}", json!(text))
}

fn utf16(mark: &str, order: fn(u16) -> [u8; 2], text: &str) -> Vec<u8> {
    let units = mark.encode_utf16().chain(text.encode_utf16());
    units.flat_map(order).collect()
}

/// The messages that a body of each type comes to: as text, and as JSON.
async fn messages(body: &[u8], kind: &str) -> Vec<String> {
    let collector = Collector::start();
    let reply = collector.send(Post::lines(body.to_vec()).kind(kind)).await;
    assert_eq!(reply.status, 200, "{kind}: {}", reply.text);
    collector.stored("a/b")
}

#[tokio::test]
async fn utf_16_is_read_by_its_mark_or_as_it_was_declared() {
    let (le, be) = (u16::to_le_bytes, u16::to_be_bytes);
    let expected = [message("déjà vu"), message("😀 \u{50a}")];
    // The second line holds a character of which one byte is that of a line feed.
    let text = "déjà vu\r\n😀 \u{50a}\n";
    let table = [
        ("", utf16("\u{feff}", le, text)),
        ("", utf16("\u{feff}", be, text)),
        ("; charset=utf-16", utf16("\u{feff}", be, text)),
        ("; charset=UTF-16LE", utf16("", le, text)),
        ("; charset=\"utf-16be\"", utf16("", be, text)),
        ("; charset=utf-16", utf16("", le, text)),
        ("; charset=utf-16", utf16("", be, text)),
        // The mark knows better.
        ("; charset=utf-8", utf16("\u{feff}", le, text)),
    ];
    for (charset, body) in &table {
        for kind in [NDJSON, TEXT] {
            assert_eq!(
                messages(body, &format!("{kind}{charset}")).await,
                expected,
                "{kind}{charset}"
            );
        }
    }
    let objects = "[{\"msg\":\"déjà vu\"},\n{\"msg\":\"😀 \u{50a}\"}]";
    for kind in [NDJSON, JSON] {
        let text = match kind {
            NDJSON => "{\"msg\":\"déjà vu\"}\n{\"msg\":\"😀 \u{50a}\"}\n",
            _ => objects,
        };
        let marked = messages(&utf16("\u{feff}", le, text), kind).await;
        assert_eq!(marked, expected);
        let declared = messages(&utf16("", be, text), &format!("{kind}; charset=utf-16be")).await;
        assert_eq!(declared, expected);
    }
}

#[tokio::test]
async fn half_a_character_of_utf_16_is_replaced_and_its_line_kept() {
    let body = b"\xff\xfea\0\x3d\xd8\n\0b\0\x00";
    assert_eq!(
        messages(body, TEXT).await,
        [message("a\u{fffd}"), message("b\u{fffd}")]
    );
}

#[tokio::test]
async fn single_bytes_are_the_characters_of_the_declared_set() {
    let table: &[(&str, &[u8], &str)] = &[
        ("iso-8859-1", b"d\xe9j\xe0 vu \xa4", "déjà vu \u{a4}"),
        ("ISO_8859-1", b"\xfe", "þ"),
        ("latin1", b"{\"msg\":\"d\xe9j\xe0 vu\"}", "déjà vu"),
        ("windows-1252", b"\x80 \x93\xe9\x94 \x85", "€ “é” …"),
        ("cp1252", b"{\"msg\":\"\x80\"}", "€"),
        ("us-ascii", b"plain \xe9", "plain \u{fffd}"),
    ];
    for (charset, body, expected) in table {
        let stored = messages(body, &format!("{NDJSON}; charset={charset}")).await;
        assert_eq!(stored, [message(expected)], "{charset}");
    }
    let collector = Collector::start();
    let log = Post::to("/log?service=web").body(&b"d\xe9j\xe0 vu\n"[..]);
    collector.send(log.kind("text/plain; charset=ISO-8859-1")).await;
    assert_eq!(collector.stored("log/web"), [message("déjà vu")]);
}

#[tokio::test]
async fn marks_and_holes_before_the_first_character_are_taken_off() {
    let hole = vec![0; 300 * 1024];
    let table: Vec<Vec<u8>> = vec![
        b"\xef\xbb\xbfone\ntwo\n".to_vec(),
        // Files with marks, one after the other.
        b"\xef\xbb\xbfone\r\n\xef\xbb\xbftwo\r\n".to_vec(),
        b"\0\0\0one\n\0\0two\n\0\0\0".to_vec(),
        b"one\n\0\0\0\n\0\xef\xbb\xbf\0two".to_vec(),
        // A hole may be longer than a line: it is none.
        [b"one\n", &hole[..], b"two\n"].concat(),
        [b"\xef\xbb\xbf", &hole[..], b"one\n", &hole[..], b"two"].concat(),
    ];
    for body in &table {
        for kind in [NDJSON, TEXT] {
            assert_eq!(
                messages(body, kind).await,
                [message("one"), message("two")],
                "{kind}"
            );
        }
    }
    let objects: [&[u8]; 2] = [
        b"\xef\xbb\xbf{\"msg\":\"one\"}\n\0\0{\"msg\":\"two\"}\n",
        b"\0\0\0{\"msg\":\"one\"}\n\xef\xbb\xbf{\"msg\":\"two\"}\n\0\0\0\0",
    ];
    for body in objects {
        for kind in [NDJSON, JSON] {
            assert_eq!(
                messages(body, kind).await,
                [message("one"), message("two")],
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn control_characters_that_stand_in_json_as_they_are_are_read() {
    let object =
        b"{\"level\":\"error\",\"msg\":\"col1\tcol2 \x1b[31mred\x1b[0m\",\"a\x01\":{\"b\":[\"\0\x08\"]}}";
    let expected = "{\"ts\":NOW,\"level\":\"error\",\"message\":\"col1\\tcol2 \\u001b[31mred\\u001b[0m\",\
                    \"fields\":{\"a\\u0001\":{\"b\":[\"\\u0000\\u0008\"]}}}";
    for (kind, body) in [
        (NDJSON, object.to_vec()),
        (JSON, object.to_vec()),
        (JSON, [&b"[\n"[..], object, b"\n]\n"].concat()),
    ] {
        assert_eq!(messages(&body, kind).await, [expected], "{kind}");
    }
    // In a whole body of JSON a line feed is one of them.
    let body = b"[{\"msg\":\"one\n\ttwo\"},\r\n{\"msg\":\"three\"}]";
    assert_eq!(
        messages(body, JSON).await,
        [message("one\n\ttwo"), message("three")]
    );
}

#[tokio::test]
async fn the_same_bytes_in_another_character_set_are_another_body() {
    let collector = Collector::start();
    let post = |kind: &str| Post::lines(&b"\xe9\n"[..]).key("k").kind(kind);
    let first = collector.send(post("text/plain; charset=latin1")).await;
    assert_eq!(first.status, 200);
    let repeated = collector.send(post("text/plain; charset=ISO-8859-1")).await;
    assert_eq!(repeated.text, first.text);
    let other = collector.send(post("text/plain")).await;
    assert_eq!(other.refusal(), (409, "key_reused"));
    assert_eq!(collector.stored("a/b"), [message("é")]);
}

/// Some readers end a line there. As escapes they say the same to whoever reads JSON.
#[tokio::test]
async fn what_some_take_for_line_ends_is_written_as_escapes() {
    let expected = "{\"ts\":NOW,\"message\":\"a\\u2028b\\u2029\\u0085 “c”\",\"fields\":{\"k\\u2028\":[\"\\u0085\",\"é\"]}}";
    let object = "{\"msg\":\"a\u{2028}b\u{2029}\u{85} “c”\",\"k\u{2028}\":[\"\u{85}\",\"é\"]}";
    for kind in [NDJSON, JSON] {
        assert_eq!(messages(object.as_bytes(), kind).await, [expected], "{kind}");
    }
    let text = messages("a\u{2028}\u{2028}b…\u{85}".as_bytes(), TEXT).await;
    assert_eq!(text, ["{\"ts\":NOW,\"message\":\"a\\u2028\\u2028b…\\u0085\"}"]);
}
