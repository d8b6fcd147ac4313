// The reads over HTTP (docs/http.md): which streams there are, and lines that are kept.

import { TailcastError, words } from "./errors.js";
import type { Line } from "./events.js";
import { parse } from "./json.js";
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

/** Kept lines. */
export interface Page {
  readonly stream: string;
  /** The offset of the oldest line still kept. */
  readonly firstAvailable: number;
  /** Where to go on. */
  readonly next: number;
  readonly lines: readonly Line[];
}

export class Reads {
  readonly #base: URL;
  readonly #tokens: Tokens;

  /** @param base the server's address, ending in a slash. */
  constructor(base: URL, tokens: Tokens) {
    this.#base = base;
    this.#tokens = tokens;
  }

  async streams(match?: string): Promise<StreamInfo[]> {
    const answer = await this.#read("v1/streams", match === undefined ? {} : { match });
    const streams = answer["streams"];
    if (!Array.isArray(streams)) throw strange(200);
    return streams.filter(isObject).map(streamInfo);
  }

  async lines(stream: string, range: Range): Promise<Page> {
    const query: Record<string, string> = { stream };
    for (const [name, value] of Object.entries(range)) {
      if (value !== undefined) query[name] = value instanceof Date ? value.toISOString() : String(value);
    }
    const answer = await this.#read("v1/lines", query);
    const { first_available: firstAvailable, next, lines } = answer;
    if (!isOffset(firstAvailable) || !isOffset(next) || !Array.isArray(lines)) throw strange(200);
    return { stream, firstAvailable, next, lines: lines as Line[] };
  }

  /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
  async probe(token: string): Promise<void> {
    // No stream is called so, and the answer is short.
    await this.#ask(this.#address("v1/streams", { match: "-" }), token);
  }

  async #read(path: string, query: Record<string, string>): Promise<Record<string, unknown>> {
    const address = this.#address(path, query);
    const token = await this.#tokens.get();
    try {
      return await this.#ask(address, token);
    } catch (error) {
      const refused = error instanceof TailcastError && error.details.status === 401;
      if (!refused || !this.#tokens.renewable) throw error;
      this.#tokens.drop(token, "refused");
      return this.#ask(address, await this.#tokens.get());
    }
  }

  #address(path: string, query: Record<string, string>): URL {
    const address = new URL(path, this.#base);
    address.search = new URLSearchParams(query).toString();
    return address;
  }

  async #ask(address: URL, token: string): Promise<Record<string, unknown>> {
    const { status, ok, text } = await fetched(address, token);
    const body = parsed(text, status);
    if (ok) return body;
    const { code, detail } = body;
    throw new TailcastError(isText(code) ? code : "unknown", isText(detail) ? detail : `status ${status}`, { status });
  }
}

async function fetched(address: URL, token: string): Promise<{ status: number; ok: boolean; text: string }> {
  try {
    const response = await fetch(address, {
      headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { status: response.status, ok: response.ok, text: await response.text() };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new TailcastError("away", late ? "no answer in time" : `no answer (${words(error)})`, { status: 0 });
  }
}

function parsed(text: string, status: number): Record<string, unknown> {
  try {
    const body = parse(text);
    if (isObject(body)) return body;
  } catch {
    // Told below, like any other answer that is none.
  }
  throw strange(status);
}

function strange(status: number): TailcastError {
  return new TailcastError("bad_answer", `an answer that is not Tailcast's (status ${status})`, { status });
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
