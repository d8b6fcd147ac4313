// Highlights that stay, each in a colour of its own, whatever is looked for.

import type { LineEntry } from "../buffer/entry.ts";
import type { Highlight } from "../row/segments.ts";
import { Highlights, type Stopped } from "./highlights.ts";
import { sameQuery, searchFor, type Query } from "./query.ts";
import type { WatchedWorker } from "./watched.ts";

/** The theme has a colour for each: `mark-2` to `mark-7`. */
export const MARK_COLOURS = [2, 3, 4, 5, 6, 7] as const;

export interface Mark {
  readonly query: Query;
  readonly colour: (typeof MARK_COLOURS)[number];
  /** Why it marks nothing more, when it does not. */
  readonly stopped: Stopped | undefined;
}

type Kept = Omit<Mark, "stopped"> & { readonly highlights: Highlights };

export class Marks {
  readonly #worker: WatchedWorker;
  readonly #onchange: () => void;
  #kept: readonly Kept[] = [];

  /** @param onchange the highlights are others than before. */
  constructor(worker: WatchedWorker, onchange: () => void) {
    this.#worker = worker;
    this.#onchange = onchange;
  }

  get kept(): readonly Mark[] {
    return this.#kept.map(({ query, colour, highlights }) => ({ query, colour, stopped: highlights.stopped }));
  }

  /** Keeps it, in the first colour that is free. Says whether there was one, and it can be looked for. */
  keep(query: Query): boolean {
    if (this.#kept.some((mark) => sameQuery(mark.query, query))) return true;
    const search = searchFor(query);
    const colour = MARK_COLOURS.find((free) => this.#kept.every((mark) => mark.colour !== free));
    if (colour === undefined || (search.kind !== "plain" && search.kind !== "regex")) return false;
    this.#kept = [...this.#kept, { query, colour, highlights: new Highlights(search, this.#worker, this.#onchange) }];
    this.#onchange();
    return true;
  }

  drop(query: Query): void {
    for (const mark of this.#kept) if (sameQuery(mark.query, query)) mark.highlights.close();
    this.#kept = this.#kept.filter((mark) => !sameQuery(mark.query, query));
    this.#onchange();
  }

  /** The places in the entry's message, with their colours as kinds. They may overlap. */
  of(entry: LineEntry): readonly Highlight[] {
    return this.#kept.flatMap(({ colour, highlights }) => highlights.of(entry).map(([from, to]): Highlight => [from, to, colour]));
  }
}
