// Finds in what the store keeps and the tab has not: the nearest match before what is loaded, or after it.

import { TailcastError, type Client, type Line, type Page, type Range } from "tailcast-client";
import { also } from "../filter/compose.ts";
import { quoted } from "../filter/syntax.ts";
import { pause } from "../pause.ts";
import { NO_WORKER, TOO_SLOW } from "./finder.ts";
import { searchFor, type Pattern, type Query } from "./query.ts";
import { MOST_TEXT, textsOf } from "./search.ts";
import { TooSlow, type WatchedWorker } from "./watched.ts";
import { inServersWords } from "./translate.ts";

export type Direction = "earlier" | "later";

/** Where to begin: `earlier` means the lines before this offset, `later` those from it on. */
export interface Edge {
  readonly name: string;
  readonly offset: number;
  /** Where to end, of `later`: this offset and those after it are not looked at. Without it, at the head. */
  readonly to?: number;
}

export interface BeyondRequest {
  readonly client: Pick<Client, "lines">;
  readonly worker: WatchedWorker;
  readonly streams: readonly Edge[];
  /** The filter that applies. */
  readonly filter: string;
  readonly query: Query;
  readonly direction: Direction;
  readonly signal: AbortSignal;
  readonly onprogress?: (reached: Reached) => void;
  /** Waits so many ms; fails when it is given up. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How far it has come. */
export interface Reached {
  /** Lines that were looked through, by the server or here. */
  readonly looked: number;
  /** Where each stream has got to, of those that are not through. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Lines before these that are kept; of `later` nobody knows how many come. */
  readonly left?: number;
}

export interface Beyond {
  readonly stream: string;
  readonly line: Line;
}

/** Requests at once. */
const AT_ONCE = 4;
/** Lines of an answer: few at first, since the first is mostly right. */
const LINES = { first: 8, most: 1_000 };
/** Refusals in a row, and how often an answer may get no further, before it is given up. */
const PATIENCE = 5;
const WAIT_MS = 1_000;

/** Why it could not be looked for, as a sentence for the reader. */
export class BeyondError extends Error {
  override readonly name = "BeyondError";
}

/** What a filter says of the query: all that matches, and more where the grammar is not as exact. */
export function termFor(query: Query): string | undefined {
  const search = searchFor(query);
  if (search.kind === "plain") return quoted(query.text);
  return search.kind === "regex" ? inServersWords(query.text, !query.matchCase) : undefined;
}

/**
 * The nearest match by time, or nothing when all was looked through. Fails with the signal's reason, with a
 * {@link BeyondError}, or with the `TailcastError` of the first request that was refused for good.
 */
export async function findBeyond(request: BeyondRequest): Promise<Beyond | undefined> {
  return new Hunt(request).run();
}

/** One stream, and how far it was looked through. */
interface Trail {
  readonly stream: string;
  readonly to: number | undefined;
  at: number;
  lines: number;
  /** Answers in a row that got no further. */
  stuck: number;
  left: number;
}

class Hunt {
  readonly #request: BeyondRequest;
  readonly #pattern: Pattern | undefined;
  readonly #fault: string | undefined;
  readonly #open: Trail[];
  readonly #under = new Set<Trail>();
  #filter: string;
  #looked = 0;
  #best: Beyond | undefined;

