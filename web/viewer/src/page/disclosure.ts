// What is shown of the log: which rows, and how much of each. Pure.

import type { Buffer } from "../buffer/buffer.ts";
import type { Rule } from "../buffer/chunk.ts";
import type { Entry } from "../buffer/entry.ts";

export class Disclosure {
  readonly #buffer: Buffer;
  readonly #changed: () => void;
  readonly #open = new WeakSet<Entry>();
  readonly #whole = new WeakSet<Entry>();
  /** Messages of many lines that are shown with all of them. */
  readonly #unfolded = new WeakSet<Entry>();
  #hidden: ReadonlySet<string> = new Set();
  #fold = true;

  /** Which entries are shown. Another function when that changes. */
  shown: Rule = () => true;
  /** Which entries are of streams that are shown; all of them without a rule. */
  notHidden: Rule | undefined;

  /** @param changed called when a reader has more or less before them than they had. */
  constructor(buffer: Buffer, changed: () => void = () => {}) {
    this.#buffer = buffer;
    this.#changed = changed;
    this.#apply();
  }

  // --- one row

  /** Whether a line's fields are shown. */
  isOpen(entry: Entry): boolean {
    return this.#open.has(entry);
  }

  toggle(entry: Entry): void {
    if (!this.#open.delete(entry)) this.#open.add(entry);
    this.#changed();
  }

  /** Whether all of a long message is shown. */
  isWhole(entry: Entry): boolean {
    return this.#whole.has(entry);
  }

  showWhole(entry: Entry): void {
    this.#whole.add(entry);
    this.#changed();
  }

  isUnfolded(entry: Entry): boolean {
    return this.#unfolded.has(entry) || (entry.kind === "line" && entry.trace?.head === entry && entry.trace.unfolded);
  }

  /** Shows or folds the lines of a message, and those of the stack trace that begins with it. */
  toggleFold(entry: Entry): void {
    this.#setUnfolded(entry, !this.isUnfolded(entry));
    this.#changed();
  }

  /** Shows all of a line: nothing of it is folded or cut, and neither is the trace it is in. */
  unfold(entry: Entry): void {
    this.#whole.add(entry);
    this.#setUnfolded(entry, true);
  }

  #setUnfolded(entry: Entry, unfolded: boolean): void {
    if (unfolded) this.#unfolded.add(entry);
    else this.#unfolded.delete(entry);
    const trace = entry.kind === "line" ? entry.trace : undefined;
    if (!trace || trace.unfolded === unfolded) return;
    trace.unfolded = unfolded;
    this.#apply();
  }

  // --- all rows

  /** Names of streams that are not shown. */
  hide(streams: ReadonlySet<string>): void {
    this.#hidden = streams;
    this.#apply();
  }

  /** Whether stack traces are folded until they are asked for. */
  setFold(fold: boolean): void {
    this.#fold = fold;
    this.#apply();
    this.#changed();
  }

  #apply(): void {
    const [hidden, fold] = [this.#hidden, this.#fold];
    const notHidden: Rule = (entry) => entry.kind !== "line" || !hidden.has(entry.stream.name);
    this.notHidden = hidden.size > 0 ? notHidden : undefined;
    this.shown = (entry) => {
      if (entry.kind !== "line") return true;
      if (!notHidden(entry)) return false;
      const { trace } = entry;
      return !fold || !trace || trace.unfolded || trace.head === entry;
    };
    this.#buffer.show(hidden.size > 0 || fold ? this.shown : undefined);
  }
}
