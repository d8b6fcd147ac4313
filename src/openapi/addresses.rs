//! What each address of the table says of itself, with the bodies it takes and gives; docs/http.md says it at length.

mod admin;
mod keys;
mod lines;
mod node;
mod sessions;
mod tokens;
mod viewer;
mod views;

use super::shapes::Shape;
pub(crate) use admin::*;
pub(crate) use keys::*;
pub(crate) use lines::*;
pub(crate) use node::*;
pub(crate) use sessions::*;
pub(crate) use tokens::*;
pub(crate) use viewer::*;
pub(crate) use views::*;

/// The bodies that have names, of all addresses.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    [
        lines::shapes(),
        views::shapes(),
        tokens::shapes(),
        keys::shapes(),
        admin::shapes(),
    ]
    .concat()
}
