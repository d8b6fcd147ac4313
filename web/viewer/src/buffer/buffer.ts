// The log as the tab holds it: chunks of entries, in the order in which they are read. Bounded: what is let go of leaves a
// hole that says so. Knows no server, and no pixels.

import { Chunk, type Rule, joined } from "./chunk.ts";
import type { Entry, HoleEntry, LineEntry, Run } from "./entry.ts";

/** What a tab may hold. */
export interface Bounds {
  readonly lines: number;
  /** Of text, about. */
  readonly characters: number;
}

export const BOUNDS: Bounds = { lines: 200_000, characters: 96 * 1024 * 1024 };

/** Chunks beside the one that is read, and at the rear, which are not let go of. */
const GUARD = 4;

/** An entry and the chunk it stands in. */
export interface Place {
  readonly chunk: Chunk;
  readonly entry: Entry;
}

export class Buffer {
  readonly #bounds: Bounds;
  #chunks: Chunk[] = [];
  #shown: Rule | undefined;
  #lines = 0;
  #characters = 0;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /** How many lines there are, shown or not. */
  get lines(): number {
    return this.#lines;
  }

  // --- rows: the entries that are shown

  /** Shows only these entries; all of them without a rule. */
  show(shown: Rule | undefined): void {
    this.#shown = shown;
    for (const chunk of this.#chunks) chunk.forgetRows();
  }

  rowsOf(chunk: Chunk): readonly Entry[] {
    return chunk.rows(this.#shown);
  }

  /** All lines that are shown. */
  shownLines(): LineEntry[] {
    return this.#chunks.flatMap((chunk) => this.rowsOf(chunk).filter((entry) => entry.kind === "line"));
  }

  /** Whether a place is one of the rows. */
  shows({ chunk, entry }: Place): boolean {
    return this.#chunks.includes(chunk) && this.rowsOf(chunk).includes(entry);
  }

  /** How many rows. */
  get length(): number {
    return this.#chunks.reduce((sum, chunk) => sum + this.rowsOf(chunk).length, 0);
  }

  /** The place of a row, counted from 0. */
  at(row: number): Place | undefined {
    let before = 0;
    for (const chunk of this.#chunks) {
      const rows = this.rowsOf(chunk);
      const entry = rows[row - before];
      if (entry) return { chunk, entry };
      before += rows.length;
    }
    return undefined;
  }

  /** Which row a place is; where its entry is not shown, the next one that is. `undefined` when its chunk is gone. */
  rowOf({ chunk, entry }: Place): number | undefined {
    let before = 0;
    for (const other of this.#chunks) {
      if (other === chunk) return before + this.#within(chunk, entry);
      before += this.rowsOf(other).length;
    }
    return undefined;
  }

  #within(chunk: Chunk, entry: Entry): number {
    const rows = this.rowsOf(chunk);
    const row = rows.indexOf(entry);
    if (row >= 0) return row;
    const all = chunk.entries.indexOf(entry);
    const next = rows.findIndex((other) => chunk.entries.indexOf(other) > all);
    return next < 0 ? rows.length : next;
  }

  /** Up to `count` places from a row on. */
  slice(row: number, count: number): Place[] {
    const places: Place[] = [];
    let before = 0;
    for (const chunk of this.#chunks) {
      const rows = this.rowsOf(chunk);
      for (let i = Math.max(0, row - before); i < rows.length && places.length < count; i++) {
        const entry = rows[i];
        if (entry) places.push({ chunk, entry });
      }
      if (places.length >= count) break;
      before += rows.length;
    }
    return places;
  }

  /** Where a line stands, if the tab has it: the last one of that name, since a store may have been replaced. */
  find(stream: string, offset: number): Place | undefined {
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i] as Chunk;
      const is = (other: Entry) => other.kind === "line" && other.line.offset === offset && other.stream.name === stream;
      const entry = chunk.entries.findLast(is);
      if (entry) return { chunk, entry };
    }
    return undefined;
  }

  /** The first line at this time or later. */
  findTime(at: number): Place | undefined {
    for (const chunk of this.#chunks) {
      for (const entry of chunk.entries) if (entry.kind === "line" && entry.at >= at) return { chunk, entry };
    }
    return undefined;
  }

  *entries(): Generator<Entry> {
    for (const chunk of this.#chunks) yield* chunk.entries;
  }

  // --- what comes and goes

  /** Puts entries at the rear. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      let last = this.#chunks.at(-1);
      if (!last || last.full || entry.kind === "hole") {
        last = new Chunk();
        this.#chunks.push(last);
      }
      this.#put(last, entry);
    }
  }

  /** Puts entries where a hole is. Says whether it was still there. */
  replace(hole: HoleEntry, entries: readonly Entry[]): boolean {
    const index = this.#chunks.findIndex((chunk) => chunk.hole === hole);
    if (index < 0) return false;
    const made: Chunk[] = [];
    for (const entry of entries) {
      let last = made.at(-1);
      if (!last || last.full || entry.kind === "hole") {
        last = new Chunk();
        made.push(last);
      }
      this.#put(last, entry);
    }
    this.#chunks.splice(index, 1, ...made);
    return true;
  }

  /**
   * Adds runs to the hole at the front, which is made when there is none: kept lines of streams that were met.
   */
  earlier(runs: readonly Run[]): void {
    if (runs.length === 0) return;
    const first = this.#chunks[0]?.hole;
    const hole: HoleEntry = { kind: "hole", reason: first?.reason ?? "earlier", runs: joined(first?.runs ?? [], runs) };
    if (first) this.replace(first, [hole]);
    else {
      const chunk = new Chunk();
      chunk.push(hole);
      this.#chunks.unshift(chunk);
    }
  }

  clear(): void {
    this.#chunks = [];
    this.#lines = 0;
    this.#characters = 0;
  }

  /**
   * Lets go of what is beyond the bounds, and answers it. What is read stays: `reading` is its chunk, or nothing while the
   * rear is followed. Before it, the oldest chunks go; when only few are left there, those go that are far behind it.
   */
  trim(reading: Chunk | undefined): Chunk[] {
    const gone: Chunk[] = [];
    while (this.#lines > this.#bounds.lines || this.#characters > this.#bounds.characters) {
      const index = this.#victim(reading);
      if (index === undefined) break;
      gone.push(this.#letGo(index));
    }
    return gone;
  }

  #victim(reading: Chunk | undefined): number | undefined {
    const chunks = this.#chunks;
    const read = reading ? chunks.indexOf(reading) : -1;
    const middle = read < 0 ? chunks.length : read;
    const first = chunks.findIndex((chunk) => !chunk.hole);
    if (first >= 0 && first < middle - GUARD && first < chunks.length - 1) return first;
    for (let i = middle + GUARD; i < chunks.length - GUARD; i++) if (!chunks[i]?.hole) return i;
    return undefined;
  }

  /** A chunk becomes a hole, and one with the holes beside it. */
  #letGo(index: number): Chunk {
    const [chunk] = this.#chunks.splice(index, 1) as [Chunk];
    this.#lines -= chunk.lines;
    this.#characters -= chunk.characters;
    let runs: readonly Run[] = chunk.runs();
    const after = this.#chunks[index]?.hole;
    if (after) {
      runs = joined(runs, after.runs);
      this.#chunks.splice(index, 1);
    }
    const before = this.#chunks[index - 1]?.hole;
    if (before) {
      runs = joined(before.runs, runs);
      this.#chunks.splice(index - 1, 1);
      index -= 1;
    }
    if (runs.length > 0) {
      const hole = new Chunk();
      hole.push({ kind: "hole", runs, reason: "trimmed" });
      this.#chunks.splice(index, 0, hole);
    }
    return chunk;
  }

  #put(chunk: Chunk, entry: Entry): void {
    const before = chunk.characters;
    chunk.push(entry);
    this.#characters += chunk.characters - before;
    if (entry.kind === "line") this.#lines += 1;
  }
}
