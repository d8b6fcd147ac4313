//! For administrators of an installation: nodes, streams, retention.

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{Schema, SchemaType, Type};

use crate::openapi::shapes::{
    Is, Is::Always, Is::Sometimes, JSON, Shape, list, named, object, text, time, time_or_null, truth, whole,
};
use crate::openapi::told::Told;

pub(crate) fn list_nodes() -> Told {
    let about = "On nodes with a store (roles collect, push, read, auth): others do not know which tokens were revoked.";
    Told::new("listNodes", "admin", "Who is alive", about).answer(200, "Nodes.", vec![(JSON, named("Nodes"))])
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
    .query(
        "next",
        "Where it was seen to end: it is deleted only if it still does.",
        whole(""),
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
    .refuses(412, &["stream_changed"])
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

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    vec![("Nodes", nodes()), ("Held", held()), ("Retention", kept())]
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
fn removed(more: Vec<(&str, Is, Shape)>) -> Shape {
    let mut members = vec![
        ("stream", Always, text("")),
        ("from", Always, whole("")),
        ("to", Always, whole("")),
    ];
    members.extend(more);
    object("Lines of a stream.", members)
}

fn kept() -> Shape {
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
fn restore() -> Shape {
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
