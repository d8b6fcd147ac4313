// How many offsets to ask for at once: as many as an answer has room for, and as a server gets through in time. Pure.

import type { CountsPage } from "tailcast-client";
import type { Outcome } from "./stored.ts";

const FIRST = 10_000;
const LEAST = 1_000;
const MOST = 100_000;
/** Buckets of an answer: with fewer, more lines can be asked at once; with more, an answer is long for what is kept of it. */
const FEW_BUCKETS = 2_500;
const MANY_BUCKETS = 7_500;
/** Answers in a row before twice as much is tried: rarely where it is still too much, soon where the server was only away. */
const TRUSTED = 32;

export class Piece {
  #size = FIRST;
  /** What was not answered in time is more. */
  #most = MOST;
  /** Answers to as much as that, in a row. */
  #answered = 0;

  get size(): number {
    return this.#size;
  }

  /** Counting begins; what is known of the server stays. */
  begin(): void {
    this.#size = Math.min(FIRST, this.#most);
    this.#answered = 0;
  }

  answered(outcome: Outcome, { buckets }: CountsPage): void {
    this.#answered = this.#size === this.#most ? this.#answered + 1 : 0;
    if (this.#answered >= TRUSTED) {
      this.#most = Math.min(MOST, this.#most * 2);
      this.#answered = 0;
    }
    if (outcome !== "counted" || buckets.length > MANY_BUCKETS) this.#size = half(this.#size);
    else if (buckets.length < FEW_BUCKETS) this.#size = Math.min(this.#most, this.#size * 2);
  }

  /** To so many offsets there was no answer in time. */
  late(asked: number): void {
    this.#most = half(Math.min(asked, this.#size));
    this.#size = this.#most;
    this.#answered = 0;
  }
}

function half(size: number): number {
  return Math.max(LEAST, Math.floor(size / 2));
}
