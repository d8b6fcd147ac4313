// What a reader looks for in an open view: in the lines that the tab has, and on demand in the store.

import type { Client } from "tailcast-client";
import type { Buffer, Place } from "../buffer/buffer.ts";
import type { Rule } from "../buffer/chunk.ts";
import type { LineEntry } from "../buffer/entry.ts";
import { askedBy } from "../find/asked.ts";
import { type Direction, type Edge, findBeyond } from "../find/beyond.ts";
import { Finder } from "../find/finder.ts";
import { Highlights } from "../find/highlights.ts";
import { NO_QUERY, type Query, searchFor } from "../find/query.ts";
import type { WatchedWorker } from "../find/watched.ts";
import type { BeyondStanding } from "../find/words.ts";
import type { RowState } from "../row/look.ts";
import { ASKED, type Highlight, MESSAGE_SHOWN } from "../row/segments.ts";
import type { Position } from "../follow/log.ts";
import type { Arrival } from "./journey.ts";
import type { Kept } from "./kept.svelte.ts";

const AT_REST: BeyondStanding = { state: "idle", direction: "earlier" };

/** What the finds of a page share. */
export interface FindParts {
  readonly worker: WatchedWorker;
  readonly kept: Kept;
}

/** What is looked through, and the reader in it. */
export interface Ground {
  readonly filter: string;
  readonly buffer: Pick<Buffer, "chunks" | "find">;
  /** Which entries can be found; all of them without a rule. */
  readonly shown: Rule | undefined;
  /** The line that the reader is at; none while they follow the live end. */
  readonly line: LineEntry | undefined;
  /** Where the tab lacks lines, before the reader and after. */
  edges(direction: Direction): Edge[];
  seek(position: Position): Promise<Arrival>;
  /** Shows a place, and has the keys act on it. */
  show(place: Place): void;
  /** Shows all of a line. */
  unfold(entry: LineEntry): void;
  /** The address has another view to say. */
  moved(): void;
}

export class Finding {
  readonly #ground: Ground;
  readonly #finder: Finder;
  readonly #parts: FindParts;
  /** What the filter looks for. */
  readonly #asked: readonly Highlights[];
  #current: LineEntry | undefined;
  #hunt: AbortController | undefined;
  /** Which way to go as soon as something is found. */
  #wish: 1 | -1 | undefined;

  open = $state(false);
  query = $state.raw<Query>(NO_QUERY);
  count = $state(0);
  finished = $state(true);
  error = $state<string | undefined>();
  /** Which match is the current one, from 1. */
  position = $state<number | undefined>();
  beyond = $state.raw<BeyondStanding>(AT_REST);
  /** Grows when other text is highlighted. */
  marked = $state(0);

