// The columns of a view: their order and widths. Pure.

import { type Column, columnWidth } from "../address/view.ts";

/** Of a column that nobody resized, in characters. */
export const DEFAULT_WIDTH = 14;

/** With the column at `from` standing where the one at `to` stood. */
export function moved(columns: readonly Column[], from: number, to: number): readonly Column[] {
  const column = columns[from];
  if (!column || to < 0 || to >= columns.length) return columns;
  return columns.toSpliced(from, 1).toSpliced(to, 0, column);
}

/** With the column at `i` wider by so many characters. */
export function resized(columns: readonly Column[], i: number, by: number): readonly Column[] {
  const column = columns[i];
  return column ? columns.with(i, { ...column, width: columnWidth((column.width ?? DEFAULT_WIDTH) + by) }) : columns;
}
