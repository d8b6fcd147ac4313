//! What people paste is found, and read alike here and in the viewer.

use super::*;
use crate::filter::literal;
use crate::filter::tokens::{Kind, Tokens};

/// What people copy from a terminal, a ticket or a source and look for, whole.
const PASTED: &[&str] = &[
    "call std::vec::Vec::new failed",
    "user=ann took=12ms",
    "GET https://example.org/a?b=1&c=2 ip=2001:db8::1",
    r"path C:\app\x.cs:12",
    "java.lang.NullPointerException: boom",
    "Caused by: java.io.IOException: Connection reset by peer",
    r#"Exception in thread "main" java.lang.IllegalStateException: no"#,
    "\tat com.example.Foo$Bar.baz(Foo.java:12) ~[app.jar!/:1.0-SNAPSHOT]",
    "\tat com.example.Main.<init>(Main.java:7)",
    "\tat java.base/java.lang.Thread.run(Thread.java:833) [?:?]",
    "\t... 12 common frames omitted",
    "    at Object.<anonymous> (/app/index.js:12:5)",
    "    at async Promise.all (index 0)",
    "TypeError: Cannot read properties of undefined (reading 'id')",
    "Traceback (most recent call last):",
    r#"  File "/app/main.py", line 12, in <module>"#,
    "KeyError: 'user'",
    "thread 'main' panicked at src/main.rs:12:5:",
    "called `Option::unwrap()` on a `None` value",
    "panic: runtime error: index out of range [5] with length 3",
    "goroutine 1 [running]:",
    "\t/app/main.go:42 +0x1d",
    "app.rb:12:in `foo': undefined method `x' for nil (NoMethodError)",
    "PHP Fatal error:  Uncaught Error: Call to undefined function foo() in /var/www/index.php:3",
    "#0 /var/www/index.php(12): foo('a', 1)",
    "   at App.Program.Main(String[] args) in C:\\src\\Program.cs:line 12",
    "foo.c:12:5: error: expected ';' before '}' token",
    "ERROR:root:boom",
    "[ERROR] something - failed",
    "2026-11-30T12:00:00.123Z INFO  [main] c.e.App -- Started in 2.1 s",
    "2026-11-30 12:00:00,123 - app - WARNING - slow query",
    "<13>Nov 30 12:00:00 host app[123]: text",
    "E1130 12:00:00.123456    1 reflector.go:138] pkg/x.go:1: Failed to watch *v1.Pod: unknown",
    r#"level=info ts=2026-11-30T12:00:00Z caller=main.go:12 msg="hello world" err="say \"no\"""#,
    r#"127.0.0.1 - - [30/Nov/2026:12:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 12 "-" "curl/8.0""#,
    r#"{"a":1}"#,
    r#"{"a": 1, "b": "x y", "c": [1, 2], "d": null}"#,
    r#"payload={"user":{"id":7},"ok":true}"#,
    "exit code -1, signal: 11 (core dumped)",
    "offset -5 .. +5 (delta = -10.5%)",
    "a -> b => c <- d --> e",
    "x<y && z>y || w!=3",
    "if a==b: c:=d; e::f(g)",
    "std::collections::HashMap<String, Vec<u8>>",
    "SELECT * FROM t WHERE a=1 AND b='x' AND c IN (1, 2)",
    "ORA-00942: table or view does not exist",
    "---- END ----",
    "-----BEGIN CERTIFICATE-----",
    "=== RUN   TestFoo/bar",
    "--- FAIL: TestFoo (0.00s)",
    "*** error ***",
    "kubelet[1]: I1130 pod \"a/b\" (uid=1-2) restarted",
    "redis://user:pass@host:6379/0?x=1",
    "jdbc:postgresql://db:5432/app",
    "connect to db.internal:5432 refused",
    "git@github.com:o/r.git",
    "arn:aws:s3:::bucket/key",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "/var/log/app.log: No such file or directory",
    "//server/share and \\\\server\\share",
    "rm -rf --no-preserve / (denied)",
    "main() called f(x)(y) with (a, b) and ()",
    "f(x",
    "x) y",
    "smile :) or :(",
    "5\" wide, 6' tall",
    "say\"hello\" now",
    "100% of $HOME ~ #tag @user & co; a|b `c`",
    "cron=*/5 * * * *",
    "Größe: 12 µs; 日本語: テスト",
    "key:  value",
    "a:b:c d= e=",
];

#[test]
fn what_people_paste_is_found() {
    for text in PASTED {
        // `rm -rf` means what it says, and the text is found all the same: as a phrase.
        // As ingest has it, that takes the level from where logfmt says it.
        let found = line(Some(Level::Info), text, &[]);
        let read = filter(text);
        if !text.contains(" -r") {
            assert!(read.matches(&found), "{text}: {}", read.reading().words);
        }
        // Nothing is offered where it is the filter already.
        let literal = filter(&read.reading().literal.unwrap_or_else(|| text.trim().to_owned()));
        assert!(literal.matches(&found), "{text}: {}", literal.reading().words);
        assert!(!literal.matches(&line(None, "something else", &[])), "{text}");
    }
}