  constructor(ground: Ground, parts: FindParts) {
    this.#ground = ground;
    this.#parts = parts;
    this.#asked = askedBy(ground.filter).flatMap((query) => {
      const search = searchFor(query);
      const isPattern = search.kind === "plain" || search.kind === "regex";
      return isPattern ? [new Highlights(search, parts.worker, () => (this.marked += 1))] : [];
    });
    this.#finder = new Finder({
      worker: parts.worker,
      source: {
        get chunks() {
          return ground.buffer.chunks;
        },
        get shown() {
          return ground.shown;
        },
      },
      onchange: () => this.#tell(),
      onhighlights: () => (this.marked += 1),
    });
  }

  /** There are other lines than before. */
  changed(): void {
    this.#finder.changed();
  }

  /** Looks for what an address says, as plain text. */
  adopt(text: string | undefined): void {
    if (text === undefined || text === this.query.text) return;
    this.open = true;
    this.search({ ...NO_QUERY, text });
  }

  search(query: Query): void {
    this.stop();
    this.beyond = AT_REST;
    this.query = query;
    this.#wish = undefined;
    this.#current = undefined;
    this.#finder.search(query);
    this.#ground.moved();
  }

  close(): void {
    this.stop();
    this.open = false;
    this.query = NO_QUERY;
    this.#current = undefined;
    this.#finder.cancel();
    this.#ground.moved();
  }

  /**
   * Goes to the next match downward, or the next one upward, from where the reader is; from the last one on to the first.
   * Who is live stands behind all of them: there, either way is to the last one.
   */
  go(by: 1 | -1): void {
    const from = this.#current ?? this.#ground.line;
    const found = from && by > 0 ? this.#after(from) : this.#before(from);
    // Who types fast asks before it is known: they are led there when it is.
    this.#wish = found || this.#finder.finished ? undefined : by;
    if (found) this.#goTo(found);
  }

  #after(line: LineEntry): LineEntry | undefined {
    return this.#finder.next(line) ?? this.#finder.next();
  }

  #before(line: LineEntry | undefined): LineEntry | undefined {
    return (line && this.#finder.previous(line)) ?? this.#finder.previous();
  }

  /** Whether the store has lines that the tab has not, before where the reader is and after. */
  get lacks(): { readonly earlier: boolean; readonly later: boolean } {
    const lacks = (direction: Direction) => this.open && this.#ground.edges(direction).length > 0;
    return { earlier: lacks("earlier"), later: lacks("later") };
  }

  keep(): void {
    this.#parts.kept.keep(this.query);
  }

  /** Looks in the store, from where the reader is. */
  async lookBeyond(client: Client, direction: Direction): Promise<void> {
    this.stop();
    const hunt = new AbortController();
    this.#hunt = hunt;
    this.beyond = { state: "searching", direction };
    try {
      const found = await findBeyond({
        client,
        worker: this.#parts.worker,
        direction,
        streams: this.#ground.edges(direction),
        filter: this.#ground.filter,
        query: this.query,
        signal: hunt.signal,
        onprogress: (reached) => (this.beyond = { state: "searching", direction, reached }),
      });
      if (hunt.signal.aborted) return;
      this.beyond = found ? AT_REST : { state: "none", direction };
      if (!found) return;
      const arrival = await this.#ground.seek({ stream: found.stream, offset: found.line.offset });
      if (arrival !== "there" || hunt.signal.aborted) return;
      // Where its own page could not be loaded, the reader is at the line behind it, which is no match.
      const entry = this.#ground.buffer.find(found.stream, found.line.offset)?.entry;
      if (entry?.kind === "line") this.#goTo(entry);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!hunt.signal.aborted) this.beyond = { state: "failed", direction, error: why };
    }
  }

  stop(): void {
    this.#hunt?.abort();
    if (this.beyond.state === "searching") this.beyond = AT_REST;
  }

  /** What is marked in a row. */
  readonly marks = ({ entry }: Place): Pick<RowState, "highlights" | "matches"> | undefined => {
    if (entry.kind !== "line") return undefined;
    const matches = this.#finder.matches(entry);
    const now = entry === this.#current ? 1 : 0;
    const found = this.#finder.highlights(entry).map(([from, to]): Highlight => [from, to, now]);
    const asked = this.#asked.flatMap((one) => one.of(entry).map(([from, to]): Highlight => [from, to, ASKED]));
    const highlights = [...asked, ...this.#parts.kept.of(entry), ...found];
    return matches || highlights.length > 0 ? { matches, highlights } : undefined;
  };

  #goTo(entry: LineEntry): void {
    const place = this.#ground.buffer.find(entry.stream.name, entry.line.offset);
    if (!place) return;
    this.#current = entry;
    if (this.#hides(entry)) this.#ground.unfold(entry);
    this.#ground.show(place);
    this.#tell();
    this.marked += 1;
  }

  /** Whether what was found may be beyond what the row shows of its message. */
  #hides({ line: { message } }: LineEntry): boolean {
    return message.length > MESSAGE_SHOWN || message.includes("\n");
  }

  #tell(): void {
    this.count = this.#finder.count;
    this.finished = this.#finder.finished;
    this.error = this.#finder.error;
    this.position = this.#current && this.#finder.position(this.#current);
    if (this.#wish !== undefined && this.#finder.finished) this.go(this.#wish);
  }
}
