// A piece of a log: what is trimmed, searched and counted as one.

import type { Entry, HoleEntry, LineEntry, Run, Stream } from "./entry.ts";

/** Entries of a full chunk. */
export const CHUNK_ENTRIES = 1_000;
/** Characters of a full chunk: lines may be long. */
export const CHUNK_CHARACTERS = 512 * 1024;

/** Whether an entry is shown. */
export type Rule = (entry: Entry) => boolean;

/**
 * Consecutive entries, or one hole alone. Has an identity: places in the log, found matches and the like are kept by it, and
 * are gone with it.
 */
export class Chunk {
  readonly entries: Entry[] = [];
  lines = 0;
  /** An estimate of the text that the entries hold. */
  characters = 0;
  #rows: readonly Entry[] | undefined;

  get hole(): HoleEntry | undefined {
    const [first] = this.entries;
    return first?.kind === "hole" ? first : undefined;
  }

  get full(): boolean {
    return this.entries.length >= CHUNK_ENTRIES || this.characters >= CHUNK_CHARACTERS || this.hole !== undefined;
  }

  push(entry: Entry): void {
    this.entries.push(entry);
    if (entry.kind === "line") {
      this.lines += 1;
      this.characters += charactersOf(entry);
    }
    this.#rows = undefined;
  }

  /** The entries that are shown. */
  rows(shown: Rule | undefined): readonly Entry[] {
    if (!shown) return this.entries;
    return (this.#rows ??= this.entries.filter(shown));
  }

  /** What is shown has changed. */
  forgetRows(): void {
    this.#rows = undefined;
  }

  /** From the first to the last offset of each stream that is in it: what a filter left out between them, too. */
  runs(): Run[] {
    const runs = new Map<Stream, Run>();
    for (const entry of this.entries) for (const run of runsOf(entry)) join(runs, run);
    return [...runs.values()];
  }

  firstLine(): LineEntry | undefined {
    return this.entries.find((entry) => entry.kind === "line");
  }

  lastLine(): LineEntry | undefined {
    return this.entries.findLast((entry) => entry.kind === "line");
  }
}

/** Runs that reach from the first to the last offset of either, stream by stream, in the order of the first ones. */
export function joined(a: readonly Run[], b: readonly Run[]): Run[] {
  const runs = new Map<Stream, Run>();
  for (const run of a) join(runs, run);
  for (const run of b) join(runs, run);
  return [...runs.values()];
}

/** How many offsets. */
export function size(runs: readonly Run[]): number {
  return runs.reduce((sum, { from, to }) => sum + to - from, 0);
}

function join(runs: Map<Stream, Run>, { stream, from, to }: Run): void {
  const known = runs.get(stream);
  runs.set(stream, known ? { stream, from: Math.min(known.from, from), to: Math.max(known.to, to) } : { stream, from, to });
}

function runsOf(entry: Entry): readonly Run[] {
  switch (entry.kind) {
    case "line":
      return [{ stream: entry.stream, from: entry.line.offset, to: entry.line.offset + 1 }];
    case "gap":
      return [entry.run];
    case "hole":
      return entry.runs;
    case "note":
      return [];
  }
}

/** Fields cost about what their names and values are long. Not exact, and need not be. */
function charactersOf({ line }: LineEntry): number {
  let sum = line.message.length + 40 + (line.source?.length ?? 0);
  if (line.fields) for (const name in line.fields) sum += name.length + weight(line.fields[name], 3);
  return sum;
}

function weight(value: unknown, depth: number): number {
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return 8;
  if (depth === 0) return 1_000;
  let sum = 8;
  for (const inner of Object.values(value)) sum += 8 + weight(inner, depth - 1);
  return sum;
}
