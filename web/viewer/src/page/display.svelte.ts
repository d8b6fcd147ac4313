// Which columns a view has, and which of its streams are shown.

import type { Column, View } from "../address/view.ts";
import type { Stream } from "../buffer/entry.ts";

export interface DisplayOptions {
  /** The streams that were met, in that order. */
  readonly known: () => readonly Stream[];
  /** Shows the lines of all streams but these. */
  readonly hide: (streams: ReadonlySet<string>) => void;
  /** The rows look otherwise, and the address has another view to say. */
  readonly changed: () => void;
}

export class Display {
  readonly #options: DisplayOptions;
  columns = $state.raw<readonly Column[]>([]);
  /** Names of streams whose lines are not shown. They go on to come in. */
  hidden = $state.raw<ReadonlySet<string>>(new Set());

  constructor(view: View, options: DisplayOptions) {
    this.#options = options;
    this.columns = view.columns;
    this.#hide(new Set(view.hidden));
  }

  /** The streams that were met, in that order. */
  get known(): readonly Stream[] {
    return this.#options.known();
  }

  /** Names of those that are shown. */
  get shown(): string[] {
    return this.known.map(({ name }) => name).filter((name) => !this.hidden.has(name));
  }

  /** As an address says. */
  adopt({ columns, hidden }: View): void {
    this.columns = columns;
    this.#hide(new Set(hidden));
    this.#options.changed();
  }

  setColumns(columns: readonly Column[]): void {
    this.columns = columns;
    this.#options.changed();
  }

  /** A column of a field that has none yet. */
  addColumn(path: string): void {
    if (!this.columns.some((column) => column.path === path)) this.setColumns([...this.columns, { path }]);
  }

  /** Shows a stream's lines, or not. */
  toggle(name: string): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    this.#setHidden(hidden);
  }

  /** Shows this stream and no other; all of them without a name. */
  showOnly(name: string | undefined): void {
    this.#setHidden(new Set(name === undefined ? [] : this.known.map((stream) => stream.name).filter((other) => other !== name)));
  }

  #setHidden(hidden: ReadonlySet<string>): void {
    this.#hide(hidden);
    this.#options.changed();
  }

  #hide(hidden: ReadonlySet<string>): void {
    this.hidden = hidden;
    this.#options.hide(hidden);
  }
}
