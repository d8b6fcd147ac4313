// Puts the rows of a window into the page, with as few moves and new elements as may be: an entry keeps its element for as
// long as it is in the window (a reader may have selected in it), and elements of entries that left are filled again. Knows
// neither what a row shows nor where the window is.

import type { Place } from "../buffer/buffer.ts";
import type { Entry } from "../buffer/entry.ts";

/** How rows are made. */
export interface Rows<R extends { readonly element: HTMLElement }> {
  make(): R;
  /** Fills a row. Called for every row of each drawn frame: cheap when nothing has changed. */
  show(row: R, place: Place): void;
}

export class Painter<R extends { readonly element: HTMLElement }> {
  readonly #parent: HTMLElement;
  readonly #rows: Rows<R>;
  readonly #shown = new Map<Entry, R>();
  /** The rows by their elements, those of `#shown`. */
  readonly #places = new Map<Element, Place>();

  constructor(parent: HTMLElement, rows: Rows<R>) {
    this.#parent = parent;
    this.#rows = rows;
  }

  /** Shows these, from the top, and nothing else. */
  paint(places: readonly Place[]): void {
    const free = this.#leavers(places);
    let next = this.#parent.firstElementChild;
    for (const place of places) {
      let row = this.#shown.get(place.entry);
      // Elements of those that left are passed over, not moved: the rows that stay keep their order.
      if (row) while (next && next !== row.element && free.has(next)) next = next.nextElementSibling;
      else row = this.#take(free, next);
      this.#shown.set(place.entry, row);
      this.#places.set(row.element, place);
      this.#rows.show(row, place);
      if (row.element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row.element, next);
    }
    for (const element of free.keys()) element.remove();
  }

  /** What is painted in an element, or around it. */
  placeAt(target: EventTarget | Node | null): Place | undefined {
    let node = target instanceof Node ? target : null;
    while (node && node.parentNode !== this.#parent) node = node.parentNode;
    return node instanceof Element ? this.#places.get(node) : undefined;
  }

  elementOf(entry: Entry): HTMLElement | undefined {
    return this.#shown.get(entry)?.element;
  }

  #leavers(places: readonly Place[]): Map<Element, R> {
    const staying = new Set(places.map(({ entry }) => entry));
    const free = new Map<Element, R>();
    for (const [entry, row] of this.#shown) {
      if (staying.has(entry)) continue;
      this.#shown.delete(entry);
      this.#places.delete(row.element);
      free.set(row.element, row);
    }
    return free;
  }

  /** An element to fill: the one that stands there already if it is free. */
  #take(free: Map<Element, R>, next: Element | null): R {
    const here = next && free.get(next);
    if (next && here) {
      free.delete(next);
      return here;
    }
    for (const [element, row] of free) {
      free.delete(element);
      return row;
    }
    return this.#rows.make();
  }
}
