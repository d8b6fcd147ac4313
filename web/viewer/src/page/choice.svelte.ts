// The row that keys act on, and the rows that a reader chose. Knows no list: what it says is painted by others.

import type { Buffer, Place } from "../buffer/buffer.ts";
import type { Entry, LineEntry } from "../buffer/entry.ts";
import type { Drawn } from "../list/list.ts";

/** Where in the window the row is put that keys go to when it cannot be seen: a share of the window's height. */
const REVEALED = { down: 0.8, up: 0.1 } as const;

/** What it needs of what can be seen. */
export interface Sight {
  readonly frame: Drawn;
  /** Brings a row into the window, where it is not in it. */
  reveal(place: Place, share: number): void;
  /** The reader reads: no row goes away under them. */
  stop(): void;
  /** Another row is marked. */
  changed(): void;
}

export class Choice {
  readonly #buffer: Buffer;
  readonly #sight: Sight;
  /** The row that keys act on. */
  cursor = $state.raw<Place | undefined>();
  /** Where choosing began; nothing while nothing is chosen. */
  #from = $state.raw<Place | undefined>();
  #entries = $state.raw<ReadonlySet<Entry>>(new Set());

  constructor(buffer: Buffer, sight: Sight) {
    this.#buffer = buffer;
    this.#sight = sight;
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

  /** Moves the cursor by rows, from where the reader is. `choosing` takes the rows on the way along. */
  move(by: number, choosing: "choosing" | "moving"): void {
    const { first, visible } = this.#sight.frame;
    const { cursor } = this;
    const from = cursor && this.#buffer.rowOf(cursor);
    const row = from === undefined ? first + (by > 0 ? 0 : visible.length - 1) : from + by;
    const place = this.#buffer.at(Math.max(0, Math.min(this.#buffer.length - 1, row)));
    if (!place) return;
    if (choosing === "choosing") this.#extend(cursor ?? place, place);
    else this.#clear();
    this.cursor = place;
    this.#sight.reveal(place, by > 0 ? REVEALED.down : REVEALED.up);
    this.#sight.changed();
  }

  /** Chooses the rows up to a place: from where choosing began, from the cursor, or from `start`. Keys go on from there. */
  upTo(place: Place, start: Place): void {
    this.#sight.stop();
    this.#extend(this.cursor ?? start, place);
    this.cursor = place;
    this.#sight.changed();
  }

  /** Nothing is chosen any more. The cursor stays. */
  clear(): void {
    if (this.empty) return;
    this.#clear();
    this.#sight.changed();
  }

  #extend(start: Place, place: Place): void {
    this.#from ??= start;
    const [a, b] = [this.#buffer.rowOf(this.#from) ?? 0, this.#buffer.rowOf(place) ?? 0];
    const rows = this.#buffer.slice(Math.min(a, b), Math.abs(a - b) + 1);
    this.#entries = new Set(rows.map(({ entry }) => entry));
  }

  #clear(): void {
    this.#from = undefined;
    this.#entries = new Set();
  }
}
