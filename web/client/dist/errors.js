// What goes wrong, in one class. `code` is for programs, `message` for people.
/**
 * A refusal or the end of something. Codes are the server's (docs/protocol.md, docs/http.md) and these of the client's:
 * `away` (no answer), `bad_answer` (one that is no Tailcast server's), `no_token` and `token_expiring` (the provider gave
 * none), `offline` (asked while there is no connection), `closed` (the server closed with a code that says no more),
 * `no_websocket` (the runtime has none, and none was handed in), `not_opened` (the runtime refuses to open one).
 */
export class TailcastError extends Error {
    name = "TailcastError";
    /** Stable, for programs. */
    code;
    /** What else there is to say. */
    details;
    constructor(code, message, details = {}) {
        super(message);
        this.code = code;
        this.details = details;
    }
}
/** Calls what a page handed in. What that throws is the page's to see, and must not stop what goes on here. */
export function tell(callback, value) {
    try {
        callback?.(value);
    }
    catch (error) {
        report(error);
    }
}
/** As if nobody had caught it, which is what happened. */
export function report(error) {
    queueMicrotask(() => {
        throw error;
    });
}
/** The words of whatever was thrown. */
export function words(thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
}
