// The page: who reads, what is open, and how the reader likes it. The address is the truth about what is open.

import { KeptPreferences, type Preferences } from "../address/preferences.ts";
import { NO_VIEW, type View, fragmentOf, readAddress } from "../address/view.ts";
import { tokenFrom, tokenSubscriber } from "../address/token.ts";
import { isAboutToken } from "../follow/words.ts";
import { isSamePlace, type SavedView } from "../views/saved.ts";
import { ViewsServer } from "../views/server.ts";
import { Views } from "../views/views.svelte.ts";
import { startWorker } from "../find/start.ts";
import { WatchedWorker } from "../find/watched.ts";
import { Kept } from "./kept.svelte.ts";
import { Reading, type ReadingOptions } from "./reading.ts";
import { Visit } from "./visit.svelte.ts";

/** The address follows the reader after so long without moving. */
const SETTLE_MS = 400;

/** A token that an address brought, of somebody else than who reads. */
export interface Offered {
  readonly token: string;
  /** Who it is of, by its own word. */
  readonly subscriber: string;
  /** What the address shows. */
  readonly view: View;
}

export class Page {
  readonly visit: Visit;
  /** What the reader saved, and the saved view that is open. */
  readonly views: Views;
  /** Until the reader says whether to take it: whoever makes a link could sign others in as themselves. */
  offered = $state.raw<Offered | undefined>();
  /** Highlights that stay. */
  readonly kept: Kept;
  readonly #kept = new KeptPreferences();
  readonly #make: (view: View, moved: () => void) => Reading;
  preferences = $state.raw<Preferences>(this.#kept.read());
  /** The open view. */
  reading = $state.raw<Reading | undefined>();
  /** Whether the system asks for a dark page. */
  #darkSystem = $state(false);
  #settle: ReturnType<typeof setTimeout> | undefined;

  /** @param options what a reading needs beside its view. */
  constructor(options: (view: View) => Omit<ReadingOptions, "view" | "moved" | "find">) {
    // One for all finds of the page.
    const worker = new WatchedWorker(startWorker);
    this.kept = new Kept(worker);
    this.#make = (view, moved) => new Reading({ ...options(view), view, moved, find: { worker, kept: this.kept } });
    const base = new URL(".", location.href.split("#")[0]);
    this.visit = new Visit(base);
    this.views = new Views(new ViewsServer({ base, token: () => this.visit.token }));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.#darkSystem = dark.matches;
    dark.addEventListener("change", () => {
      this.#darkSystem = dark.matches;
    });
    this.#kept.watch(() => {
      this.preferences = this.#kept.read();
    });
    window.addEventListener("hashchange", () => this.#read());
    this.#read();
  }

  get theme(): "light" | "dark" {
    const { theme } = this.preferences;
    return theme === "system" ? (this.#darkSystem ? "dark" : "light") : theme;
  }

  prefer(changed: Partial<Preferences>): void {
    this.preferences = { ...this.preferences, ...changed };
    this.#kept.write(this.preferences);
  }

  // --- the token

  takeToken(token: string): void {
    // What one subscriber was shown is not another's to see.
    if (this.reading && tokenSubscriber(token) !== this.visit.subscriber) this.#close();
    if (tokenSubscriber(token) !== this.visit.subscriber) this.views.forget();
    this.#signIn(token);
    if (!this.reading) this.#read();
  }

  signOut(): void {
    this.#close();
    this.views.forget();
    this.visit.signOut();
    history.replaceState(null, "", fragmentOf(NO_VIEW));
  }

  /** Tries again: at once when it waits, from where it is when it has ended. */
  retry(): void {
    const { client } = this.visit;
    if (this.reading?.standing.state.name === "offline") client?.retry();
    else if (client) this.reading?.start(client);
  }

  // --- what is open

  /** Opens a view; the reader can go back from it. */
  open(view: View): void {
    const fragment = fragmentOf(view);
    if (fragment === location.hash) this.#read();
    else location.hash = fragment;
  }

  /** What is on the page is saved as this now, and its address is the short one. */
  adopt(saved: SavedView): void {
    const { reading } = this;
    if (!reading) return;
    reading.cameFrom(saved.id);
    this.#write(reading);
  }

  /** The view has ended: by its token, another one is asked for. What is on the page stays in it. */
  ended(reading: Reading): void {
    const { state } = reading.standing;
    if (state.name === "ended" && state.error && isAboutToken(state.error)) {
      reading.stop();
      this.visit.ended(state.error);
    }
  }

  #read(): void {
    const { view, token } = readAddress(location.hash);
    if (token !== undefined) {
      // Out of the address before anything else: it must not be copied, bookmarked or kept in the history.
      history.replaceState(null, "", fragmentOf(view));
      const usable = tokenFrom(token);
      if (usable && this.visit.wouldChange(usable)) {
        this.offered = { token: usable, subscriber: tokenSubscriber(usable), view };
        return;
      }
      if (usable) this.#signIn(usable);
      else this.visit.refuse("The address carried something that is not a token.");
    }
    this.offered = undefined;
    this.#show(view);
  }

  #signIn(token: string): void {
    this.visit.take(token);
    const { client } = this.visit;
    if (client) this.reading?.start(client);
  }

  /** What the reader said to a token that an address brought. The view of that address is shown either way. */
  answer(takeIt: "take" | "leave"): void {
    const { offered } = this;
    if (!offered) return;
    this.offered = undefined;
    if (takeIt === "take") {
      // What one subscriber was shown is not another's to see.
      this.#close();
      this.views.forget();
      this.visit.streams = undefined;
      this.#signIn(offered.token);
    }
    this.#show(offered.view);
  }

  #show(view: View): void {
    const { client } = this.visit;
    const open = this.reading;
    if (!client && !open) return;
    if (this.#saved(view)) return;
    if (view.streams.length === 0) {
      this.#close();
      return;
    }
    if (open?.isOf(view)) {
      open.adapt(view);
      return;
    }
    this.#close();
    const reading: Reading = this.#make(view, () => this.#moved(reading));
    this.reading = reading;
    if (client) reading.start(client);
  }

  /** Looks for the saved view that an address names. Answers whether there is nothing to show before it is found. */
  #saved(view: View): boolean {
    const { views } = this;
    const { saved } = view;
    if (saved === undefined) {
      views.opened = views.lost = undefined;
      return false;
    }
    const isAlone = view.streams.length === 0;
    if (isAlone || views.opened?.id !== saved) void this.#find(saved, isAlone);
    return isAlone;
  }

  /** Looks again for what a link leads to. */
  find(saved: string): void {
    void this.#find(saved, true);
  }

  async #find(saved: string, isAlone: boolean): Promise<void> {
    const { hash } = location;
    const found = await this.views.find(saved);
    // The reader went on elsewhere meanwhile.
    if (location.hash !== hash || !isAlone) return;
    if (found) this.#show(found.view);
    else this.#close();
  }

  #close(): void {
    clearTimeout(this.#settle);
    this.reading?.stop();
    this.reading = undefined;
  }

  #moved(reading: Reading): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      if (reading === this.reading) this.#write(reading);
    }, SETTLE_MS);
  }

  /** Into the address. As long as a saved view is shown as it is saved, that is its link. */
  #write(reading: Reading): void {
    const { view } = reading;
    const { opened } = this.views;
    const isSaved = opened !== undefined && view.saved === opened.id && isSamePlace(view, opened.view);
    const fragment = fragmentOf(isSaved ? { ...NO_VIEW, saved: opened.id } : view);
    if (fragment !== location.hash) history.replaceState(null, "", fragment);
  }
}
