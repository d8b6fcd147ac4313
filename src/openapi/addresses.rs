//! What each address of the table says of itself; docs/http.md says it at length.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use super::shapes::{
    Is::Always, Is::Sometimes, any, list, named, object, one_of, removed, restore, text, time, truth, whole,
};
use super::told::Told;

const JSON: &str = "application/json";
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

/// Whatever is about saved views.
fn of_views(told: Told) -> Told {
    told.refuses(429, &["busy"])
        .refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable"])
}

/// One of them.
fn of_a_view(told: Told) -> Told {
    let about = "128 random bits in base64url: 22 letters, digits, `-` and `_`.";
    of_views(told.parameter(ParameterIn::Path, "id", Required::True, about, text("")))
}

/// What is changed has to be what was read.
fn as_it_was_read(told: Told) -> Told {
    told.parameter(
        ParameterIn::Header,
        "If-Match",
        Required::False,
        "The view's `ETag`: it is changed only if it is still that one.",
        text(""),
    )
    .refuses(412, &["view_changed"])
}

pub(crate) fn list_views() -> Told {
    of_views(
        Told::new("listViews", "views", "List one's saved views", "").answer(
            200,
            "Views, in no particular order.",
            vec![(
                JSON,
                object("", vec![("views", Always, list(named("SavedView")))]),
            )],
        ),
    )
}

pub(crate) fn read_view() -> Told {
    let about = "One's own, or one that its owner shares. It gives no right to read its streams.";
    of_a_view(Told::new("readView", "views", "Read a saved view", about))
        .answer(200, "The view.", vec![(JSON, named("SavedView"))])
        .with("ETag", "Its version, for `If-Match`.", text(""))
        .refuses(404, &["view_not_found"])
}

pub(crate) fn write_view() -> Told {
    let about = "A new one without `If-Match`. Repeated with the same view, it answers as the first time.";
    as_it_was_read(of_a_view(Told::new("writeView", "views", "Save a view", about)))
        .body("The view.", vec![(JSON, named("View"))])
        .answer(
            200,
            "It is changed, or was so already.",
            vec![(JSON, named("SavedView"))],
        )
        .with("ETag", "Its version, for `If-Match`.", text(""))
        .answer(201, "It is kept.", vec![(JSON, named("SavedView"))])
        .with("ETag", "Its version, for `If-Match`.", text(""))
        .refuses(400, &["bad_view"])
        .refuses(409, &["too_many_views", "view_exists"])
        .refuses(413, &["view_too_large"])
}

pub(crate) fn delete_view() -> Told {
    as_it_was_read(of_a_view(Told::new(
        "deleteView",
        "views",
        "Delete a saved view",
        "",
    )))
    .answer(204, "It is gone, with its link.", vec![])
    .refuses(400, &["bad_view"])
    .refuses(404, &["view_not_found"])
}

pub(crate) fn follow() -> Told {
    let about = "A WebSocket with the subprotocol `tailcast.v1`, over HTTP/1.1.";
    Told::new("follow", "sessions", "Follow streams live", about)
        .parameter(
            ParameterIn::Header,
            "Sec-WebSocket-Protocol",
            Required::False,
            "`tailcast.v1`; for browsers also `bearer.` and the token, which is not echoed.",
            text(""),
        )
        .answer(101, "From here on docs/protocol.md says what is sent.", vec![])
        .refuses(400, &["bad_handshake", "bad_subprotocol"])
        .refuses(426, &["websocket_required", "websocket_version"])
        .refuses(429, &["too_many_sessions"])
        .refuses(503, &["draining", "unavailable"])
}

