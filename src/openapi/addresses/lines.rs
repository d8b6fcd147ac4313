//! Sending lines, and reading what was sent.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::{
    Is::Always, Is::Sometimes, JSON, Shape, any, by_name, list, named, number, object, one_of, text, time,
    time_or_null, truth, whole,
};
use crate::openapi::told::Told;

const NDJSON: &str = "application/x-ndjson";

const REPEAT: &str = "With an `Idempotency-Key`, a request that is repeated is stored once and gets the first answer. Repeat it \
    after 429, 503 or a broken connection.";

/// Whatever brings lines.
fn lines_in(told: Told) -> Told {
    let encodings = one_of("", &["gzip", "zstd"]);
    told.parameter(
        ParameterIn::Header,
        "Idempotency-Key",
        Required::False,
        "1 to 128 printable characters, one for each body.",
        text(""),
    )
    .parameter(
        ParameterIn::Header,
        "Content-Encoding",
        Required::False,
        "How the body is compressed.",
        encodings,
    )
    .answer(
        200,
        "The accepted lines are stored, durably.",
        vec![(JSON, named("Stored"))],
    )
    .refuses(
        400,
        &[
            "empty",
            "nothing_accepted",
            "bad_key",
            "bad_marks",
            "bad_parameter",
            "bad_json",
            "bad_encoding",
            "broken_off",
        ],
    )
    .refuses(403, &["forbidden"])
    .refuses(408, &["too_slow"])
    .refuses(409, &["key_reused"])
    .refuses(413, &["too_large"])
    .refuses(
        415,
        &["unsupported_type", "unsupported_charset", "unsupported_encoding"],
    )
    .refuses(429, &["busy", "too_many_streams"])
    .refuses(503, &["unavailable", "unknown_outcome", "draining", "store_full"])
}

pub(crate) fn send_lines() -> Told {
    let told = Told::new("sendLines", "lines", "Send lines", REPEAT).query(
        "stream",
        "Where all lines go. Without it, each goes to the one that its member `stream` names.",
        text(""),
    );
    let types = vec![
        (NDJSON, text("An object a line; whatever is none is a message.")),
        (
            JSON,
            any("An object, an array of them, or several of these in a row."),
        ),
        ("text/plain", text("A message a line.")),
    ];
    lines_in(told.body("Lines. Without a type they are NDJSON.", types))
}

pub(crate) fn send_log() -> Told {
    let told = Told::new("sendLog", "lines", "Send a plain log", REPEAT).query(
        "service",
        "They go to the stream `log/` and this name.",
        text(""),
    );
    lines_in(told.body(
        "A message a line, whatever the type says.",
        vec![("text/plain", text(""))],
    ))
}

/// Which lines of a stream are meant.
fn of_a_stream(told: Told) -> Told {
    told.parameter(
        ParameterIn::Query,
        "stream",
        Required::True,
        "Which; `@me` is the token's own.",
        text(""),
    )
    .query("from", "The first offset.", whole(""))
    .query("to", "The offset after the last.", whole(""))
    .query("since", "The least `ts`.", time(""))
    .query("until", "The `ts` before which they are.", time(""))
    .query(
        "filter",
        "What they are like: docs/protocol.md has the grammar.",
        text(""),
    )
    .refuses(400, &["bad_parameter", "cursor_ahead"])
    .refuses(404, &["stream_not_found"])
}

/// Whatever reads the store.
fn reads(told: Told) -> Told {
    told.refuses(429, &["busy"])
        .refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable"])
}

pub(crate) fn read_lines() -> Told {
    let about = "In the order of their offsets. To read everything, repeat with `from` where the answer says to go on.";
    let told = of_a_stream(Told::new("readLines", "lines", "Read lines of a stream", about))
        .query("last", "Of all these, the last so many.", whole(""))
        .query(
            "limit",
            "At most so many: 1,000 unless named, or as many as `last`.",
            whole(""),
        )
        .answer(
            200,
            "Lines. In NDJSON a line each, or a gap where lines are damaged.",
            vec![
                (NDJSON, text("An object a line: a `Line`, or a `Gap`.")),
                (JSON, named("Page")),
            ],
        )
        .with("Tailcast-Next", "Where to go on.", whole(""))
        .with("Tailcast-From", "Where the answer begins.", whole(""))
        .with(
            "Tailcast-First-Available",
            "The oldest offset that is kept.",
            whole(""),
        )
        .with(
            "Tailcast-Undecided",
            "How many lines the filter gave up on, where there are any.",
            whole(""),
        )
        .with(
            "Tailcast-Looked-Through",
            "With a filter: how many lines there are from where the answer begins to where to go on.",
            whole(""),
        )
        .with(
            "Tailcast-Filter-Reading",
            "How the filter was read, in words, percent-encoded; left out beyond 2 KiB.",
            text(""),
        )
        .with(
            "Tailcast-Filter-Literal",
            "The filter that looks for the same text as it stands, percent-encoded; left out beyond 2 KiB.",
            text(""),
        );
    reads(told)
}

pub(crate) fn count_lines() -> Told {
    let about = "Without reading them. An answer may end early: add up what `from` where it ended brings.";
    let told = of_a_stream(Told::new(
        "countLines",
        "lines",
        "Count lines over time and by level",
        about,
    ))
    .query(
        "width",
        "Of a bucket, in whole seconds, 1 to 86,400; 60 unless named.",
        whole(""),
    )
    .answer(200, "How many there are.", vec![(JSON, named("Counts"))]);
    reads(told)
}