  constructor(request: BeyondRequest) {
    this.#request = request;
    const search = searchFor(request.query);
    this.#pattern = search.kind === "plain" || search.kind === "regex" ? search : undefined;
    this.#fault = search.kind === "bad" ? search.error : undefined;
    const term = termFor(request.query);
    // Where the filter cannot say it, every line is looked at here.
    this.#filter = (term === undefined ? undefined : also(request.filter, term)) ?? request.filter;
    this.#open = request.streams.map(({ name, offset, to }) => {
      return { stream: name, to, at: offset, lines: LINES.first, stuck: 0, left: offset };
    });
  }

  async run(): Promise<Beyond | undefined> {
    const pattern = this.#pattern;
    if (this.#fault !== undefined) throw new BeyondError(this.#fault);
    if (!pattern) return undefined;
    // One that fails ends the others.
    const over = new AbortController();
    const signal = AbortSignal.any([this.#request.signal, over.signal]);
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.#follow(pattern, signal)));
    } finally {
      over.abort();
    }
    return this.#best;
  }

  /** Takes a page of one stream, then of the next: no stream waits for a longer one. */
  async #follow(pattern: Pattern, signal: AbortSignal): Promise<void> {
    for (let trail = this.#open.shift(); trail; trail = this.#open.shift()) {
      this.#under.add(trail);
      const goesOn = await this.#page(trail, pattern, signal);
      this.#under.delete(trail);
      if (goesOn) this.#open.push(trail);
      this.#tell();
    }
  }

  /** Whether there is more of the stream to look through. */
  async #page(trail: Trail, pattern: Pattern, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const page = await this.#read(trail, signal);
    if (!page) return false;
    const hit = await this.#hit(page.lines, pattern, signal);
    const back = this.#request.direction === "earlier";
    const to = back ? Math.min(page.from, trail.at) : Math.max(page.next, trail.at);
    const moved = Math.abs(to - trail.at);
    this.#looked += moved;
    trail.at = to;
    trail.lines = Math.min(trail.lines * 4, LINES.most);
    trail.left = Math.max(0, to - page.firstAvailable);
    if (hit) {
      this.#offer({ stream: trail.stream, line: hit });
      return false;
    }
    trail.stuck = moved === 0 ? trail.stuck + 1 : 0;
    if (back) return trail.left > 0 && !this.#isOver(trail);
    return moved > 0;
  }

  /** Back in time an answer may have got nowhere because the store is slow, or because nothing is newer than the best. */
  #isOver({ stuck, stream }: Trail): boolean {
    if (stuck > 0 && this.#best) return true;
    if (stuck >= PATIENCE) throw new BeyondError(`The store is too slow to look through ${stream}. Try again later.`);
    return false;
  }

  /** The best so far bounds what else can be nearer: the server need not look farther. */
  #range(trail: Trail): Range {
    const filter = this.#filter === "" ? {} : { filter: this.#filter };
    const ts = this.#best?.line.ts;
    if (this.#request.direction === "earlier") return { to: trail.at, last: trail.lines, ...filter, ...(ts ? { since: ts } : {}) };
    const to = trail.to === undefined ? {} : { to: trail.to };
    return { from: trail.at, ...to, limit: trail.lines, ...filter, ...(ts ? { until: ts } : {}) };
  }

  async #read(trail: Trail, signal: AbortSignal): Promise<Page | undefined> {
    const { client, wait = pause, filter } = this.#request;
    for (let refused = 1; ; refused += 1) {
      const range = this.#range(trail);
      try {
        return await client.lines(trail.stream, range, { signal });
      } catch (error) {
        if (!(error instanceof TailcastError)) throw error;
        // Retention or a new token took it away.
        if (error.code === "stream_not_found") return undefined;
        if (error.code === "bad_parameter" && range.filter !== undefined && range.filter !== filter) {
          // An expression that only browsers know: every line is looked at here.
          this.#filter = filter;
        } else if (["busy", "unavailable", "away"].includes(error.code) && refused < PATIENCE) {
          await wait(error.details.retryAfterMs ?? WAIT_MS, signal);
        } else throw error;
      }
    }
  }

  /** The match among them that is nearest. */
  async #hit(lines: readonly Line[], pattern: Pattern, signal: AbortSignal): Promise<Line | undefined> {
    const back = this.#request.direction === "earlier";
    try {
      for (const piece of piecesOf(back ? lines.toReversed() : lines, pattern)) {
        const [first] = await this.#request.worker.run({ kind: "which", pattern, lines: piece.texts }, "usual", signal);
        if (first !== undefined) return piece.lines[first];
      }
      return undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      throw new BeyondError(error instanceof TooSlow ? TOO_SLOW : NO_WORKER);
    }
  }

  /** Times are all written in one length: the order of the texts is theirs. */
  #offer(found: Beyond): void {
    const best = this.#best;
    const nearer = !best || (this.#request.direction === "earlier" ? found.line.ts > best.line.ts : found.line.ts < best.line.ts);
    if (nearer) this.#best = found;
  }

  #tell(): void {
    const trails = [...this.#open, ...this.#under];
    const offsets = new Map(trails.map(({ stream, at }) => [stream, at]));
    const left = trails.reduce((sum, trail) => sum + trail.left, 0);
    this.#request.onprogress?.({ looked: this.#looked, offsets, ...(this.#request.direction === "earlier" ? { left } : {}) });
  }
}

/** No more at once than the worker is given of loaded lines. */
function* piecesOf(lines: readonly Line[], pattern: Pattern): Generator<{ lines: Line[]; texts: (readonly string[])[] }> {
  let piece = { lines: [] as Line[], texts: [] as (readonly string[])[] };
  let characters = 0;
  for (const line of lines) {
    const texts = textsOf(line, pattern);
    piece.lines.push(line);
    piece.texts.push(texts);
    for (const text of texts) characters += text.length;
    if (characters < MOST_TEXT) continue;
    yield piece;
    piece = { lines: [], texts: [] };
    characters = 0;
  }
  if (piece.lines.length > 0) yield piece;
}