/// What people paste without a thought: commands, objects, halves of quotes, comments, frames, expressions, addresses, SQL.
/// Where it cannot be read as a filter, and where what it is read as finds nothing, the text itself is a phrase away.
#[test]
fn whatever_is_pasted_is_found_or_is_a_phrase_away() {
    let pasted: Vec<String> =
        serde_json::from_str(include_str!("../../../../tests/wire/pasted.json")).unwrap();
    assert!(pasted.len() > 80);
    for text in pasted {
        let found = line(None, &text, &[]);
        let literal = match Filter::parse(&text) {
            Ok(read) if read.matches(&found) => continue,
            Ok(read) => read.reading().literal,
            Err(_) => literal(&text),
        };
        let literal = literal.unwrap_or_else(|| panic!("{text}: nothing is offered"));
        assert!(filter(&literal).matches(&found), "{text}: {literal}");
        assert!(
            !filter(&literal).matches(&line(None, "something else", &[])),
            "{text}"
        );
    }
    assert_eq!((literal(" \n"), literal(&"x".repeat(5_000))), (None, None));
}

/// What a filter says in JSON of how it is read: as the viewer's tests compare it.
#[test]
fn filters_are_read_as_the_viewer_reads_them() {
    let agreed: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../../tests/wire/filters.json")).unwrap();
    assert!(agreed.len() > 100);
    for example in agreed {
        let text = example["filter"].as_str().unwrap();
        let expected: Vec<_> = example["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|token| token.as_str().unwrap())
            .collect();
        assert_eq!(pieces(text), expected, "{text}");
        let read = filter(text);
        if let Some(reading) = example["reading"].as_str() {
            assert_eq!(read.reading().words, reading, "{text}");
        }
    }
}

/// The pieces as tests/wire/filters.json has them.
fn pieces(text: &str) -> Vec<String> {
    let mut tokens = Tokens::of(text);
    let mut pieces = Vec::new();
    while let Some(token) = tokens.next().unwrap() {
        let written = &text[token.at..token.end];
        let piece = match token.kind {
            Kind::Or => format!("or {written}"),
            Kind::And => format!("and {written}"),
            Kind::Not => format!("minus {written}"),
            Kind::Open => format!("open {written}"),
            Kind::Close => format!("close {written}"),
            Kind::Word(word) => format!("word {word}"),
            Kind::Phrase { text, .. } => format!("phrase {text}"),
            Kind::Regex(pattern) => format!("regex {pattern}"),
            Kind::Compares(compares) => {
                let star = if compares.value.prefix { "*" } else { "" };
                pieces.push(format!("name {}", compares.name));
                pieces.push(format!("operator {}", compares.operator));
                format!("value {}{star}", compares.value.text)
            }
        };
        pieces.push(piece);
    }
    pieces
}

#[test]
fn the_text_itself_is_offered_where_it_is_not_what_was_looked_for() {
    let table = [
        ("boom", None),
        ("", None),
        ("  ", None),
        ("\"a b\"", Some(r#""\"a b\"""#)),
        ("localhost:8080", Some(r#""localhost:8080""#)),
        (" a -b\t", Some(r#""a -b""#)),
        ("*x*", Some(r#""*x*""#)),
        (r"C:\app", None),
        (r"C:\app x", Some(r#""C:\\app x""#)),
    ];
    for (text, literal) in table {
        assert_eq!(filter(text).reading().literal.as_deref(), literal, "{text}");
    }
}

/// Words in which signs stand anywhere, but where they are operators: see docs/protocol.md.
fn pasted_words() -> impl Strategy<Value = String> {
    let signs = r#"[ab:=<>\\|/,;.{}\[\]"'*&?!@#$%^~+_0-9-]"#;
    prop_oneof![
        // A digit, a sign or a bracket begins it: no name.
        proptest::string::string_regex(&format!("[0-9\\[{{<>=:;,.'+#$%&|!?~^]{signs}{{0,8}}")).unwrap(),
        // A name, and then no operator that could be one.
        proptest::string::string_regex(r"[ab]{1,3}(::|:|=|->|>|<b|\\|/|\[|,|\|)").unwrap(),
        proptest::string::string_regex(r"[ab]{1,3}(::|:\\|->|=>?)[ab:=<>]{0,4}").unwrap(),
        proptest::string::string_regex(r#"[ab]{1,3}\([ab,.:="]{0,4}\)[ab.:]{0,3}"#).unwrap(),
        proptest::string::string_regex("-|--|->|-->|---[ab]|-[0-9]{1,3}").unwrap(),
        proptest::string::string_regex("/[ab]{1,3}(/[ab]{1,3}){1,2}").unwrap(),
    ]
}

proptest! {
    #[test]
    fn a_text_without_an_operator_is_found_as_it_stands(
        words in proptest::collection::vec(pasted_words(), 1..6),
        spaces in "[ \t]{1,2}",
    ) {
        let text = words.join(&spaces);
        let found = line(None, &text, &[]);
        let read = filter(&text);
        prop_assert!(read.matches(&found), "{text:?}: {}", read.reading().words);
        prop_assert!(read.may_match(&found));
    }

    #[test]
    fn the_literal_form_of_any_text_is_found(text in "[abAB \"\\\\/:=(){},é0-9\t*<>-]{1,20}") {
        if let Ok(read) = Filter::parse(&text)
            && let Some(literal) = read.reading().literal
        {
            prop_assert!(filter(&literal).matches(&line(None, &text, &[])), "{literal}");
        }
    }
}
