//! Where every way in ends: lines are gathered by stream, and given to [`append`](crate::append).

pub(crate) mod intake;
pub(crate) mod key;
pub(crate) mod memory;
pub(crate) mod refused;
