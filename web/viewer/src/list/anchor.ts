// Where a reader is in the log: a row, and how far its top is from the window's. Rows may have any height, and come and go
// around it: it stays where it is. Pure.

import type { Place } from "../buffer/buffer.ts";

/** A row's top, in pixels below the top of the window; negative when it begins above. */
export interface Anchor {
  readonly place: Place;
  readonly top: number;
}

/** Which rows to paint. */
export interface Span {
  readonly first: number;
  readonly count: number;
}

/** Measures of the window, in pixels. No row is less tall than `row`. */
export interface Measures {
  readonly height: number;
  readonly row: number;
}

/** Rows beyond what can be seen. */
const SPARE = 4;

/** How many rows fill the window for certain. */
export function fits({ height, row }: Measures): number {
  return Math.ceil(height / row) + 1;
}

/** The rows around an anchor at row `row` that fill the window for certain. */
export function spanAround(row: number, top: number, measures: Measures, rows: number): Span {
  const above = Math.max(0, Math.ceil(top / measures.row)) + SPARE;
  const below = Math.max(0, Math.ceil((measures.height - top) / measures.row)) + SPARE;
  const first = Math.max(0, row - above);
  return { first, count: Math.max(0, Math.min(rows, row + below) - first) };
}

/** The painted rows, and where the first one's top goes. */
export interface Painted {
  readonly span: Span;
  /** Tops of the painted rows from the first one's, and behind them the bottom of the last. */
  readonly tops: readonly number[];
  readonly rows: number;
}

/** Where the first painted row's top goes when the log's ends may not leave the window's. */
export function clamped(top: number, { span, tops, rows }: Painted, height: number): { top: number; end: boolean } {
  const bottom = tops.at(-1) ?? 0;
  const end = span.first + span.count >= rows && top + bottom <= height + 1;
  if (span.first + span.count >= rows && top + bottom < height) top = height - bottom;
  if (span.first === 0 && top > 0) top = 0;
  return { top, end };
}

/** Whether the window shows room above or below the painted rows that other rows belong in. */
export function gaps(top: number, { span, tops, rows }: Painted, height: number): boolean {
  const above = top > 0 && span.first > 0;
  const below = top + (tops.at(-1) ?? 0) < height && span.first + span.count < rows;
  return above || below;
}

/** Beyond this many windows, rows are passed over without measuring them: they count as lines of one row. */
const FAR = 3;

/** How many rows an anchor that is so far from the window is to be moved on. */
export function far(top: number, measures: Measures): number {
  return Math.abs(top) > FAR * measures.height ? -Math.round(top / measures.row) : 0;
}
