// Has the server count what is stored and was not loaded: one question at a time, until all is counted or it is stopped.

import { type Client, type CountsPage, TailcastError } from "tailcast-client";
import { pause } from "../pause.ts";
import type { Histogram } from "./histogram.ts";
import { Piece } from "./piece.ts";
import { nextQuestion, type CountedShare, progress, type Question, take } from "./stored.ts";

export type Counter = Pick<Client, "counts">;

export interface CountingParts {
  readonly histogram: Histogram;
  readonly filter: string;
  /** There is more in the histogram, or `standing` is another. */
  readonly onchange: () => void;
  /** Waits so many ms; fails when it is given up. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Where it stands. */
export interface CountingStanding extends CountedShare {
  /** `whole`: there is nothing to count. `partly`: there is, and nobody has asked for it. */
  readonly state: "whole" | "partly" | "counting" | "failed";
  /** Why it failed, as a sentence. */
  readonly error?: string;
  /** How many streams are left out, for they cannot be read; absent while none is. */
  readonly lost?: number;
}

/** Refusals in a row, and answers that say nothing, before it is given up. */
const PATIENCE = 6;
const FIRST_WAIT_MS = 1_000;
/** No answer, too many requests, and what stands before a server that is away. */
const PASSING = [0, 429, 502, 503, 504];
/** No answer in time, here or where something stands before the server: less is answered sooner. */
const LATE = [0, 504];

export class Counting {
  readonly #parts: CountingParts;
  /** Streams that cannot be read any more: what is stored of them stays uncounted. */
  readonly #lost = new Set<string>();
  readonly #piece = new Piece();
  #run: AbortController | undefined;
  #error: string | undefined;

  constructor(parts: CountingParts) {
    this.#parts = parts;
  }

  get standing(): CountingStanding {
    const { size: lost } = this.#lost;
    const reached = { ...progress(this.#parts.histogram, this.#lost), ...(lost > 0 ? { lost } : {}) };
    if (this.#run) return { ...reached, state: "counting" };
    if (reached.share === 1) return { ...reached, state: "whole" };
    return this.#error === undefined ? { ...reached, state: "partly" } : { ...reached, state: "failed", error: this.#error };
  }

  async start(counter: Counter): Promise<void> {
    this.stop();
    const run = new AbortController();
    this.#run = run;
    this.#parts.onchange();
    const error = await this.#count(counter, run.signal).then(() => undefined, sentence);
    if (this.#run !== run) return;
    this.#run = undefined;
    this.#error = error;
    this.#parts.onchange();
  }

  /** What was counted so far stays. */
  stop(): void {
    this.#error = undefined;
    if (!this.#run) return;
    this.#run.abort();
    this.#run = undefined;
    this.#parts.onchange();
  }

  /** Who reads is another, or what is stored: it is stopped, and what could not be read may be now. */
  renewed(): void {
    this.stop();
    if (this.#lost.size === 0) return;
    this.#lost.clear();
    this.#parts.onchange();
  }

  async #count(counter: Counter, signal: AbortSignal): Promise<void> {
    const { histogram, onchange } = this.#parts;
    this.#piece.begin();
    for (let [idle, refused] = [0, 0]; ; ) {
      const question = nextQuestion(histogram, this.#lost, this.#piece.size);
      if (!question) return;
      const answer = await this.#ask(counter, question, signal);
      if (answer instanceof TailcastError) {
        if (answer.code === "stream_not_found") {
          this.#lost.add(question.stream);
          continue;
        }
        refused += 1;
        await this.#refused(question, answer, refused, signal);
        continue;
      }
      refused = 0;
      const outcome = take(histogram, question, answer);
      idle = outcome === "nothing" ? idle + 1 : 0;
      if (idle >= PATIENCE) throw new CountingError(`The server does not get on with counting ${question.stream}.`);
      this.#piece.answered(outcome, answer);
      onchange();
    }
  }

  async #ask(counter: Counter, question: Question, signal: AbortSignal): Promise<CountsPage | TailcastError> {
    const { filter } = this.#parts;
    try {
      const answer = await counter.counts({ ...question, ...(filter ? { filter } : {}), signal });
      signal.throwIfAborted();
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TailcastError) return error;
      throw error;
    }
  }

  /** Returns when it is time to ask anew: for less, where that was too much. */
  async #refused({ from, to }: Question, error: TailcastError, times: number, signal: AbortSignal): Promise<void> {
    const { wait = pause } = this.#parts;
    const status = error.details.status ?? -1;
    if (LATE.includes(status)) this.#piece.late(to - from);
    if (!PASSING.includes(status) || times >= PATIENCE) throw error;
    await wait(error.details.retryAfterMs ?? FIRST_WAIT_MS * 2 ** (times - 1), signal);
  }
}

/** Why it could not be counted, as a sentence for the reader. */
class CountingError extends Error {}

function sentence(error: unknown): string {
  if (error instanceof CountingError) return error.message;
  return `What is stored could not be counted: ${error instanceof Error ? error.message : String(error)}.`;
}
