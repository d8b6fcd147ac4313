import type { Level, Line } from "./events.js";
import type { Tokens } from "./tokens.js";
/** A readable stream. */
export interface StreamInfo {
    readonly name: string;
    /** The offset of the oldest line still kept. */
    readonly firstAvailable: number;
    /** The head: the next offset to be given. */
    readonly next: number;
    /** When the last line came, RFC 3339. */
    readonly lastArrival?: string;
    readonly linesPerSecond: number;
}
/** Which lines: offsets or times, both `from`/`since` inclusive and `to`/`until` exclusive, or the last ones. */
export interface Range {
    readonly from?: number;
    readonly to?: number;
    readonly since?: string | Date;
    readonly until?: string | Date;
    readonly last?: number;
    readonly filter?: string;
    /** At most so many lines. Default: 1,000. */
    readonly limit?: number;
}
/** How to read. */
export interface ReadOptions {
    /** Gives up the request when it is aborted; the promise then fails with the signal's reason, as that of `fetch` does. */
    readonly signal?: AbortSignal;
}
/** Kept lines. */
export interface Page {
    readonly stream: string;
    /** The offset of the oldest line still kept. */
    readonly firstAvailable: number;
    /** Where these begin. To go back: `{ to: from, last: N }`. */
    readonly from: number;
    /** Where to go on: `{ from: next }`, until it moves no more. */
    readonly next: number;
    readonly lines: readonly Line[];
    /** Lines from `from` to `to` (exclusive) that are left out: the store cannot read them. Only there when there are any. */
    readonly damaged?: readonly {
        readonly from: number;
        readonly to: number;
    }[];
}
/** Which lines to count, and how finely. */
export interface CountsQuery extends Omit<Range, "last" | "limit"> {
    readonly stream: string;
    /** Of a bucket, in whole seconds, 1 to 86,400. Default: 60. */
    readonly width?: number;
    /** As {@link ReadOptions.signal}. */
    readonly signal?: AbortSignal;
}
/** How many kept lines there are, over time. */
export interface CountsPage {
    readonly stream: string;
    /** The offset of the oldest line still kept. */
    readonly firstAvailable: number;
    /** Where counting began: after the `from` that was asked for, where lines are not kept any more. */
    readonly from: number;
    /**
     * The buckets hold every line that was asked for up to here. Go on with `{ from: next }`, until it moves no more: that
     * page may have some of the same buckets, to be added up.
     */
    readonly next: number;
    /** Of a bucket, in seconds. */
    readonly width: number;
    /** In the order of their times; only those with lines. */
    readonly buckets: readonly CountBucket[];
}
/** The lines of a stretch of time: of `at` and later, before `at` and the page's `width`. */
export interface CountBucket {
    /** RFC 3339, UTC, whole seconds; a multiple of the width since 1970. */
    readonly at: string;
    /** All of them, those without a level included. */
    readonly lines: number;
    /** Those with a level; only levels that have any. */
    readonly levels: Readonly<Partial<Record<Level, number>>>;
}
export declare class Reads {
    #private;
    /** @param base the server's address, ending in a slash. @param parse reads the JSON of an answer. */
    constructor(base: URL, tokens: Tokens, parse?: (text: string) => unknown);
    streams(match: string | undefined, options: ReadOptions): Promise<StreamInfo[]>;
    lines(stream: string, range: Range, options: ReadOptions): Promise<Page>;
    counts({ signal, ...asked }: CountsQuery): Promise<CountsPage>;
    /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
    probe(token: string): Promise<void>;
}
