//! Bodies become lines: a file for each format.

pub(crate) mod json;
pub(crate) mod ndjson;
pub(crate) mod text;