pub(crate) fn follow_events() -> Told {
    let about = "Server-sent events (docs/sse.md). The id of the last one, in `Last-Event-ID`, goes on exactly there.";
    Told::new("followEvents", "sessions", "Follow streams live as events", about)
        .parameter(
            ParameterIn::Query,
            "stream",
            Required::True,
            "Names, patterns and `@me`: once for each.",
            list(text("")),
        )
        .query(
            "from",
            "Where each begins: `live`, `last:200`, `since:` and a time, or an event's id.",
            text(""),
        )
        .query(
            "filter",
            "What lines are like: docs/protocol.md has the grammar.",
            text(""),
        )
        .query(
            "mode",
            "Whether who does not keep up gets all lines, later, or jumps ahead.",
            one_of("", &["complete", "recent"]),
        )
        .parameter(
            ParameterIn::Header,
            "Last-Event-ID",
            Required::False,
            "The id of the last event that was had. It goes before `from`.",
            text(""),
        )
        .answer(
            200,
            "Events, for as long as the session lasts.",
            vec![("text/event-stream", text(""))],
        )
        .refuses(400, &["bad_parameter", "cursor_ahead", "limit"])
        .refuses(404, &["stream_not_found"])
        .refuses(409, &["wrong_epoch"])
        .refuses(429, &["too_many_sessions"])
        .refuses(503, &["busy", "draining", "unavailable"])
}

pub(crate) fn introspect() -> Told {
    let about = "For services that do not hold the key (RFC 7662). A token without `introspect` or `admin` asks about those of \
        its own subscriber.";
    let form = object(
        "",
        vec![("token", Always, text("The token that is asked about."))],
    );
    Told::new("introspect", "tokens", "Ask about a token", about)
        .body("A form.", vec![("application/x-www-form-urlencoded", form)])
        .answer(200, "What it is.", vec![(JSON, named("Introspection"))])
        .refuses(400, &["bad_request"])
        .refuses(408, &["too_slow"])
        .refuses(413, &["too_large"])
}

pub(crate) fn revoke() -> Told {
    let about = "A token as a form (RFC 7009), or exactly one thing as JSON. Without `admin` one revokes what is one's own \
        subscriber's: of another's token nothing is said but that nothing was revoked. Repeating it does no harm.";
    let form = object("", vec![("token", Always, text("The token that is revoked."))]);
    let answer = vec![
        (
            "revoked",
            Always,
            truth("Whether anything was. Why not is not said."),
        ),
        (
            "before",
            Sometimes,
            whole("Of a subscriber, an issuer or a key: what was issued up to this Unix second is revoked."),
        ),
    ];
    let types = vec![
        ("application/x-www-form-urlencoded", form),
        (JSON, named("Revocation")),
    ];
    Told::new("revoke", "tokens", "Revoke tokens", about)
        .body("What.", types)
        .answer(
            200,
            "It is revoked, durably, or there was nothing to revoke.",
            vec![(JSON, object("", answer))],
        )
        .refuses(400, &["bad_request"])
        .refuses(403, &["forbidden"])
        .refuses(408, &["too_slow"])
        .refuses(409, &["too_many_revocations"])
        .refuses(413, &["too_large"])
        .refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable", "unknown_outcome"])
}

pub(crate) fn viewer() -> Told {
    Told::new("viewer", "viewer", "The viewer", "").answer(200, "The page.", vec![("text/html", text(""))])
}

/// A file in its form, or the word that the one that is there is the newest.
fn file(told: Told, parameter: &str) -> Told {
    told.parameter(
        ParameterIn::Path,
        parameter,
        Required::True,
        "Which file.",
        text(""),
    )
    .answer(200, "The file.", vec![("*/*", text(""))])
    .answer(304, "It did not change.", vec![])
}

pub(crate) fn viewer_file() -> Told {
    file(
        Told::new("viewerFile", "viewer", "A file of the viewer", ""),
        "name",
    )
}

pub(crate) fn library_file() -> Told {
    let told = Told::new(
        "libraryFile",
        "viewer",
        "A file of the client library",
        "For other pages, too.",
    );
    file(told, "path")
}

pub(crate) fn alive() -> Told {
    let alive = object("", vec![("alive", Always, truth(""))]);
    Told::new("alive", "node", "Whether the process lives", "").answer(200, "It does.", vec![(JSON, alive)])
}

