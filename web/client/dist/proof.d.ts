/** What became of the offsets of one stream, as far as it was followed. */
export interface StreamProof {
    readonly stream: string;
    /** The offset that comes next. */
    readonly next: number;
    /** How many offsets went by: those that are `received`, `leftOut`, `gone` and `missing`, when all is well. */
    readonly passed: number;
    /** Lines that came. */
    readonly received: number;
    /** Lines that the filter left out. */
    readonly leftOut: number;
    /** Lines that the server named as gone, in a `gap`. */
    readonly gone: number;
    /** Lines that nobody explained: a `fault`. */
    readonly missing: number;
    /** Lines that came a second time, and were left out: a `fault`. */
    readonly repeated: number;
    /** Messages that were not what they said: a `fault`. */
    readonly miscounted: number;
}
type Counts = {
    -readonly [Name in Exclude<keyof StreamProof, "stream">]: number;
};
/** What can be entered beside the way of the cursor. */
export type Entry = Exclude<keyof Counts, "next" | "passed">;
export declare class Proof {
    #private;
    /** The cursor of a stream moved on over so many offsets. */
    passed(stream: string, offsets: number, next: number): void;
    /** So many lines (or messages, of `miscounted`) were this. */
    enter(stream: string, what: Entry, count: number): void;
    get streams(): StreamProof[];
}
/** Whether every line that was due came once: nothing is missing, repeated or miscounted, and the sums agree. */
export declare function isComplete(proof: Omit<StreamProof, "stream" | "next">): boolean;
export {};
