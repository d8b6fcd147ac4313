// What of the log can be seen, and the list that shows it. Knows no server, and nothing of what a reader does.

import type { LineEntry } from "../buffer/entry.ts";
import type { Drawn, List } from "../list/list.ts";

/** The list as a view moves it. */
export type ShownList = List<{ readonly element: HTMLElement }>;

export interface ScreenOptions {
  /** How many lines have come so far. */
  readonly arrived: () => number;
  /** The reader follows the live end from now on, or has stopped. */
  readonly followed: (following: boolean) => void;
  /** The reader is elsewhere. */
  readonly moved: () => void;
  /** What stands around the rows is old, and need not be new at once. */
  readonly stale: () => void;
}

export class Screen {
  readonly #options: ScreenOptions;
  following = $state(true);
  /** What can be seen: as it is in each frame. */
  #drawn: Drawn = { first: 0, visible: [], rows: 0 };
  /** The same, for what stands around the rows: each frame while a reader moves, a few times a second while lines pass by. */
  drawn = $state.raw<Drawn>(this.#drawn);
  #list: ShownList | undefined;
  #leftAt = 0;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** The page shows the view in a list. */
  attach(list: ShownList): void {
    this.#list = list;
  }

  /** Nothing while the page has none. */
  get list(): ShownList | undefined {
    return this.#list;
  }

  /** The rows of the last frame. */
  get frame(): Drawn {
    return this.#drawn;
  }

  /** The lines of it. */
  get lines(): LineEntry[] {
    return this.#drawn.visible.map(({ entry }) => entry).filter((entry) => entry.kind === "line");
  }

  /** The times of the first line and of the last one that can be seen, as it was told; absent while there are none. */
  get times(): { readonly from: number | undefined; readonly to: number | undefined } {
    const lines = this.drawn.visible.map(({ entry }) => entry).filter((entry) => entry.kind === "line");
    return { from: lines[0]?.at, to: lines.at(-1)?.at };
  }

  /** How many lines came while the reader was elsewhere. */
  get unseen(): number {
    return this.following ? 0 : this.#options.arrived() - this.#leftAt;
  }

  /** The list says: the reader follows the live end, or has stopped. */
  followed(following: boolean): void {
    this.following = following;
    this.settle();
    if (!following) this.#leftAt = this.#options.arrived();
    this.#options.followed(following);
    this.#options.moved();
  }

  /** The list says: a frame was drawn. */
  show(drawn: Drawn): void {
    const before = this.#drawn;
    const moved = before.visible[0]?.entry !== drawn.visible[0]?.entry;
    if (!moved && drawn.rows === before.rows && drawn.first === before.first && drawn.visible.length === before.visible.length) return;
    this.#drawn = drawn;
    // Sixty times a second, what nobody can read would cost as much as the rows.
    if (this.following && this.drawn.visible.some(({ entry }) => entry.kind === "line")) this.#options.stale();
    else this.settle();
    if (moved && !this.following) this.#options.moved();
  }

  /** What stands around the rows is of the last frame. */
  settle(): void {
    this.drawn = this.#drawn;
  }
}
