// Whether anybody is still there at the other end. Pure: the caller has the clock.
//
// A browser is not told of WebSocket pings, and a connection whose other end vanished (a laptop that slept, a network
// that changed) looks like one on which nothing happens. So when nothing was heard for a heartbeat the server is asked
// for a sign, if it knows how to give one.

/** Silence while an answer is awaited. */
const SILENCE_MS = 15_000;
/** For any answer, however much else is said. */
const ANSWER_MS = 60_000;

export type Verdict = "fine" | "ask" | "dead";

export class Watch {
  #heard: number;
  /** When each request was sent that was not answered yet. */
  readonly #asked = new Map<string, number>();
  #heartbeat: number | undefined;

  constructor(now: number) {
    this.#heard = now;
  }

  /** From now on the server can be asked for a sign of life, after so much silence (ms). */
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

  verdict(now: number): Verdict {
    const oldest = Math.min(...this.#asked.values());
    const silentSince = Math.max(this.#heard, oldest);
    if (this.#asked.size > 0 && (now - silentSince > SILENCE_MS || now - oldest > ANSWER_MS)) return "dead";
    return this.mayAsk && now - this.#heard >= (this.#heartbeat ?? 0) ? "ask" : "fine";
  }
}
