// How fast requests may be sent, so that the server never refuses one for its haste. Pure: the caller has the clock.

/** The server's own burst is larger; what it does not tell is not counted upon. */
const BURST_SECONDS = 2;
/** Two clocks are never alike. */
const MARGIN = 0.9;

export class OutboundRate {
  #perMs: number;
  #burst: number;
  #allowance: number;
  #since: number;

  constructor(perSecond: number, now: number) {
    this.#perMs = (perSecond * MARGIN) / 1000;
    this.#burst = Math.max(1, perSecond * BURST_SECONDS);
    this.#allowance = this.#burst;
    this.#since = now;
  }

  /** Milliseconds until the next one may be sent: 0 means now, and counts it. */
  take(now: number): number {
    this.#allowance = Math.min(this.#burst, this.#allowance + Math.max(0, now - this.#since) * this.#perMs);
    this.#since = now;
    if (this.#allowance < 1) return Math.ceil((1 - this.#allowance) / this.#perMs) + 1;
    this.#allowance -= 1;
    return 0;
  }
}
