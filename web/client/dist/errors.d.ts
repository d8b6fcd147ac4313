/** What only some errors say. */
export interface ErrorDetails {
    /** The status of an HTTP answer; 0 when no answer came. */
    readonly status?: number;
    /** The stream that was refused. */
    readonly stream?: string;
    /** The head of `stream`, of `cursor_ahead`. */
    readonly next?: number;
    /** The epoch of the server's store, of `wrong_epoch`. */
    readonly epoch?: string;
    /** The character of a filter that cannot be there, counted from 0, of `bad_filter` and `bad_parameter`. */
    readonly position?: number;
    /** Which parameter is wrong, of `bad_parameter`. */
    readonly parameter?: string;
    /** How long to wait before asking again, where the server says so: with `busy` and `unavailable`. */
    readonly retryAfterMs?: number;
    /** When the token ends, of `token_expiring`. */
    readonly expiresAt?: Date;
}
/**
 * A refusal or the end of something. Codes are the server's (docs/protocol.md, docs/http.md) and these of the client's:
 * `away` (no answer), `bad_answer` (one that is no Tailcast server's), `no_token` and `token_expiring` (the provider gave
 * none), `offline` (asked while there is no connection), `closed` (the server closed with a code that says no more),
 * `no_websocket` (the runtime has none, and none was handed in), `not_opened` (the runtime refuses to open one).
 */
export declare class TailcastError extends Error {
    readonly name = "TailcastError";
    /** Stable, for programs. */
    readonly code: string;
    /** What else there is to say. */
    readonly details: ErrorDetails;
    constructor(code: string, message: string, details?: ErrorDetails);
}
/** Calls what a page handed in. What that throws is the page's to see, and must not stop what goes on here. */
export declare function tell<T>(callback: ((value: T) => void) | undefined, value: T): void;
/** As if nobody had caught it, which is what happened. */
export declare function report(error: unknown): void;
/** The words of whatever was thrown. */
export declare function words(thrown: unknown): string;
