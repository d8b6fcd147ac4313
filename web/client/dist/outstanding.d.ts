export declare class Outstanding {
    #private;
    /** The stream's head is there, and not reached. */
    expect(stream: string, head: number): void;
    /** The same, for a stream that begins anew before a place that it had reached. */
    expectAgain(stream: string, reached: number): void;
    /** The stream's head is reached. */
    reached(stream: string): void;
    /** So many lines of the stream wait behind the pause. */
    waits(stream: string, count: number): void;
    /** Nothing waits behind a pause any more. */
    flows(): void;
    forget(stream: string): void;
    clear(): void;
    /** Whether every head was reached. */
    get none(): boolean;
    /** Lines up to the heads, from the cursors. */
    remaining(cursors: ReadonlyMap<string, number>): number;
    /** Lines behind the pause. */
    get behind(): number;
}
