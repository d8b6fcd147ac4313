// Where messages have one pattern, for painting: at once for plain text, from the worker for an expression.

import type { LineEntry } from "../buffer/entry.ts";
import type { Pattern } from "./query.ts";
import { compile, MOST_TEXT, rangesIn, type Range } from "./search.ts";
import { TooSlow, type WatchedWorker } from "./watched.ts";

/** Why nothing more is marked: the expression took too long, or nobody is there to look. */
export type Stopped = "slow" | "broken";

const NONE: readonly Range[] = [];
/** Messages sent to the worker at a time; a screen has fewer rows. */
const MOST_MESSAGES = 200;

export class Highlights {
  readonly #pattern: Pattern;
  readonly #plain: RegExp | undefined;
  readonly #worker: WatchedWorker;
  readonly #onready: () => void;
  readonly #known = new WeakMap<LineEntry, readonly Range[]>();
  readonly #stop = new AbortController();
  /** Asked for, and not sent to the worker. The latest last. */
  readonly #wanted = new Set<LineEntry>();
  #asking = false;
  #stopped: Stopped | undefined;

  /** @param onready there are ranges that there were not when `of` was asked, or there will be no more of them. */
  constructor(pattern: Pattern, worker: WatchedWorker, onready: () => void) {
    this.#pattern = pattern;
    this.#plain = pattern.kind === "plain" ? compile(pattern) : undefined;
    this.#worker = worker;
    this.#onready = onready;
  }

  /** The places in the entry's message, as far as they are known. */
  of(entry: LineEntry): readonly Range[] {
    const known = this.#known.get(entry);
    if (known) return known;
    if (this.#plain) {
      const ranges = rangesIn(entry.line.message, this.#plain);
      this.#known.set(entry, ranges);
      return ranges;
    }
    this.#want(entry);
    return NONE;
  }

  /** What is marked by then stays. */
  get stopped(): Stopped | undefined {
    return this.#stopped;
  }

  close(): void {
    this.#stop.abort();
  }

  #want(entry: LineEntry): void {
    if (this.#stop.signal.aborted) return;
    this.#wanted.delete(entry);
    this.#wanted.add(entry);
    // Those that were asked for first have been scrolled away.
    for (const old of this.#wanted) {
      if (this.#wanted.size <= MOST_MESSAGES) break;
      this.#wanted.delete(old);
    }
    if (this.#asking) return;
    this.#asking = true;
    // All rows of a paint ask one after the other.
    queueMicrotask(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    while (this.#wanted.size > 0) {
      const entries = this.#taken();
      const texts = entries.map(({ line }) => line.message);
      try {
        const found = await this.#worker.run({ kind: "where", pattern: this.#pattern, texts }, "urgent", this.#stop.signal);
        entries.forEach((entry, i) => this.#known.set(entry, found[i] ?? NONE));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        // It is not asked again.
        this.#stopped = error instanceof TooSlow ? "slow" : "broken";
        this.close();
        this.#onready();
        return;
      }
      this.#onready();
    }
    this.#asking = false;
  }

  #taken(): LineEntry[] {
    const entries: LineEntry[] = [];
    let characters = 0;
    for (const entry of this.#wanted) {
      characters += entry.line.message.length;
      if (entries.length > 0 && characters > MOST_TEXT) break;
      this.#wanted.delete(entry);
      entries.push(entry);
    }
    return entries;
  }
}
