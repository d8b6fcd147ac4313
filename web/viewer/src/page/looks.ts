// From what a reader prefers to how rows look. Pure.

import type { Preferences } from "../address/preferences.ts";
import type { Column } from "../address/view.ts";
import type { ShownFormat } from "../row/clock.ts";
import type { Look } from "../row/look.ts";

/** Of the column with the times. */
export const WHEN_WIDTHS = { time: "12ch", datetime: "18ch", full: "23ch", iso: "30ch", relative: "9ch" } as const;

/** Height of a row of one line by its font's size. */
const DENSITIES = { compact: 1.3, normal: 1.55, roomy: 1.95 } as const;

export function rowHeightOf({ density, fontSize }: Preferences): number {
  return Math.round(fontSize * DENSITIES[density]);
}

/** @param now for relative times, ms since 1970. */
export function lookOf(preferences: Preferences, format: ShownFormat, many: boolean, columns: readonly Column[], now: number): Look {
  const { zone, wrap, ansi, fold } = preferences;
  return { format, zone, now, wrap, ansi, fold, showStream: many, columns, fieldsSummary: true };
}
