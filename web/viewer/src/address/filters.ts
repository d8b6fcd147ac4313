// The filters that were used in this browser, the last one first.

import { BROWSER, Shelf, type Ground } from "./shelf.ts";

const MOST = 50;
/** The server takes no longer one. */
const MOST_CHARACTERS = 4_096;

export class FilterHistory {
  readonly #shelf: Shelf;

  constructor(ground: Ground = BROWSER) {
    this.#shelf = new Shelf("tailcast.filters", ground);
  }

  /** The last one first. Read from the storage each time: other tabs write there too. */
  list(): readonly string[] {
    const kept = this.#shelf.readJson();
    const filters = Array.isArray(kept) ? kept.filter(isFilter) : [];
    return [...new Set(filters)].slice(0, MOST);
  }

  /** A filter was used. */
  add(filter: string): void {
    const used = filter.trim();
    if (isFilter(used)) this.#shelf.writeJson([used, ...this.list().filter((other) => other !== used)].slice(0, MOST));
  }

  remove(filter: string): void {
    this.#shelf.writeJson(this.list().filter((other) => other !== filter));
  }

  clear(): void {
    this.#shelf.write(undefined);
  }
}

function isFilter(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MOST_CHARACTERS;
}
