// Whether anybody is still there at the other end. Pure: the caller has the clock.
//
// A browser is not told of WebSocket pings, and a connection whose other end vanished (a laptop that slept, a network
// that changed, a proxy that swallows everything) looks like one on which nothing happens. So when nothing was heard for a
// while the server is asked for a sign, if it knows how to give one; and while one is overdue, that is said.

/** Silence while an answer is awaited. */
const SILENCE_MS = 15_000;
/** For any answer, however much else is said. */
const ANSWER_MS = 60_000;
/** Silence after which a sign is asked for while somebody looks: what they read as alive has to be. */
const SEEN_MS = 5_000;
/** For a sign of life, before it counts as overdue. */
const OVERDUE_MS = 2_000;

export type Verdict = "fine" | "ask" | "dead";

export class Watch {
  #heard: number;
  /** When each request was sent that was not answered yet. */
  readonly #asked = new Map<string, number>();
  #heartbeat: number | undefined;

  constructor(now: number) {
    this.#heard = now;
  }

  /** When something was last heard. */
  get heardAt(): number {
    return this.#heard;
  }

  /** From now on the server can be asked for a sign of life, after so much silence (ms) at most. */
  canAsk(heartbeat: number): void {
    this.#heartbeat = heartbeat;
  }

  cannotAsk(): void {
    this.#heartbeat = undefined;
  }

  /** Whether it makes sense to ask for one now. */
  get mayAsk(): boolean {
    return this.#heartbeat !== undefined && this.#asked.size === 0;
  }

  heard(now: number): void {
    this.#heard = now;
  }

  asked(key: string, now: number): void {
    if (!this.#asked.has(key)) this.#asked.set(key, now);
  }

  answered(key: string): void {
    this.#asked.delete(key);
  }

  /** Answered, whatever was asked of it. */
  refused(id: string): void {
    for (const key of this.#asked.keys()) {
      if (key.endsWith(`:${id}`)) this.#asked.delete(key);
    }
  }

  /** @param seen whether somebody looks: a sign is asked for sooner then. */
  verdict(now: number, seen: boolean): Verdict {
    const oldest = this.#oldest;
    const silent = now - Math.max(this.#heard, oldest);
    if (this.#asked.size > 0 && (silent > SILENCE_MS || now - oldest > ANSWER_MS)) return "dead";
    return this.mayAsk && now - this.#heard >= this.#patience(seen) ? "ask" : "fine";
  }

  /**
   * Whether a sign of life should have come by now: it was asked for and did not come, or nobody could ask (the page slept)
   * and the last one is too old. From a server that cannot be asked, none is awaited.
   */
  isOverdue(now: number, seen: boolean): boolean {
    if (this.#asked.size > 0 && now - Math.max(this.#heard, this.#oldest) > OVERDUE_MS) return true;
    return this.#heartbeat !== undefined && now - this.#heard > this.#patience(seen) + OVERDUE_MS;
  }

  get #oldest(): number {
    return Math.min(...this.#asked.values());
  }

  #patience(seen: boolean): number {
    const heartbeat = this.#heartbeat ?? 0;
    return seen ? Math.min(SEEN_MS, heartbeat) : heartbeat;
  }
}
