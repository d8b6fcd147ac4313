import type { Cursors, From } from "./events.js";
import type { WireFrom } from "./messages.js";
/** What a subscription wants, and how far it is. */
export interface Wanted {
    /** Names, patterns, `@me`. */
    readonly targets: readonly string[];
    /** Where streams begin that were not begun yet. */
    readonly from: WireFrom;
    /** The next offset wanted, by stream. */
    readonly cursors: ReadonlyMap<string, number>;
    /** Streams with a cursor that the token does not allow: only a pattern asks for them. */
    readonly takenAway: ReadonlySet<string>;
    /** The store that the cursors are of. */
    readonly epoch: string;
    /** Whether its patterns were begun: what they meet now is new, and wanted from its first kept line. */
    readonly begun: boolean;
    /** Members of every message. */
    readonly filter?: string;
    readonly mode?: "recent";
}
/** Whether a subscription goes on where another one was. */
export declare function isCursors(from: From): from is Cursors;
/** Where streams begin that have no cursor. */
export declare function wireFrom(from: From): WireFrom;
/** A `subscribe` without its id. */
export interface Request {
    readonly type: "subscribe";
    readonly streams: readonly string[];
    readonly from: WireFrom;
    readonly filter?: string;
    readonly mode?: "recent";
    /** Whether the patterns are in this one. */
    readonly patterns: boolean;
}
/**
 * The messages, none longer than `bytes`; as few as may be. Streams that are known go on at their cursors, the others
 * begin as they were asked to.
 */
export declare function requests(wanted: Wanted, subscriber: string, bytes: number): Request[];
