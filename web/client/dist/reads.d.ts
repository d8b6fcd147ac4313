import type { Line } from "./events.js";
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
}
export declare class Reads {
    #private;
    /** @param base the server's address, ending in a slash. */
    constructor(base: URL, tokens: Tokens);
    streams(match: string | undefined, options: ReadOptions): Promise<StreamInfo[]>;
    lines(stream: string, range: Range, options: ReadOptions): Promise<Page>;
    /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
    probe(token: string): Promise<void>;
}
