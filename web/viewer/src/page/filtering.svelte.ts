// The filter of the open view: another one is another view. Those that were used are remembered.

import { type Client, TailcastError } from "tailcast-client";
import { FilterHistory } from "../address/filters.ts";
import type { View } from "../address/view.ts";
import { withLevel } from "../filter/compose.ts";

/** As the filter box takes it. */
type Level = Parameters<typeof withLevel>[2];

/** No stream is called so: a good filter is answered with that, at once. */
const NOBODY = "-";

export interface FilteringOptions {
  readonly view: () => View;
  readonly open: (view: View) => void;
  /** Who is asked what is wrong with a filter; nobody while a token is asked for. */
  readonly client: () => Pick<Client, "lines"> | undefined;
  readonly history?: FilterHistory;
}

/** What the server says against a filter. `position` counts its characters from 0. */
export interface Refused {
  readonly message: string;
  readonly position?: number;
}

export class Filtering {
  readonly #options: FilteringOptions;
  readonly #history: FilterHistory;
  /** The filter that was asked for last. */
  #asked: string | undefined;
  /** Filters that were used, the last one first. */
  used = $state.raw<readonly string[]>([]);
  /** Why the filter that was asked for last does not apply, when it does not. */
  refused = $state.raw<Refused | undefined>();

  constructor(options: FilteringOptions) {
    this.#options = options;
    this.#history = options.history ?? new FilterHistory();
    this.used = this.#history.list();
  }

  /** Shows the lines that match. The lines stay as they are when the server does not understand it: answers whether it did. */
  async apply(filter: string): Promise<boolean> {
    this.#asked = filter;
    const refused = await this.#fault(filter);
    // Another one was asked for meanwhile.
    if (this.#asked !== filter) return false;
    this.refused = refused;
    if (refused) return false;
    if (filter) this.#history.add(filter);
    this.used = this.#history.list();
    const { view, open } = this.#options;
    open({ ...view(), filter });
    return true;
  }

  /** Who cannot be asked has nothing against it: the view itself will say it. */
  async #fault(filter: string): Promise<Refused | undefined> {
    const client = this.#options.client();
    if (filter === "" || !client) return undefined;
    try {
      await client.lines(NOBODY, { filter, limit: 1 });
    } catch (error) {
      if (!(error instanceof TailcastError) || error.code !== "bad_parameter" || error.details.parameter !== "filter") return undefined;
      const { details } = error;
      // What of an address it is about means nothing here.
      const message = error.message.replace(/^`filter`: /, "");
      return { message, ...(details.position === undefined ? {} : { position: details.position }) };
    }
    return undefined;
  }

  /** Of the lines that the filter lets through, those of a level and graver ones; of any without a level. */
  async applyLevel(level: Level): Promise<boolean> {
    const filter = withLevel(this.#options.view().filter, ">=", level);
    return filter !== undefined && this.apply(filter);
  }

  /** It is not offered any more. */
  forget(filter: string): void {
    this.#history.remove(filter);
    this.used = this.#history.list();
  }
}
