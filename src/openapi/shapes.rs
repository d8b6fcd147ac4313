//! What bodies look like.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, SchemaType,
    Type,
};

use super::told::Shape;

/// Whether a member is always there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Always,
    Sometimes,
}

/// Those that have names.
pub(super) fn all() -> Vec<(&'static str, Shape)> {
    let mut all = vec![("Problem", problem()), ("Line", line()), ("Gap", gap())];
    all.extend([
        ("Stretch", stretch()),
        ("Stored", stored()),
        ("Page", page()),
        ("Counts", counts()),
        ("Streams", streams()),
        ("View", object("What a reader looks at.", view())),
        ("SavedView", saved_view()),
        ("Introspection", introspection()),
        ("Revocation", revocation()),
        ("Nodes", nodes()),
        ("Held", held()),
        ("Retention", retention()),
    ]);
    all
}

/// One of them.
pub(super) fn named(name: &str) -> Shape {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn simple(of: Type, about: &str) -> ObjectBuilder {
    let simple = ObjectBuilder::new().schema_type(of);
    if about.is_empty() {
        simple
    } else {
        simple.description(Some(about))
    }
}

pub(super) fn text(about: &str) -> Shape {
    simple(Type::String, about).into()
}

pub(super) fn one_of(about: &str, values: &[&str]) -> Shape {
    simple(Type::String, about)
        .enum_values(Some(values.iter().copied()))
        .into()
}

/// Whatever JSON has.
pub(super) fn any(about: &str) -> Shape {
    let any = simple(Type::String, about).schema_type(SchemaType::AnyValue);
    any.into()
}

/// From 0 on.
pub(super) fn whole(about: &str) -> Shape {
    simple(Type::Integer, about).minimum(Some(0_usize)).into()
}

fn number(about: &str) -> Shape {
    simple(Type::Number, about).into()
}

pub(super) fn truth(about: &str) -> Shape {
    simple(Type::Boolean, about).into()
}

pub(super) fn time(about: &str) -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    simple(Type::String, about).format(Some(format)).into()
}

fn time_or_null(about: &str) -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    simple(Type::String, about)
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .format(Some(format))
        .into()
}

pub(super) fn list(of: Shape) -> Shape {
    ArrayBuilder::new().items(of).into()
}

/// Any names, each with such a value.
fn by_name(of: Shape, about: &str) -> Shape {
    simple(Type::Object, about)
        .additional_properties(Some(AdditionalProperties::RefOr(of)))
        .into()
}

pub(super) fn object(about: &str, members: Vec<(&str, Is, Shape)>) -> Shape {
    let object = members
        .into_iter()
        .fold(simple(Type::Object, about), |object, (name, is, shape)| {
            let object = object.property(name, shape);
            if is == Is::Always {
                object.required(name)
            } else {
                object
            }
        });
    Schema::Object(object.build()).into()
}

use Is::{Always, Sometimes};

