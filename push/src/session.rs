//! What every session has, whatever its wire: a place among the others, deadlines, and an end.

pub(crate) mod admission;
pub(crate) mod clock;
pub mod close;
