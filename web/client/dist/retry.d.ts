/** Whether a close code means "come back". */
export declare function comesBack(code: number): boolean;
/**
 * Milliseconds to wait before attempt number `attempt` (0 is the first one after a connection that worked): anything up
 * to a bound that doubles. A hint of the server's is waited out; the first one as it is, for the server spreads its
 * sessions itself, and what does not work again and again is asked for less and less often all the same.
 */
export declare function delay(attempt: number, hint: number | undefined, random?: () => number): number;
