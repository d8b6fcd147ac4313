// The row that keys act on, and the rows that a reader chose. Knows no list: what it says is painted by others.

import type { Buffer, Place } from "../buffer/buffer.ts";
import type { Entry, LineEntry } from "../buffer/entry.ts";

export class Choice {
  readonly #buffer: Buffer;
  /** The row that keys act on. */
  cursor = $state.raw<Place | undefined>();
  /** Where choosing began; nothing while nothing is chosen. */
  #from = $state.raw<Place | undefined>();
  #entries = $state.raw<ReadonlySet<Entry>>(new Set());

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get empty(): boolean {
    return this.#from === undefined;
  }

  has(entry: Entry): boolean {
    return this.#entries.has(entry);
  }

  /** The chosen lines, in their order. */
  lines(): LineEntry[] {
    return [...this.#entries].filter((entry) => entry.kind === "line");
  }

  /** Chooses the rows between where choosing began and a place. @param start where it begins, if it has not begun. */
  extend(start: Place, place: Place): void {
    this.#from ??= start;
    const [a, b] = [this.#buffer.rowOf(this.#from) ?? 0, this.#buffer.rowOf(place) ?? 0];
    const rows = this.#buffer.slice(Math.min(a, b), Math.abs(a - b) + 1);
    this.#entries = new Set(rows.map(({ entry }) => entry));
  }

  clear(): void {
    this.#from = undefined;
    this.#entries = new Set();
  }
}
