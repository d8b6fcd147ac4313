export type Step = "nothing" | "subscribe" | "leave" | "pause" | "resume";
export declare class Flow {
    #private;
    /** @param size how much may wait before a pause, in characters. */
    constructor(size?: number);
    /** Whether the server was asked to pause, or will be. */
    get paused(): boolean;
    /** Whether nothing is asked for until the consumer is through. */
    get out(): boolean;
    /** Whether the consumer asked for the pause. */
    get wanted(): boolean;
    /** The consumer wants a pause, or no more. */
    want(paused: boolean): void;
    /** Nothing of what was asked for stands any more. */
    reset(): void;
    /** What to do next, with so much waiting. It counts as done. */
    next(waiting: number, leaving: boolean): Step;
}
