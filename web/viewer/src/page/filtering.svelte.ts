// The filter of the open view: another one is another view. Those that were used are remembered.

import { FilterHistory } from "../address/filters.ts";
import type { View } from "../address/view.ts";
import { withLevel } from "../filter/compose.ts";

/** As the filter box takes it. */
type Level = Parameters<typeof withLevel>[2];

export interface FilteringOptions {
  readonly view: () => View;
  readonly open: (view: View) => void;
  readonly history?: FilterHistory;
}

export class Filtering {
  readonly #options: FilteringOptions;
  readonly #history: FilterHistory;
  /** Filters that were used, the last one first. */
  used = $state.raw<readonly string[]>([]);

  constructor(options: FilteringOptions) {
    this.#options = options;
    this.#history = options.history ?? new FilterHistory();
    this.used = this.#history.list();
  }

  apply(filter: string): void {
    if (filter) this.#history.add(filter);
    this.used = this.#history.list();
    const { view, open } = this.#options;
    open({ ...view(), filter });
  }

  /** Of the lines that the filter lets through, those of a level and graver ones; of any without a level. */
  applyLevel(level: Level): void {
    const filter = withLevel(this.#options.view().filter, ">=", level);
    if (filter !== undefined) this.apply(filter);
  }

  /** It is not offered any more. */
  forget(filter: string): void {
    this.#history.remove(filter);
    this.used = this.#history.list();
  }
}
