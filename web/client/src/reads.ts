// The reads over HTTP (docs/http.md): which streams there are, lines that are kept, and how many there are of them.

import { TailcastError, words } from "./errors.js";
import type { ErrorDetails } from "./errors.js";
import type { Level, Line } from "./events.js";
import { parse as parseJson } from "./json.js";
import { isObject, isOffset, isText } from "./messages.js";
import type { Tokens } from "./tokens.js";

/** For any read. */
const ANSWER_MS = 15_000;

/** A readable stream. */
export interface StreamInfo {
  readonly name: string;
  /** The offset of the oldest line still kept. */
  readonly firstAvailable: number;
  /** The head: the next offset to be given. */
  readonly next: number;
  /** When the last line came, RFC 3339. */
  readonly lastArrival?: string;
  readonly linesPerSecond: number;
}

/** Which lines: offsets or times, both `from`/`since` inclusive and `to`/`until` exclusive, or the last ones. */
export interface Range {
  readonly from?: number;
  readonly to?: number;
  readonly since?: string | Date;
  readonly until?: string | Date;
  readonly last?: number;
  readonly filter?: string;
  /** At most so many lines. Default: 1,000. */
  readonly limit?: number;
}

/** How to read. */
export interface ReadOptions {
  /** Gives up the request when it is aborted; the promise then fails with the signal's reason, as that of `fetch` does. */
  readonly signal?: AbortSignal;
}

/** Kept lines. */
export interface Page {
  readonly stream: string;
  /** The offset of the oldest line still kept. */
  readonly firstAvailable: number;
  /** Where these begin. To go back: `{ to: from, last: N }`. */
  readonly from: number;
  /** Where to go on: `{ from: next }`, until it moves no more. */
  readonly next: number;
  readonly lines: readonly Line[];
  /** Lines from `from` to `to` (exclusive) that are left out: the store cannot read them. Only there when there are any. */
  readonly damaged?: readonly { readonly from: number; readonly to: number }[];
}

/** Which lines to count, and how finely. */
export interface CountsQuery extends Omit<Range, "last" | "limit"> {
  readonly stream: string;
  /** Of a bucket, in whole seconds, 1 to 86,400. Default: 60. */
  readonly width?: number;
  /** As {@link ReadOptions.signal}. */
  readonly signal?: AbortSignal;
}

/** How many kept lines there are, over time. */
export interface CountsPage {
  readonly stream: string;
  /** The offset of the oldest line still kept. */
  readonly firstAvailable: number;
  /** Where counting began: after the `from` that was asked for, where lines are not kept any more. */
  readonly from: number;
  /**
   * The buckets hold every line that was asked for up to here. Go on with `{ from: next }`, until it moves no more: that
   * page may have some of the same buckets, to be added up.
   */
  readonly next: number;
  /** Of a bucket, in seconds. */
  readonly width: number;
  /** In the order of their times; only those with lines. */
  readonly buckets: readonly CountBucket[];
}

/** The lines of a stretch of time: of `at` and later, before `at` and the page's `width`. */
export interface CountBucket {
  /** RFC 3339, UTC, whole seconds; a multiple of the width since 1970. */
  readonly at: string;
  /** All of them, those without a level included. */
  readonly lines: number;
  /** Those with a level; only levels that have any. */
  readonly levels: Readonly<Partial<Record<Level, number>>>;
}

export class Reads {
  readonly #base: URL;
  readonly #tokens: Tokens;
  readonly #parse: (text: string) => unknown;

  /** @param base the server's address, ending in a slash. @param parse reads the JSON of an answer. */
  constructor(base: URL, tokens: Tokens, parse: (text: string) => unknown = parseJson) {
    this.#base = base;
    this.#tokens = tokens;
    this.#parse = parse;
  }

  async streams(match: string | undefined, options: ReadOptions): Promise<StreamInfo[]> {
    const answer = await this.#read("v1/streams", match === undefined ? {} : { match }, options);
    const streams = answer["streams"];
    if (!Array.isArray(streams)) throw strange({ status: 200 });
    return streams.filter(isObject).map(streamInfo);
  }

  async lines(stream: string, range: Range, options: ReadOptions): Promise<Page> {
    const answer = await this.#read("v1/lines", { stream, ...written(range) }, options);
    const { first_available: firstAvailable, from, next, lines, damaged = [] } = answer;
    const sound = [firstAvailable, from, next].every(isOffset) && Array.isArray(lines) && Array.isArray(damaged);
    if (!sound || !damaged.every(isStretch)) throw strange({ status: 200 });
    const lost = damaged.map(({ from, to }) => ({ from, to }));
    return { stream, firstAvailable, from, next, lines, ...(lost.length > 0 ? { damaged: lost } : {}) } as Page;
  }

