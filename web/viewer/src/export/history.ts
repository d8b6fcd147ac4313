// Kept lines of a range, page by page, as they stand in the view: the streams merged by time, each in its own order.
//
// Merged rather than stream after stream, because that is how they are read; it costs a page of each stream in memory, so
// pages are smaller when there are many. Knows nothing of formats and files.

import { TailcastError, type Client, type Line, type Page, type Range } from "tailcast-client";
import { pause } from "../pause.ts";
import { instant } from "../row/clock.ts";
import type { StreamLine } from "./line.ts";

/** What is asked for: all of it that is kept when the download begins. */
export interface HistoryRange {
  /** Names, no patterns. */
  readonly streams: readonly string[];
  readonly filter?: string;
  /** Offsets, `to` exclusive. */
  readonly from?: number;
  readonly to?: number;
  /** Times, `until` exclusive. */
  readonly since?: string;
  readonly until?: string;
}

/** Lines, and how far they are. */
export interface Batch {
  readonly lines: readonly StreamLine[];
  /** From 0 to 1. */
  readonly share: number;
  /** Lines that retention removed while they were on their way. */
  readonly missing: number;
  /** Lines that the store cannot read. */
  readonly damaged: number;
}

export type Source = Pick<Client, "lines">;
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>;

/** Lines of a page; of several streams together so many. */
const PAGE = 10_000;
const PAGES_TOGETHER = 40_000;
const LEAST_PAGE = 250;
const BATCH = 2_000;
/** In a row. */
const MOST_ATTEMPTS = 8;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** No answer, too many requests, and what stands before a server that is away. */
const PASSING = [0, 429, 502, 503, 504];

/**
 * Tells after each page too, whose lines may all be filtered out. Streams that never had a line are left out. Fails with a
 * `TailcastError`, or the signal's reason.
 */
export async function* history(source: Source, range: HistoryRange, signal: AbortSignal, wait: Wait = pause): AsyncGenerator<Batch> {
  const readers = await begin(source, range, signal, wait);
  let lines: StreamLine[] = [];
  const batch = (): Batch => {
    const [missing, damaged] = readers.reduce(([a, b], reader) => [a + reader.missing, b + reader.damaged], [0, 0]);
    const told = { lines, share: shareOf(readers), missing, damaged };
    lines = [];
    return told;
  };
  const waiting: Reader[] = [];
  for (const reader of readers) {
    for (; reader.wantsPage; yield batch()) await reader.read();
    if (reader.hasLine) insert(waiting, reader);
  }
  for (let reader = waiting.shift(); reader; reader = waiting.shift()) {
    do {
      lines.push({ stream: reader.stream, line: reader.take() });
      if (lines.length >= BATCH) yield batch();
      for (; reader.wantsPage; yield batch()) await reader.read();
    } while (reader.hasLine && !isBefore(waiting[0], reader));
    if (reader.hasLine) insert(waiting, reader);
  }
  yield batch();
}

/** Where each stream ends is settled here: a busy one would never be through. */
async function begin(source: Source, range: HistoryRange, signal: AbortSignal, wait: Wait): Promise<Reader[]> {
  const streams = [...new Set(range.streams)];
  const limit = Math.min(PAGE, Math.max(LEAST_PAGE, Math.floor(PAGES_TOGETHER / Math.max(1, streams.length))));
  const readers: Reader[] = [];
  let refusal: unknown;
  for (const [index, stream] of streams.entries()) {
    const ask = (asked: Range) => patiently(() => source.lines(stream, asked, { signal }), signal, wait);
    try {
      const { firstAvailable, next } = await ask({ last: 1 });
      const { from = 0, to = Infinity } = range;
      readers.push(new Reader({ stream, index, range, limit, ask }, Math.max(from, firstAvailable), Math.min(to, next)));
    } catch (error) {
      if (!(error instanceof TailcastError) || error.code !== "stream_not_found") throw error;
      refusal = error;
    }
  }
  if (readers.length === 0 && refusal) throw refusal;
  return readers;
}

interface ReaderOptions {
  readonly stream: string;
  /** Its place among the streams: of lines of the same time, the first stream's goes first. */
  readonly index: number;
  readonly range: HistoryRange;
  readonly limit: number;
  readonly ask: (range: Range) => Promise<Page>;
}

/** One stream, a page at a time. */
class Reader {
  readonly stream: string;
  readonly index: number;
  readonly #options: ReaderOptions;
  readonly #from: number;
  readonly #to: number;
  #position: number;
  #page: readonly Line[] = [];
  #taken = 0;
  /** The latest time up to the next line: a line that is older than the one before it stands right behind that one. */
  at = -Infinity;
  missing = 0;
  damaged = 0;

  constructor(options: ReaderOptions, from: number, to: number) {
    this.stream = options.stream;
    this.index = options.index;
    this.#options = options;
    this.#from = from;
    this.#to = to;
    this.#position = from;
  }

  get hasLine(): boolean {
    return this.#taken < this.#page.length;
  }

  get wantsPage(): boolean {
    return !this.hasLine && this.#position < this.#to;
  }

  /** How many offsets there are, and how many are looked through. */
  get extent(): readonly [all: number, through: number] {
    const waiting = this.#page.length > 0 ? (this.#page.length - this.#taken) / this.#page.length : 0;
    const read = Math.min(this.#position, this.#to) - this.#from;
    return [Math.max(0, this.#to - this.#from), Math.max(0, read - waiting * Math.min(read, this.#options.limit))];
  }

  /** Only when it has one. */
  take(): Line {
    const line = this.#page[this.#taken] as Line;
    this.#taken += 1;
    this.#look();
    return line;
  }

  async read(): Promise<void> {
    const { range, limit, ask } = this.#options;
    const { filter, since, until } = range;
    const from = this.#position;
    const asked = { from, to: this.#to, limit, ...(filter ? { filter } : {}), ...(since ? { since } : {}), ...(until ? { until } : {}) };
    const { lines, next, firstAvailable, damaged = [] } = await ask(asked);
    for (const stretch of damaged) this.damaged += stretch.to - stretch.from;
    this.missing += Math.min(this.#to, Math.max(from, firstAvailable)) - from;
    this.#page = lines;
    this.#taken = 0;
    // Where it does not move on, there is nothing more.
    this.#position = next > from ? next : this.#to;
    this.#look();
  }

  #look(): void {
    const line = this.#page[this.#taken];
    if (line) this.at = Math.max(this.at, instant(line.ts) ?? -Infinity);
  }
}

/** Keeps the order: the reader whose line is next is the first. */
function insert(waiting: Reader[], reader: Reader): void {
  let [low, high] = [0, waiting.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(waiting[middle], reader)) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, reader);
}

function isBefore(one: Reader | undefined, other: Reader): boolean {
  return one !== undefined && (one.at < other.at || (one.at === other.at && one.index < other.index));
}

function shareOf(readers: readonly Reader[]): number {
  const [all, through] = readers.reduce(([a, b], { extent }) => [a + extent[0], b + extent[1]], [0, 0]);
  return all === 0 ? 1 : Math.min(1, through / all);
}

async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal, wait: Wait): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TailcastError) || !PASSING.includes(error.details.status ?? -1) || attempt >= MOST_ATTEMPTS) throw error;
      const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
      await wait(error.details.retryAfterMs ?? doubled, signal);
    }
  }
}
