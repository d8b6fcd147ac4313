//! The page that shows streams, and the library it stands on.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::text;
use crate::openapi::told::Told;

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
