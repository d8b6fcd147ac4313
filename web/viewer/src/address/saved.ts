// Views that earlier versions saved in this browser alone, until the reader has them kept on the server. Knows nothing of
// what is in a view: it is a fragment.

import { BROWSER, Shelf, type Ground } from "./shelf.ts";
import { MOST_CHARACTERS } from "./view.ts";

export interface BrowserView {
  readonly name: string;
  /** With its `#`. */
  readonly fragment: string;
}

const MOST_SAVED = 100;
const LONGEST_NAME = 80;

export class BrowserViews {
  readonly #shelf: Shelf;

  constructor(ground: Ground = BROWSER) {
    this.#shelf = new Shelf("tailcast.views", ground);
  }

  /** By name. Read from the storage each time: other tabs write there too. */
  list(): readonly BrowserView[] {
    const kept = this.#shelf.readJson();
    const views = new Map<string, BrowserView>();
    for (const view of Array.isArray(kept) ? kept : []) {
      if (isBrowserView(view)) views.set(view.name, { name: view.name, fragment: view.fragment });
    }
    return [...views.values()].sort((a, b) => a.name.localeCompare(b.name)).slice(0, MOST_SAVED);
  }

  remove(name: string): void {
    this.#shelf.writeJson(this.list().filter((view) => view.name !== name));
  }

  /** Calls when another tab has changed them. Answers how to stop that. */
  watch(changed: () => void): () => void {
    return this.#shelf.watch(changed);
  }
}

function isBrowserView(value: unknown): value is BrowserView {
  const { name, fragment } = (value ?? {}) as Partial<Record<string, unknown>>;
  const named = typeof name === "string" && name !== "" && name.length <= LONGEST_NAME;
  // It is followed like a link: anything but a fragment would lead away from the page.
  return named && typeof fragment === "string" && fragment.startsWith("#/") && fragment.length <= MOST_CHARACTERS;
}
