// Finds in the lines that the tab holds, and in those that come. The work is done in pieces, in the worker.

import { keyOf, type LineEntry } from "../buffer/entry.ts";
import { Highlights } from "./highlights.ts";
import { NO_QUERY, searchFor, type Pattern, type Query } from "./query.ts";
import { MOST_TEXT, textsOf, type Range } from "./search.ts";
import type { SearchedChunk, Source } from "./source.ts";
import { TooSlow, type WatchedWorker } from "./watched.ts";

/** Of one piece of work. */
const MOST_LINES = 1_000;
/** Lines that come are looked at together. */
const GATHER_MS = 100;

export const TOO_SLOW = "This expression takes too long. Make it simpler.";
export const NO_WORKER = "Finding does not work in this tab any more. Reload the page.";

export interface FinderParts {
  readonly source: Source;
  readonly worker: WatchedWorker;
  /** `count`, `finished`, `error` or what `matches` says may have changed. */
  readonly onchange: () => void;
  /** There are highlights that there were not when `highlights` was asked. */
  readonly onhighlights: () => void;
}

/** What was found in a chunk. */
interface Found {
  /** So many entries of it were looked at. */
  searched: number;
  /** Places of matching lines among them. */
  readonly at: number[];
  /** Those of them that are shown, by this rule, when there were so many. */
  shown?: { readonly rule: Source["shown"]; readonly of: number; readonly at: readonly number[] };
}

interface Piece {
  readonly found: Found;
  readonly entries: readonly LineEntry[];
  /** Where each stands in its chunk. */
  readonly at: readonly number[];
  readonly lines: readonly (readonly string[])[];
  readonly to: number;
}

export class Finder {
  readonly #parts: FinderParts;
  #query = NO_QUERY;
  #pattern: Pattern | undefined;
  #found = new WeakMap<SearchedChunk, Found>();
  #matching = new WeakSet<LineEntry>();
  #highlights: Highlights | undefined;
  #stop = new AbortController();
  #searching = false;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #finished = true;
  #error: string | undefined;

  constructor(parts: FinderParts) {
    this.#parts = parts;
  }

  get query(): Query {
    return this.#query;
  }

  /** A sentence, when the query cannot be looked for. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Whether all that was loaded has been looked through once. */
  get finished(): boolean {
    return this.#finished;
  }

  /** How many lines match, as far as it is known. */
  get count(): number {
    return this.#parts.source.chunks.reduce((sum, chunk) => sum + this.#shownIn(chunk).length, 0);
  }

  /** Looks for this, and for nothing else any more. */
  search(query: Query): void {
    this.#reset();
    this.#query = query;
    const search = searchFor(query);
    if (search.kind === "bad") this.#error = search.error;
    if (search.kind === "plain" || search.kind === "regex") {
      this.#pattern = search;
      this.#highlights = new Highlights(search, this.#parts.worker, this.#parts.onhighlights);
      this.#finished = false;
      void this.#go(search, this.#stop.signal);
    }
    this.#parts.onchange();
    this.#parts.onhighlights();
  }

  /** Looks for nothing any more, and forgets what was found. */
  cancel(): void {
    this.#reset();
    this.#parts.onchange();
    this.#parts.onhighlights();
  }

