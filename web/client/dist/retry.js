// Whether and when to come back after a connection ended (docs/protocol.md, "Closing"). Pure: knows no socket and no
// clock.
const FIRST_MS = 500;
const LONGEST_MS = 15_000;
/** A longer hint is a mistake. */
const LONGEST_HINT_MS = 300_000;
// Ends without a close frame of the server's: a cut cable, a proxy, a killed process.
const NO_STATUS = 1005;
const ABNORMAL = 1006;
/** Whether a close code means "come back". */
export function comesBack(code) {
    if (code === NO_STATUS || code === ABNORMAL)
        return true;
    return code === 1001 || code === 1012 || (code >= 4000 && code <= 4499);
}
/**
 * Milliseconds to wait before attempt number `attempt` (0 is the first one after a connection that worked): anything up
 * to a bound that doubles. A hint of the server's is waited out; the first one as it is, for the server spreads its
 * sessions itself, and what does not work again and again is asked for less and less often all the same.
 */
export function delay(attempt, hint, random = Math.random) {
    const jitter = (power) => random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(power, 20));
    if (hint === undefined || !(hint >= 0))
        return Math.round(jitter(attempt));
    return Math.round(Math.min(hint, LONGEST_HINT_MS) + (attempt > 0 ? jitter(attempt - 1) : 0));
}