pub(crate) fn list_streams() -> Told {
    let told = Told::new(
        "listStreams",
        "lines",
        "List streams",
        "Those that may be read, by name.",
    )
    .query("match", "A pattern.", text(""))
    .query("limit", "At most so many, from 1.", whole(""))
    .query("after", "Those behind this name.", text(""))
    .answer(200, "Streams.", vec![(JSON, named("Streams"))])
    .refuses(400, &["bad_parameter"]);
    reads(told)
}

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    vec![
        ("Line", line()),
        ("Gap", gap()),
        ("Stretch", stretch()),
        ("Rejected", rejected()),
        ("Stored", stored()),
        ("Page", page()),
        ("Counts", counts()),
        ("Streams", streams()),
    ]
}

fn line() -> Shape {
    let levels = ["trace", "debug", "info", "warn", "error", "fatal"];
    let members = vec![
        (
            "offset",
            Always,
            whole("Its place in its stream: without holes, never reused."),
        ),
        ("undecided", Sometimes, truth("The filter gave up on it: `true`.")),
        ("ts", Always, time("With nanoseconds.")),
        ("level", Sometimes, one_of("", &levels)),
        ("message", Always, text("")),
        ("fields", Sometimes, by_name(any(""), "Whatever else it has.")),
    ];
    object("A line as it is kept.", members)
}

fn gap() -> Shape {
    let members = vec![
        ("offset", Always, whole("The first one that is missing.")),
        ("gap", Always, one_of("", &["damaged"])),
        ("next", Always, whole("The next one that comes.")),
    ];
    object("In the place of lines that are damaged in the store.", members)
}

fn stretch() -> Shape {
    let members = vec![
        ("first", Always, whole("The first offset.")),
        ("next", Always, whole("The one after the last.")),
    ];
    object("Lines that follow each other.", members)
}

fn rejected() -> Shape {
    let codes = ["line_too_long", "bad_stream", "no_stream", "forbidden"];
    let members = vec![
        (
            "line",
            Always,
            whole("From 1, by line, blank ones counted, or by element."),
        ),
        ("code", Always, one_of("", &codes)),
        ("error", Always, text("")),
    ];
    object("A line that was not taken.", members)
}

fn stored() -> Shape {
    let members = vec![
        ("accepted", Always, whole("How many lines are stored.")),
        (
            "undated",
            Sometimes,
            whole("How many of them told a time that is not understood: they have that of their arrival."),
        ),
        (
            "cut",
            Sometimes,
            whole(
                "How many of them were too long, and are cut: their field `_cut` says how many bytes are left out.",
            ),
        ),
        ("rejected", Always, list(named("Rejected"))),
        (
            "rejected_more",
            Sometimes,
            by_name(whole(""), "How many more, by code, beyond a hundred."),
        ),
        (
            "streams",
            Always,
            by_name(list(named("Stretch")), "Where they are stored."),
        ),
    ];
    object("What became of the lines.", members)
}

/// From one offset up to another.
fn range(about: &str) -> Shape {
    object(
        about,
        vec![("from", Always, whole("")), ("to", Always, whole(""))],
    )
}

fn reading() -> Shape {
    let members = vec![
        ("reading", Always, text("In words.")),
        (
            "literal",
            Sometimes,
            text("The filter that looks for the same text as it stands."),
        ),
    ];
    object("How the filter was read.", members)
}

fn page() -> Shape {
    let members = vec![
        ("stream", Always, text("")),
        (
            "first_available",
            Always,
            whole("The oldest offset that is kept."),
        ),
        ("from", Always, whole("Where the answer begins.")),
        ("next", Always, whole("Where to go on.")),
        (
            "undecided",
            Sometimes,
            whole("How many lines the filter gave up on."),
        ),
        (
            "looked_through",
            Sometimes,
            whole("With a filter: how many lines there are from `from` to `next`."),
        ),
        ("filter", Sometimes, reading()),
        ("lines", Always, list(named("Line"))),
        (
            "damaged",
            Sometimes,
            list(range("Lines that are damaged in the store.")),
        ),
    ];
    object("Lines of a stream.", members)
}

fn counts() -> Shape {
    let bucket = vec![
        ("at", Always, time("Its beginning, a multiple of the width.")),
        ("lines", Always, whole("")),
        (
            "levels",
            Always,
            by_name(whole(""), "By level; a line without one is in `lines` alone."),
        ),
    ];
    let members = vec![
        ("stream", Always, text("")),
        ("from", Always, whole("Where the answer begins.")),
        ("next", Always, whole("Where to go on.")),
        (
            "first_available",
            Always,
            whole("The oldest offset that is kept."),
        ),
        ("width", Always, whole("Of a bucket, in seconds.")),
        ("buckets", Always, list(object("Lines of a time.", bucket))),
        (
            "undecided",
            Sometimes,
            whole("Lines that are in no bucket, because the filter gave up on them."),
        ),
        (
            "damaged",
            Sometimes,
            list(range("Lines that are damaged in the store, and counted nowhere.")),
        ),
    ];
    object("How many lines there are, over time and by level.", members)
}

fn streams() -> Shape {
    let stream = vec![
        ("name", Always, text("")),
        (
            "first_available",
            Always,
            whole("The oldest offset that is kept."),
        ),
        ("next", Always, whole("The head.")),
        (
            "last_arrival",
            Always,
            time_or_null("Null when retention emptied it."),
        ),
        ("lines_per_second", Always, number("Of the last minute.")),
    ];
    let members = vec![
        ("streams", Always, list(object("A stream.", stream))),
        (
            "next",
            Sometimes,
            text("Where there are more: the name to go on with as `after`."),
        ),
    ];
    object("Streams, by name.", members)
}
