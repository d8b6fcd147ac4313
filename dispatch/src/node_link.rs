//! The way to one push node. `push` implements it for the node in the same process; [`crate::link`] for the others.

use collect::Hint;

/// Takes hints to one node.
///
/// Never waits and never fails. What does not fit the bounded queue, or finds no connection, is dropped and counted,
/// and the node is told so with a `Hint::Lost` or `Hint::AnyLost` as soon as it can be told. Order is kept per stream.
pub trait NodeLink: Send + Sync {
    /// Passes one hint on.
    fn deliver(&self, hint: Hint);
}