fn problem() -> Shape {
    let members = vec![
        ("title", Always, text("The status in words.")),
        ("status", Always, whole("")),
        ("code", Always, text("What programs go by.")),
        (
            "detail",
            Always,
            text("A sentence for people that says what to do."),
        ),
        ("parameter", Sometimes, text("Which parameter is meant.")),
        (
            "position",
            Sometimes,
            whole("Where a filter is wrong, in characters from 0."),
        ),
        (
            "next",
            Sometimes,
            whole("With `cursor_ahead`: the head of the stream."),
        ),
        ("rejected", Sometimes, list(rejected())),
        (
            "rejected_more",
            Sometimes,
            by_name(whole(""), "How many more lines were rejected, by code."),
        ),
        (
            "streams",
            Sometimes,
            by_name(
                list(named("Stretch")),
                "What is stored of the request, all the same.",
            ),
        ),
    ];
    object("A refusal (RFC 9457).", members)
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
        ("rejected", Always, list(rejected())),
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

/// What is kept.
fn view() -> Vec<(&'static str, Is, Shape)> {
    let column = vec![
        (
            "path",
            Always,
            text("The field, and the fields within it, joined by dots."),
        ),
        ("width", Sometimes, whole("In characters.")),
    ];
    let at = vec![
        ("stream", Sometimes, text("Of a line.")),
        ("offset", Sometimes, whole("Of a line.")),
        ("time", Sometimes, time("Where no line is named.")),
    ];
    vec![
        (
            "name",
            Always,
            text("What a person calls it: 1 to 100 characters."),
        ),
        (
            "shared",
            Sometimes,
            truth("Whether whoever has a token and its id may read it. Not, unless named."),
        ),
        (
            "streams",
            Always,
            list(text("A name, a pattern, or `@me`, which is whoever reads.")),
        ),
        ("filter", Sometimes, text("What lines are like.")),
        (
            "columns",
            Sometimes,
            list(object("A field in a column of its own.", column)),
        ),
        (
            "hidden",
            Sometimes,
            list(text("A stream that is followed and not shown.")),
        ),
        ("at", Sometimes, object("Where it begins, instead of live.", at)),
        ("find", Sometimes, text("What is looked for in the lines.")),
    ]
}

fn saved_view() -> Shape {
    let mut members = vec![
        ("id", Always, text("Which.")),
        (
            "version",
            Always,
            text("Which of its versions, as its `ETag` has it."),
        ),
        (
            "own",
            Always,
            truth("Whether it is one's own, and can be changed."),
        ),
    ];
    members.extend(view());
    object("A view that is kept.", members)
}

fn introspection() -> Shape {
    let members = vec![
        (
            "active",
            Always,
            truth("Whether it is good, and may be asked about. If not, nothing more is said."),
        ),
        ("token_type", Sometimes, one_of("", &["Bearer"])),
        ("sub", Sometimes, text("")),
        ("iss", Sometimes, text("")),
        ("aud", Sometimes, text("")),
        ("exp", Sometimes, simple(Type::Integer, "Unix seconds.").into()),
        ("jti", Sometimes, text("")),
        ("read", Sometimes, list(text("A stream or a pattern."))),
        ("write", Sometimes, list(text("A stream or a pattern."))),
        ("admin", Sometimes, truth("")),
        ("introspect", Sometimes, truth("")),
    ];
    object("What a token is (RFC 7662).", members)
}

fn revocation() -> Shape {
    let id = vec![
        ("id", Always, text("Its `jti`.")),
        (
            "issuer",
            Sometimes,
            text("Its `iss`; this installation's unless named."),
        ),
        (
            "expires_at",
            Sometimes,
            whole("Its `exp`, in Unix seconds: after that nobody has to remember it."),
        ),
    ];
    let members = vec![
        ("token", Sometimes, text("A token.")),
        (
            "token_id",
            Sometimes,
            object("A token by its id. For admins.", id),
        ),
        (
            "subscriber",
            Sometimes,
            text("Whose tokens, those that were issued up to now."),
        ),
        (
            "issuer",
            Sometimes,
            text("Whose tokens, by their `iss`. For admins."),
        ),
        (
            "key",
            Sometimes,
            text("The `kid` of the key that they are signed with. For admins."),
        ),
    ];
    object("What is revoked: exactly one of these.", members)
}

fn nodes() -> Shape {
    let node = vec![
        ("id", Always, text("")),
        ("roles", Always, list(text(""))),
        (
            "address",
            Always,
            text("`host:port` of its internal listener, for other nodes."),
        ),
        ("sessions", Always, whole("")),
        ("started", Always, time("")),
        ("version", Always, text("")),
    ];
    object(
        "Who is alive.",
        vec![("nodes", Always, list(object("A node.", node)))],
    )
}

fn held() -> Shape {
    let members = vec![("code", Always, text("")), ("message", Always, text(""))];
    let about = "Why nothing is removed for its age, or null.";
    let Shape::T(Schema::Object(mut held)) = object(about, members) else {
        return text(about);
    };
    held.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    Schema::Object(held).into()
}

/// What retention removed of a stream.
pub(super) fn removed(more: Vec<(&str, Is, Shape)>) -> Shape {
    let mut members = vec![
        ("stream", Always, text("")),
        ("from", Always, whole("")),
        ("to", Always, whole("")),
    ];
    members.extend(more);
    object("Lines of a stream.", members)
}

fn retention() -> Shape {
    let hidden = removed(vec![
        ("bytes", Always, whole("")),
        ("deleted_after", Always, time("")),
    ]);
    let members = vec![
        ("retain_age_seconds", Sometimes, whole("Absent without a limit.")),
        ("retain_bytes", Sometimes, whole("Absent without a limit.")),
        ("now", Always, time("The store's clock.")),
        ("bytes", Always, whole("")),
        ("hidden_bytes", Always, whole("")),
        ("hidden_streams", Always, whole("")),
        ("held_streams", Always, whole("")),
        ("oldest", Always, time_or_null("The oldest arrival.")),
        ("newest", Always, time_or_null("The newest arrival.")),
        ("overdue_seconds", Always, whole("")),
        ("overdue_bytes", Always, whole("")),
        ("held", Always, named("Held")),
        ("hidden", Always, list(hidden)),
    ];
    object("What is kept, and what is being removed.", members)
}

/// Streams and patterns, or all.
pub(super) fn restore() -> Shape {
    let members = vec![
        ("streams", Sometimes, list(text("A stream or a pattern."))),
        ("all", Sometimes, truth("")),
    ];
    let Shape::T(Schema::Object(mut restore)) = object("Either `streams` or `all`.", members) else {
        return text("");
    };
    restore.example = Some(json!({"streams": ["payments/**", "@alice"]}));
    Schema::Object(restore).into()
}