  /** The source has other chunks, or more in them. */
  changed(): void {
    const pattern = this.#pattern;
    if (!pattern || this.#searching || this.#gathering !== undefined) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      void this.#go(pattern, this.#stop.signal);
    }, GATHER_MS);
  }

  /** Whether the line is known to match, in its message or in a field. */
  matches(entry: LineEntry): boolean {
    return this.#matching.has(entry);
  }

  /** Where its message matches, as far as that is known. */
  highlights(entry: LineEntry): readonly Range[] {
    return this.#highlights?.of(entry) ?? [];
  }

  /** The nearest match below, or the first one of all. */
  next(from?: LineEntry): LineEntry | undefined {
    const place = from && this.#placeOf(from);
    const { chunks } = this.#parts.source;
    for (let i = place?.chunk ?? 0; i < chunks.length; i += 1) {
      const after = i === place?.chunk ? place.entry : -1;
      const at = this.#shownIn(chunks[i]).find((index) => index > after);
      if (at !== undefined) return this.#line(chunks[i], at);
    }
    return undefined;
  }

  /** The nearest match above, or the last one of all. */
  previous(from?: LineEntry): LineEntry | undefined {
    const place = from && this.#placeOf(from);
    const { chunks } = this.#parts.source;
    for (let i = place?.chunk ?? chunks.length - 1; i >= 0; i -= 1) {
      const before = i === place?.chunk ? place.entry : Number.POSITIVE_INFINITY;
      const at = this.#shownIn(chunks[i]).findLast((index) => index < before);
      if (at !== undefined) return this.#line(chunks[i], at);
    }
    return undefined;
  }

  /** Which match it is, counted from 1. */
  position(entry: LineEntry): number | undefined {
    if (!this.#matching.has(entry)) return undefined;
    const place = this.#placeOf(entry);
    if (!place) return undefined;
    const { chunks } = this.#parts.source;
    const before = chunks.slice(0, place.chunk).reduce((sum, chunk) => sum + this.#shownIn(chunk).length, 0);
    const within = this.#shownIn(chunks[place.chunk]).indexOf(place.entry);
    return within < 0 ? undefined : before + within + 1;
  }

  #reset(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#highlights?.close();
    this.#highlights = undefined;
    this.#query = NO_QUERY;
    this.#pattern = undefined;
    this.#error = undefined;
    this.#found = new WeakMap();
    this.#matching = new WeakSet();
    this.#searching = false;
    this.#finished = true;
  }

  async #go(pattern: Pattern, signal: AbortSignal): Promise<void> {
    this.#searching = true;
    try {
      for (let piece = this.#piece(pattern); piece; piece = this.#piece(pattern)) {
        const which = await this.#parts.worker.run({ kind: "which", pattern, lines: piece.lines }, "usual", signal);
        if (signal.aborted) return;
        this.#keep(piece, which);
        this.#parts.onchange();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#error = error instanceof TooSlow ? TOO_SLOW : NO_WORKER;
      this.#pattern = undefined;
      this.#highlights?.close();
    }
    this.#searching = false;
    this.#finished = true;
    this.#parts.onchange();
  }

  #keep({ found, entries, at, to }: Piece, which: readonly number[]): void {
    found.searched = to;
    for (const i of which) {
      const [entry, place] = [entries[i], at[i]];
      if (!entry || place === undefined) continue;
      this.#matching.add(entry);
      found.at.push(place);
    }
  }

  /** What is to be looked at next: the reader is at the bottom, mostly. */
  #piece(pattern: Pattern): Piece | undefined {
    for (const chunk of this.#parts.source.chunks.toReversed()) {
      let found = this.#found.get(chunk);
      if (!found) this.#found.set(chunk, (found = { searched: 0, at: [] }));
      if (found.searched === chunk.entries.length) continue;
      const piece = pieceOf(chunk, found, pattern);
      if (piece.lines.length > 0) return piece;
      found.searched = piece.to;
    }
    return undefined;
  }

  #shownIn(chunk: SearchedChunk | undefined): readonly number[] {
    const found = chunk && this.#found.get(chunk);
    if (!chunk || !found) return [];
    const rule = this.#parts.source.shown;
    if (!rule) return found.at;
    if (found.shown?.rule !== rule || found.shown.of !== found.at.length) {
      const isShown = (at: number): boolean => rule(chunk.entries[at] as LineEntry);
      found.shown = { rule, of: found.at.length, at: found.at.filter(isShown) };
    }
    return found.shown.at;
  }

  /** Where the line is; when it was let go of and loaded again, where it is now. */
  #placeOf(line: LineEntry): { readonly chunk: number; readonly entry: number } | undefined {
    const { chunks } = this.#parts.source;
    for (const [chunk, { entries }] of chunks.entries()) {
      const entry = entries.indexOf(line);
      if (entry >= 0) return { chunk, entry };
    }
    const key = keyOf(line);
    for (const [chunk, { entries }] of chunks.entries()) {
      const entry = entries.findIndex((other) => other.kind === "line" && other.line.offset === line.line.offset && keyOf(other) === key);
      if (entry >= 0) return { chunk, entry };
    }
    return undefined;
  }

  #line(chunk: SearchedChunk | undefined, at: number): LineEntry | undefined {
    const entry = chunk?.entries[at];
    return entry?.kind === "line" ? entry : undefined;
  }
}

/** As much of the chunk as may be sent at once, from where it was not looked at. */
function pieceOf(chunk: SearchedChunk, found: Found, pattern: Pattern): Piece {
  const entries: LineEntry[] = [];
  const at: number[] = [];
  const lines: (readonly string[])[] = [];
  let characters = 0;
  let to = found.searched;
  for (; to < chunk.entries.length && entries.length < MOST_LINES && characters < MOST_TEXT; to += 1) {
    const entry = chunk.entries[to];
    if (entry?.kind !== "line") continue;
    const texts = textsOf(entry.line, pattern);
    entries.push(entry);
    at.push(to);
    lines.push(texts);
    for (const text of texts) characters += text.length;
  }
  return { found, entries, at, lines, to };
}
