//! What is HTTP in the ways in.

pub(crate) mod answer;
pub(crate) mod body;
