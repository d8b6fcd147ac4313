// What the chart says to those who do not see it, and what stands under the pointer. Pure.

import { count as inWords, figure } from "../count.ts";
import type { Zone } from "../row/clock.ts";
import type { CountingStanding } from "./counting.ts";
import { BANDS, type Band, type Bins } from "./histogram.ts";
import { timeText } from "./scale.ts";

export interface BinWords {
  readonly from: string;
  readonly to: string;
  readonly known: boolean;
  readonly all: number;
  /** The gravest first; only bands with lines. */
  readonly bands: readonly { readonly band: Band; readonly count: number }[];
}

export const BAND_WORDS: { readonly [Name in Band]: string } = {
  none: "no level",
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  fatal: "fatal",
};

/** The bin at a time. */
export function binAt(at: number, bins: Bins, zone: Zone, now: number): BinWords {
  const bin = binIndex(at, bins);
  const from = bins.from + bin * bins.width;
  const exact = bins.width % 60_000 !== 0;
  const bands = BANDS.map((band, index) => ({ band, count: bins.counts[index]?.[bin] ?? 0 })).filter(({ count }) => count > 0);
  return {
    from: timeText(from, zone, now, exact),
    // The day is said once.
    to: timeText(from + bins.width, zone, from, exact),
    known: bins.known[bin] ?? false,
    all: bands.reduce((sum, { count }) => sum + count, 0),
    bands: bands.reverse(),
  };
}

/** `14:03:10, 12 lines, 2 error`: for the slider, which is heard at each step. */
export function valueText(at: number, bins: Bins, zone: Zone, now: number): string {
  const { from, known, all, bands } = binAt(at, bins, zone, now);
  const grave = bands.filter(({ band }) => ["warn", "error", "fatal"].includes(band));
  const counts = grave.map(({ band, count }) => `${figure(count)} ${BAND_WORDS[band]}`);
  return [from, inWords(all, "line"), ...counts, ...(known ? [] : ["not all counted"])].join(", ");
}

/** `counted back to 12:03, 40%`: how far it has come, and the same where there is little room. */
export function countingText(
  { since, share }: CountingStanding,
  zone: Zone,
  now: number,
): { readonly long: string; readonly short: string } {
  const short = `${Math.floor(share * 100)}%`;
  return { short, long: since === undefined ? `counting, ${short}` : `counted back to ${timeText(since, zone, now, false)}, ${short}` };
}

/** What is said once to those who do not see it. */
export function countingSaid({ state, error, lost = 0 }: CountingStanding): string {
  const without = `All that you may read is counted. ${inWords(lost, "stream")} ${lost === 1 ? "is" : "are"} left out.`;
  const whole = lost > 0 ? without : "All that is stored is counted.";
  const said = { whole, partly: "", counting: "Counting what is stored.", failed: error ?? "" };
  return said[state];
}

/** What counts of levels are of. */
export function coverWords({ state, lost = 0 }: CountingStanding): string {
  if (state !== "whole") return "Lines by level, of what is counted so far";
  return lost > 0 ? "Lines by level, of all that you may read" : "Lines by level, of all that is stored";
}

/** All of the chart in a few sentences. */
export function summary(bins: Bins, zone: Zone, now: number): string {
  const sums = BANDS.map((band, index) => ({ band, count: (bins.counts[index] ?? new Uint32Array()).reduce((a, b) => a + b, 0) }));
  const all = sums.reduce((sum, { count }) => sum + count, 0);
  const span = `${timeText(bins.from, zone, now)} to ${timeText(bins.to, zone, now)}: ${inWords(all, "line")}`;
  const bands = sums.filter(({ count }) => count > 0).reverse();
  const levels = bands.map(({ band, count }) => `${figure(count)} ${BAND_WORDS[band]}`).join(", ");
  const unknown = bins.known.filter((known) => !known).length / bins.known.length;
  const fullest = bins.most > 0 ? ` The most at once: ${inWords(bins.most, "line")} at ${timeText(fullestAt(bins), zone, now)}.` : "";
  const uncounted = unknown > 0.01 ? ` ${Math.round(unknown * 100)}% of this time is not counted.` : "";
  return `${span}${levels && ` (${levels})`}.${fullest}${uncounted}`;
}

function fullestAt({ counts, from, width, known, most }: Bins): number {
  const bin = known.findIndex((_, index) => counts.reduce((sum, band) => sum + (band[index] ?? 0), 0) === most);
  return from + Math.max(0, bin) * width;
}

function binIndex(at: number, { from, width, known }: Bins): number {
  return Math.min(known.length - 1, Math.max(0, Math.floor((at - from) / width)));
}
