//! What readers look at, kept under a name.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::{
    Is, Is::Always, Is::Sometimes, JSON, Shape, list, named, object, text, time, truth, whole,
};
use crate::openapi::told::Told;

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
        .refuses(408, &["too_slow"])
        .refuses(409, &["too_many_views", "view_exists"])
        .refuses(413, &["view_too_large"])
}

pub(crate) fn delete_view() -> Told {
    as_it_was_read(of_a_view(Told::new(
        "deleteView",
        "views",
        "Delete a saved view",
        "One's own; with `admin` also one that another shares.",
    )))
    .answer(204, "It is gone, with its link.", vec![])
    .refuses(400, &["bad_view"])
    .refuses(404, &["view_not_found"])
}

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    vec![
        ("View", object("What a reader looks at.", view())),
        ("SavedView", saved_view()),
    ]
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
