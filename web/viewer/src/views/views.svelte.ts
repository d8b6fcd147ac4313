// The views that a reader saved, and the one that is open. What the server said last is what is shown; a change that it did
// not do is told, and nothing pretends to be kept.

import type { View } from "../address/view.ts";
import { isSameView, newId, type SavedView, tidyName, type ViewContent } from "./saved.ts";
import { ViewsError, type ViewsServer } from "./server.ts";

/** Why a link shows nothing. */
export interface Lost {
  readonly id: string;
  readonly message: string;
  /** Whether asking again may help. */
  readonly again: boolean;
}

export class Views {
  readonly #server: Pick<ViewsServer, "list" | "read" | "write" | "delete">;
  readonly #newId: () => string;
  /** Counts readers: an answer to the one before is nothing to the next. */
  #reader = 0;
  /** A new view that the server was asked to keep and did not answer for: perhaps it is there. Under its name it is that one. */
  #asked: { readonly id: string; readonly name: string } | undefined;
  /** The reader's own, by name; absent while they are not known. */
  list = $state.raw<readonly SavedView[] | undefined>();
  /** The saved view that the page came from. */
  opened = $state.raw<SavedView | undefined>();
  /** Why the last thing that was asked for was not done. */
  problem = $state<string | undefined>();
  /** The link that was followed and shows nothing. */
  lost = $state.raw<Lost | undefined>();

  constructor(server: Pick<ViewsServer, "list" | "read" | "write" | "delete">, makeId = newId) {
    this.#server = server;
    this.#newId = makeId;
  }

  /** Another reader: what one saved is not another's to see. */
  forget(): void {
    this.#reader += 1;
    this.#asked = undefined;
    this.list = undefined;
    this.opened = undefined;
    this.problem = undefined;
    this.lost = undefined;
  }

  /** Reads the list anew. */
  async refresh(): Promise<void> {
    const reader = this.#reader;
    try {
      const list = await this.#server.list();
      if (reader !== this.#reader) return;
      this.list = list;
      this.problem = undefined;
    } catch (error) {
      if (reader === this.#reader) this.problem = messageOf(error);
    }
  }

  /** What a link leads to. Answers the view, when there is one. */
  async find(id: string): Promise<SavedView | undefined> {
    const reader = this.#reader;
    this.lost = undefined;
    try {
      const found = await this.#server.read(id);
      if (reader !== this.#reader) return undefined;
      this.opened = found;
      return found;
    } catch (error) {
      if (reader !== this.#reader) return undefined;
      if (this.opened?.id === id) this.opened = undefined;
      const gone = error instanceof ViewsError && error.code === "view_not_found";
      this.lost = {
        id,
        message: gone
          ? "This link leads to no saved view. It was deleted, or is not shared any more, or the link is not whole."
          : `The saved view cannot be opened: ${messageOf(error)}`,
        again: !gone,
      };
      return undefined;
    }
  }

  /** Whether what is on the page is other than what is saved. */
  differs(view: View): boolean {
    const { opened } = this;
    return opened !== undefined && view.saved === opened.id && !isSameView(view, opened.view);
  }

  /** Keeps what is on the page under a name of its own. */
  async save(name: string, view: View): Promise<SavedView | undefined> {
    const saved = await this.keep(name, view);
    if (saved) this.opened = saved;
    return saved;
  }

  /** Keeps any view. Whoever was not answered asks again, and gets one view. */
  async keep(name: string, view: View): Promise<SavedView | undefined> {
    const reader = this.#reader;
    const content = { name, shared: false, view };
    const before = this.#asked?.name === tidyName(name) ? this.#asked : undefined;
    const asked = before ?? { id: this.#newId(), name: tidyName(name) };
    this.#asked = asked;
    if (before) {
      // What is kept of it by now may be what the page showed then.
      await this.refresh();
      if (reader !== this.#reader) return undefined;
    }
    const there = before && this.list?.find(({ id }) => id === before.id);
    return this.#write(asked.id, content, there?.version);
  }

  /** Puts what is on the page in place of what is saved. */
  overwrite(saved: SavedView, view: View): Promise<SavedView | undefined> {
    return this.#write(saved.id, { ...saved, view }, saved.version);
  }

  rename(saved: SavedView, name: string): Promise<SavedView | undefined> {
    return this.#write(saved.id, { ...saved, name }, saved.version);
  }

  /** Lets whoever has the link open it, or no longer. */
  share(saved: SavedView, shared: boolean): Promise<SavedView | undefined> {
    return saved.shared === shared ? Promise.resolve(saved) : this.#write(saved.id, { ...saved, shared }, saved.version);
  }

  /** Answers whether it is gone. */
  async remove(saved: SavedView): Promise<boolean> {
    const reader = this.#reader;
    try {
      await this.#server.delete(saved.id, saved.version);
    } catch (error) {
      if (reader !== this.#reader) return false;
      if (!(error instanceof ViewsError && error.code === "view_not_found")) return await this.#failed(error, saved.id), false;
    }
    if (reader !== this.#reader) return false;
    this.problem = undefined;
    this.list = this.list?.filter(({ id }) => id !== saved.id);
    if (this.opened?.id === saved.id) this.opened = undefined;
    return true;
  }

  async #write(id: string, content: ViewContent, version: string | undefined): Promise<SavedView | undefined> {
    const name = tidyName(content.name);
    if (!name) {
      this.problem = "A saved view needs a name.";
      return undefined;
    }
    const reader = this.#reader;
    try {
      const written = await this.#server.write(id, { ...content, name }, version);
      if (reader !== this.#reader) return undefined;
      if (this.#asked?.id === id) this.#asked = undefined;
      this.problem = undefined;
      const others = (this.list ?? []).filter((other) => other.id !== id);
      this.list = [...others, written].sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
      if (this.opened?.id === id) this.opened = written;
      return written;
    } catch (error) {
      if (reader !== this.#reader) return undefined;
      if (this.#asked?.id === id && error instanceof ViewsError && error.refused) this.#asked = undefined;
      await this.#failed(error, id);
      return undefined;
    }
  }

  /** Of what somebody else changed the reader sees what it is now, and decides again. */
  async #failed(error: unknown, id: string): Promise<void> {
    if (!(error instanceof ViewsError) || error.code !== "view_changed") {
      this.problem = messageOf(error);
      return;
    }
    const reader = this.#reader;
    await this.refresh();
    if (reader !== this.#reader) return;
    const now = this.list?.find((other) => other.id === id);
    if (this.opened?.id === id) this.opened = now;
    this.problem = now
      ? `Another page has changed “${now.name}” meanwhile. What you see here is what it is now: do it again if you still want to.`
      : "Another page has deleted this view meanwhile.";
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
