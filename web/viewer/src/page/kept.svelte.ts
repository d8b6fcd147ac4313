// Highlights that stay, whatever is open.

import type { LineEntry } from "../buffer/entry.ts";
import { type Mark, Marks } from "../find/marks.ts";
import type { Query } from "../find/query.ts";
import type { WatchedWorker } from "../find/watched.ts";
import type { Highlight } from "../row/segments.ts";

export class Kept {
  readonly #marks: Marks;
  list = $state.raw<readonly Mark[]>([]);
  /** Grows when other text is highlighted. */
  marked = $state(0);

  constructor(worker: WatchedWorker) {
    this.#marks = new Marks(worker, () => {
      this.list = this.#marks.kept;
      this.marked += 1;
    });
  }

  keep(query: Query): void {
    this.#marks.keep(query);
  }

  drop(query: Query): void {
    this.#marks.drop(query);
  }

  of(entry: LineEntry): readonly Highlight[] {
    return this.#marks.of(entry);
  }
}
