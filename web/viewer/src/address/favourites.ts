// Streams that a reader wants on top of the list, kept in this browser.

import { BROWSER, type Ground, Shelf } from "./shelf.ts";

const MOST = 200;

export class Favourites {
  readonly #shelf: Shelf;

  constructor(ground: Ground = BROWSER) {
    this.#shelf = new Shelf("tailcast.favourites", ground);
  }

  /** Names. Read from the storage each time: other tabs write there too. */
  list(): readonly string[] {
    const kept = this.#shelf.readJson();
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string").slice(0, MOST) : [];
  }

  toggle(name: string): void {
    const names = this.list();
    this.#shelf.writeJson(names.includes(name) ? names.filter((other) => other !== name) : [...names, name].slice(-MOST));
  }

  /** Calls when another tab has changed them. Answers how to stop that. */
  watch(changed: () => void): () => void {
    return this.#shelf.watch(changed);
  }
}
