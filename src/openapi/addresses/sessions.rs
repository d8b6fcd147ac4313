//! Following streams live.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::{list, one_of, text};
use crate::openapi::told::Told;

const TICKET: &str = "A ticket, where no token can be sent.";

pub(crate) fn follow() -> Told {
    let about = "A WebSocket with the subprotocol `tailcast.v1`, over HTTP/1.1.";
    Told::new("follow", "sessions", "Follow streams live", about)
        .query("ticket", TICKET, text(""))
        .parameter(
            ParameterIn::Header,
            "Sec-WebSocket-Protocol",
            Required::False,
            "`tailcast.v1`; for browsers also `bearer.` and the token, which is not echoed.",
            text(""),
        )
        .answer(101, "From here on docs/protocol.md says what is sent.", vec![])
        .refuses(400, &["bad_handshake", "bad_subprotocol"])
        .refuses(403, &["origin_not_allowed"])
        .refuses(401, &["bad_ticket"])
        .refuses(426, &["websocket_required", "websocket_version"])
        .refuses(429, &["too_many_sessions"])
        .refuses(503, &["draining", "unavailable"])
}

pub(crate) fn follow_events() -> Told {
    let about = "Server-sent events (docs/sse.md). The id of the last one, in `Last-Event-ID`, goes on exactly there.";
    Told::new("followEvents", "sessions", "Follow streams live as events", about)
        .query("ticket", TICKET, text(""))
        .parameter(
            ParameterIn::Query,
            "stream",
            Required::True,
            "Names, patterns and `@me`: once for each.",
            list(text("")),
        )
        .query(
            "from",
            "Where each begins: `live`, `last:200`, `since:` and a time, or an event's id.",
            text(""),
        )
        .query(
            "filter",
            "What lines are like: docs/protocol.md has the grammar.",
            text(""),
        )
        .query(
            "mode",
            "Whether who does not keep up gets all lines, later, or jumps ahead.",
            one_of("", &["complete", "recent"]),
        )
        .parameter(
            ParameterIn::Header,
            "Last-Event-ID",
            Required::False,
            "The id of the last event that was had. It goes before `from`.",
            text(""),
        )
        .answer(
            200,
            "Events, for as long as the session lasts.",
            vec![("text/event-stream", text(""))],
        )
        .refuses(400, &["bad_parameter", "cursor_ahead", "limit"])
        .refuses(401, &["bad_ticket"])
        .refuses(404, &["stream_not_found"])
        .refuses(409, &["wrong_epoch"])
        .refuses(429, &["too_many_sessions"])
        .refuses(503, &["busy", "draining", "unavailable"])
}