  async counts({ signal, ...asked }: CountsQuery): Promise<CountsPage> {
    const answer = await this.#read("v1/counts", written(asked), signal ? { signal } : {});
    const { first_available: firstAvailable, from, next, width, buckets } = answer;
    const sound = [firstAvailable, from, next, width].every(isOffset) && Array.isArray(buckets) && buckets.every(isBucket);
    if (!sound) throw strange({ status: 200 });
    return { stream: asked.stream, firstAvailable, from, next, width, buckets } as CountsPage;
  }

  /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
  async probe(token: string): Promise<void> {
    // No stream is called so, and the answer is short.
    await this.#ask(this.#address("v1/streams", { match: "-" }), token);
  }

  async #read(path: string, query: Record<string, string>, { signal }: ReadOptions): Promise<Record<string, unknown>> {
    const address = this.#address(path, query);
    const token = await unlessAborted(this.#tokens.get(), signal);
    try {
      return await this.#ask(address, token, signal);
    } catch (error) {
      const refused = error instanceof TailcastError && error.details.status === 401;
      if (!refused || !this.#tokens.renewable) throw error;
      this.#tokens.drop(token, "refused");
      return this.#ask(address, await unlessAborted(this.#tokens.get(), signal), signal);
    }
  }

  #address(path: string, query: Record<string, string>): URL {
    const address = new URL(path, this.#base);
    address.search = new URLSearchParams(query).toString();
    return address;
  }

  async #ask(address: URL, token: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { ok, text, details } = await fetched(address, token, signal);
    const body = parsed(text, this.#parse, details);
    if (ok) return body;
    const { code, detail, parameter, position } = body;
    const where = { ...(isText(parameter) ? { parameter } : {}), ...(isOffset(position) ? { position } : {}) };
    const words = isText(detail) ? detail : `status ${details.status}`;
    throw new TailcastError(isText(code) ? code : "unknown", words, { ...details, ...where });
  }
}

/** As it stands in an address. What is not asked for is left out. */
function written(asked: object): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined) query[name] = value instanceof Date ? value.toISOString() : String(value);
  }
  return query;
}

function isStretch(value: unknown): boolean {
  return isObject(value) && isOffset(value["from"]) && isOffset(value["to"]);
}

function isBucket(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { at, lines, levels } = value;
  return isText(at) && isOffset(lines) && isObject(levels) && Object.values(levels).every(isOffset);
}

interface Fetched {
  readonly ok: boolean;
  readonly text: string;
  /** For an error, should it become one. */
  readonly details: ErrorDetails;
}

async function fetched(address: URL, token: string, signal: AbortSignal | undefined): Promise<Fetched> {
  const inTime = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await fetch(address, {
      headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
      credentials: "omit",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
    });
    const details = { status: response.status, ...waitOf(response.headers.get("Retry-After")) };
    return { ok: response.ok, text: await response.text(), details };
  } catch (error) {
    // Given up by the page, which knows why: no failure of the server's.
    signal?.throwIfAborted();
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new TailcastError("away", late ? "no answer in time" : `no answer (${words(error)})`, { status: 0 });
  }
}

/** `Retry-After` is in seconds, or a date (RFC 9110 §10.2.3). */
function waitOf(header: string | null): ErrorDetails {
  if (header === null) return {};
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {};
}

/** What comes of `promise`, unless the page gives up first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { signal: over.signal });
  });
  return Promise.race([aborted, promise]).finally(() => over.abort());
}

function parsed(text: string, parse: (text: string) => unknown, details: ErrorDetails): Record<string, unknown> {
  try {
    const body = parse(text);
    if (isObject(body)) return body;
  } catch {
    // Told below, like any other answer that is none.
  }
  throw strange(details);
}

function strange(details: ErrorDetails): TailcastError {
  return new TailcastError("bad_answer", `an answer that is not Tailcast's (status ${details.status})`, details);
}

function streamInfo(stream: Record<string, unknown>): StreamInfo {
  const { name, first_available: firstAvailable, next, last_arrival: lastArrival, lines_per_second: rate } = stream;
  return {
    name: String(name),
    firstAvailable: isOffset(firstAvailable) ? firstAvailable : 0,
    next: isOffset(next) ? next : 0,
    ...(isText(lastArrival) ? { lastArrival } : {}),
    linesPerSecond: typeof rate === "number" ? rate : 0,
  };
}