pub(crate) fn ready() -> Told {
    let ready = object("", vec![("ready", Always, truth(""))]);
    Told::new("ready", "node", "Whether to send requests here", "")
        .answer(200, "Yes.", vec![(JSON, ready)])
        .refuses(503, &["not_ready"])
}

pub(crate) fn describe() -> Told {
    Told::new("describe", "node", "This document", "").answer(200, "OpenAPI 3.1.", vec![(JSON, any(""))])
}

pub(crate) fn link() -> Told {
    let to = one_of("", &["dispatch", "push"]);
    Told::new(
        "link",
        "node",
        "A link from another node",
        "A WebSocket; for nodes of the cluster alone.",
    )
    .parameter(ParameterIn::Query, "to", Required::True, "Whom it is for.", to)
    .answer(101, "From here on it is a link.", vec![])
    .refuses(400, &["bad_parameter"])
    .refuses(404, &["no_such_role"])
}

pub(crate) fn list_nodes() -> Told {
    Told::new("listNodes", "admin", "Who is alive", "").answer(200, "Nodes.", vec![(JSON, named("Nodes"))])
}

/// A stream by its name, for administrators.
fn of_a_name(told: Told, about: &str) -> Told {
    told.parameter(ParameterIn::Path, "name", Required::True, about, text(""))
        .refuses(400, &["bad_parameter"])
        .refuses(503, &["unavailable"])
}

pub(crate) fn find_streams() -> Told {
    let about = "All that there are, whoever may read them.";
    of_a_name(
        Told::new(
            "findStreams",
            "admin",
            "Which streams a name or a pattern means",
            about,
        ),
        "A name, with its slashes, or a pattern.",
    )
    .answer(200, "Streams.", vec![(JSON, named("Streams"))])
}

pub(crate) fn delete_stream() -> Told {
    let about = "Every line of it, for good, at once and for everybody: it is as if it never had one. What is sent to it later \
        goes on where it ended. Repeating it does no harm.";
    of_a_name(
        Told::new("deleteStream", "admin", "Delete a stream", about),
        "Its name, with its slashes.",
    )
    .answer(
        200,
        "It is deleted.",
        vec![(
            JSON,
            object(
                "",
                vec![
                    ("stream", Always, text("")),
                    ("from", Always, whole("The first offset that it had.")),
                    ("next", Always, whole("Where it ended, and goes on.")),
                ],
            ),
        )],
    )
    .refuses(404, &["stream_not_found"])
}

/// Whatever asks the store about retention.
fn asks_retention(told: Told) -> Told {
    told.refuses(503, &["unavailable"])
}

pub(crate) fn retention() -> Told {
    asks_retention(
        Told::new(
            "retention",
            "admin",
            "What is kept, and what is being removed",
            "",
        )
        .answer(200, "Retention.", vec![(JSON, named("Retention"))]),
    )
}

pub(crate) fn restore_lines() -> Told {
    let restored = object("", vec![("restored", Always, list(removed(vec![])))]);
    asks_retention(
        Told::new(
            "restoreLines",
            "admin",
            "Bring back what is removed and not yet deleted",
            "",
        )
        .body("What to bring back.", vec![(JSON, restore())])
        .answer(200, "What came back.", vec![(JSON, restored)])
        .refuses(400, &["bad_parameter"]),
    )
}

pub(crate) fn allow_removal() -> Told {
    let answer = object(
        "",
        vec![("now", Always, time("")), ("held", Always, named("Held"))],
    );
    asks_retention(
        Told::new(
            "allowRemoval",
            "admin",
            "Say that the clock is right",
            "What is old by it may go.",
        )
        .answer(200, "It may.", vec![(JSON, answer)]),
    )
}

pub(crate) fn metrics() -> Told {
    Told::new(
        "metrics",
        "node",
        "What the process counts",
        "In the text format of Prometheus.",
    )
    .answer(200, "Metrics.", vec![("text/plain", text(""))])
}
