// How much may come: what to do about a consumer that is slower than its streams. Pure.
//
// The server is asked to pause when much waits, and to go on when little does. Should more come all the same than one
// can keep, the subscription is left, and taken up at its cursors once the consumer is through. Nothing is lost either way.

const DEFAULT_SIZE = 1024 * 1024;
const LEAST_SIZE = 64 * 1024;
/** Of the size: below it, lines are let in again. */
const LOW = 1 / 4;
/** Of the size: what may be under way when a pause is asked for, and more. */
const HARD = 4;

export type Step = "nothing" | "subscribe" | "leave" | "pause" | "resume";

export class Flow {
  readonly #size: number;
  /** `out`: nothing was asked for, or was let go of. */
  #now: "out" | "flowing" | "paused" = "out";
  #wanted = false;

  /** @param size how much may wait before a pause, in characters. */
  constructor(size = DEFAULT_SIZE) {
    this.#size = Math.max(LEAST_SIZE, size);
  }

  /** Whether the server was asked to pause, or will be. */
  get paused(): boolean {
    return this.#wanted || this.#now === "paused";
  }

  /** Whether nothing is asked for until the consumer is through. */
  get out(): boolean {
    return this.#now === "out";
  }

  /** Whether the consumer asked for the pause. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** The consumer wants a pause, or no more. */
  want(paused: boolean): void {
    this.#wanted = paused;
  }

  /** Nothing of what was asked for stands any more. */
  reset(): void {
    this.#now = "out";
  }

  /** What to do next, with so much waiting. It counts as done. */
  next(waiting: number, leaving: boolean): Step {
    if (this.#now === "out") {
      if (leaving || waiting > this.#size * LOW) return "nothing";
      this.#now = this.#wanted ? "paused" : "flowing";
      return "subscribe";
    }
    if (waiting > this.#size * HARD) {
      this.#now = "out";
      return "leave";
    }
    const pause = this.#wanted || waiting > this.#size * (this.#now === "paused" ? LOW : 1);
    const step = pause === (this.#now === "paused") ? "nothing" : pause ? "pause" : "resume";
    this.#now = pause ? "paused" : "flowing";
    return step;
  }
}
