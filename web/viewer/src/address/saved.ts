// Views that were saved under a name, in this browser. Knows nothing of what is in a view: it is a fragment.

import { BROWSER, Shelf, type Ground } from "./shelf.ts";
import { MOST_CHARACTERS } from "./view.ts";

export interface SavedView {
  readonly name: string;
  /** With its `#`. */
  readonly fragment: string;
}

export const MOST_SAVED = 100;
export const LONGEST_NAME = 80;

/** Why a view is not saved, as a sentence; `undefined` when it is. */
export type Refusal = string | undefined;

export class SavedViews {
  readonly #shelf: Shelf;

  constructor(ground: Ground = BROWSER) {
    this.#shelf = new Shelf("tailcast.views", ground);
  }

  /** By name. Read from the storage each time: other tabs write there too. */
  list(): readonly SavedView[] {
    const kept = this.#shelf.readJson();
    const views = new Map<string, SavedView>();
    for (const view of Array.isArray(kept) ? kept : []) {
      if (isSavedView(view)) views.set(view.name, { name: view.name, fragment: view.fragment });
    }
    return [...views.values()].sort((a, b) => a.name.localeCompare(b.name)).slice(0, MOST_SAVED);
  }

  /** One of the same name is replaced. */
  save(name: string, fragment: string): Refusal {
    const view = { name: tidy(name), fragment };
    if (!view.name) return "A saved view needs a name.";
    if (!isSavedView(view)) return "This view is too long to be saved.";
    const others = this.list().filter((other) => other.name !== view.name);
    if (others.length >= MOST_SAVED) return `There are ${MOST_SAVED} saved views already. Delete one first.`;
    return this.#write([...others, view]);
  }

  rename(from: string, to: string): Refusal {
    const name = tidy(to);
    const views = this.list();
    if (!name) return "A saved view needs a name.";
    if (name !== from && views.some((view) => view.name === name)) return "There is a saved view of that name.";
    return this.#write(views.map((view) => (view.name === from ? { ...view, name } : view)));
  }

  remove(name: string): Refusal {
    return this.#write(this.list().filter((view) => view.name !== name));
  }

  /** Calls when another tab has changed them. Answers how to stop that. */
  watch(changed: () => void): () => void {
    return this.#shelf.watch(changed);
  }

  #write(views: readonly SavedView[]): Refusal {
    const kept = this.#shelf.writeJson(views);
    return kept ? undefined : "The browser keeps nothing for this page: the view is gone when the page is closed.";
  }
}

function tidy(name: string): string {
  return name.replace(/\s+/g, " ").trim().slice(0, LONGEST_NAME);
}

function isSavedView(value: unknown): value is SavedView {
  const { name, fragment } = (value ?? {}) as Partial<Record<string, unknown>>;
  const named = typeof name === "string" && name !== "" && name.length <= LONGEST_NAME;
  // It is followed like a link: anything but a fragment would lead away from the page.
  return named && typeof fragment === "string" && fragment.startsWith("#/") && fragment.length <= MOST_CHARACTERS;
}
