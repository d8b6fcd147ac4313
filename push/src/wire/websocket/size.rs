//! What a session takes while nothing happens: tens of thousands of them are idle at a time.

use std::mem::size_of;

use super::*;
use crate::feeds::wake::Wake;
use crate::wire::handshake::serve;

/// Each bound is a little more than what there is. Whoever needs more asks first whether most sessions need it: what few
/// have is boxed, and a future that is awaited in place has its room in every session.
#[test]
fn an_idle_session_is_small() {
    fn future_of<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }
    let sizes = [
        // The socket with its protocol, the cursors, the deadlines: one allocation, for which the allocator has places of
        // 1,280 and then of 1,536 bytes.
        (
            "what a session is",
            size_of::<WebSocket<edge::Socket>>(),
            SESSION_BYTES,
        ),
        // A part of its task, with the timer.
        (
            "its future",
            future_of(WebSocket::<edge::Socket>::run),
            FUTURE_BYTES,
        ),
        // The rest of it is what the runtime adds, about 110 bytes.
        (
            "what its task runs",
            future_of(|(session, place)| serve(session, place)),
            TASK_BYTES,
        ),
        // One for each session, beside it: feeds hold it.
        ("its wake-up", size_of::<Wake>(), 128),
    ];
    for (what, size, most) in sizes {
        assert!(size <= most, "{what} takes {size} bytes, and may take {most}");
    }
}

const SESSION_BYTES: usize = 1_280;
const FUTURE_BYTES: usize = 512;
const TASK_BYTES: usize = 656;
