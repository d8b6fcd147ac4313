// Whether and when to come back after a connection ended (CONTRACT §3). Pure: knows no socket and no clock.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

// Ends without a close frame of the server's: a cut cable, a proxy, a killed process.
const NO_STATUS = 1005;
const ABNORMAL = 1006;

/** Whether a close code means "come back". */
export function comesBack(code) {
  if (code === NO_STATUS || code === ABNORMAL) return true;
  return code === 1001 || code === 1012 || (code >= 4000 && code <= 4499);
}

/**
 * Milliseconds to wait before attempt number `attempt` (0 is the first one after a connection that worked).
 * The server's hint is taken as it is: it spreads its sessions itself. Otherwise full jitter.
 */
export function delay(attempt, hint, random = Math.random) {
  if (Number.isFinite(hint) && hint > 0) return hint;
  return Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20)));
}
