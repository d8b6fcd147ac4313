// One text kept in the browser. A browser may forbid, empty or fill up its storage at any time, and other tabs write there
// too: what could not be kept lives as long as the page. Knows nothing of what the text means.

/** What a shelf stands on; `localStorage` and `sessionStorage` throw when they are touched and forbidden. */
export interface Ground {
  readonly storage: () => Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Where the `storage` events of other tabs arrive. */
  readonly events?: EventTarget | undefined;
}

/** Kept until the tab is closed, and only there. */
export const TAB: Ground = { storage: () => sessionStorage };

/** Kept by the browser, for all tabs of this server. */
export const BROWSER: Ground = { storage: () => localStorage, events: typeof window === "undefined" ? undefined : window };

export class Shelf {
  readonly #key: string;
  readonly #ground: Ground;
  /** What could not be kept. */
  #own: { text: string | undefined } | undefined;

  constructor(key: string, ground: Ground) {
    this.#key = key;
    this.#ground = ground;
  }

  read(): string | undefined {
    if (this.#own) return this.#own.text;
    try {
      return this.#ground.storage().getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** What was written as JSON; `undefined` when it is none. */
  readJson(): unknown {
    try {
      return JSON.parse(this.read() ?? "");
    } catch {
      return undefined;
    }
  }

  /** Answers whether the browser keeps it. */
  write(text: string | undefined): boolean {
    try {
      const storage = this.#ground.storage();
      if (text === undefined) storage.removeItem(this.#key);
      else storage.setItem(this.#key, text);
      this.#own = undefined;
      return true;
    } catch {
      this.#own = { text };
      return false;
    }
  }

  writeJson(value: unknown): boolean {
    return this.write(JSON.stringify(value));
  }

  /** Calls when another tab has written. Answers how to stop that. */
  watch(changed: () => void): () => void {
    const { events } = this.#ground;
    const listener = (event: Event): void => {
      const { key } = event as StorageEvent;
      // Without a key all of the storage was emptied.
      if (key === null || key === this.#key) changed();
    };
    events?.addEventListener("storage", listener);
    return () => events?.removeEventListener("storage", listener);
  }
}
