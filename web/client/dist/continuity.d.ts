import type { FaultEvent, Line } from "./events.js";
import type { Gap, Lines, Live } from "./messages.js";
import { Proof } from "./proof.js";
/** What is new in a frame of lines. */
export interface Accepted {
    readonly first: number;
    readonly next: number;
    readonly lines: readonly Line[];
    readonly faults: readonly FaultEvent[];
}
/** The cursors of one subscription. */
export declare class Continuity {
    #private;
    /** What became of every offset. */
    readonly proof: Proof;
    /** @param filtered frames then leave out lines that do not match. */
    constructor(filtered: boolean, cursors?: Iterable<readonly [string, number]>);
    /** The next offset wanted, by stream. */
    get cursors(): ReadonlyMap<string, number>;
    /** Where a stream begins. One that is known goes on where it was: whatever the server skips is then noticed. */
    begin(stream: string, cursor: number): void;
    /** Goes on elsewhere, because the consumer said so. */
    move(stream: string, cursor: number): void;
    /** The token does not allow it any more; another one may, and it goes on where it is. */
    takeAway(stream: string): void;
    /** Streams that have a cursor, and may not be read. */
    get takenAway(): ReadonlySet<string>;
    /** It is not this subscription's any more. Should it be again, it begins anew. */
    forget(stream: string): void;
    accept(frame: Lines): Accepted;
    /** A gap that the server names. It explains what is missing between its ends, and nothing else. */
    gap({ stream, from, to }: Gap): FaultEvent[];
    /** The head is reached: nothing may be outstanding. */
    live({ stream, next }: Live): FaultEvent[];
}
