// Counts lines over time and by level: all that the tab has ever had or heard of, each line once. Pure.
//
// A line's time is its sender's word. One line from the year 9999 must not cost the chart its resolution, so only seconds
// that have lines take room, wherever they are; and days of lines must not cost the last minutes theirs, so what is older is
// kept more coarsely.

import type { CountBucket, Level } from "tailcast-client";
import type { LineEntry, Run } from "../buffer/entry.ts";
import { Buckets } from "./buckets.ts";
import { Coverage, type Gap } from "./coverage.ts";

/** A level, or `none` for lines without one. */
export type Band = Level | "none";

/** In the order in which they are stacked, from the bottom up. Counts are indexed like this. */
export const BANDS: readonly Band[] = ["none", "trace", "debug", "info", "warn", "error", "fatal"];

/** Lines by band. */
export type Totals = { readonly [Name in Band]: number };

/** Lines that somebody else counted: all of a stream that are in these offsets, `to` exclusive. */
export interface Counted {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  /** Of a bucket, in ms: as {@link Histogram.widthAt} said. */
  readonly width: number;
  /** In the order of their times. */
  readonly buckets: readonly CountBucket[];
}

/** Stored lines of a stream that are not counted. */
export interface Uncounted extends Gap {
  readonly stream: string;
}

/** Counts between two times. */
export interface Bins {
  /** ms since 1970: where the first bin begins and the last one ends. */
  readonly from: number;
  readonly to: number;
  /** Of a bin, in ms. */
  readonly width: number;
  /** Lines by band (see {@link BANDS}) and bin. */
  readonly counts: readonly Uint32Array[];
  /** Whether all lines of the bin are counted. Where not, there may be more than the counts say. */
  readonly known: readonly boolean[];
  /** The lines of the fullest bin. */
  readonly most: number;
}

/** In seconds: what a reader can name. */
const BIN_WIDTHS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
/** In seconds; each divides the next. What has lines takes room for two hours, five days, and any time. */
const TIER_WIDTHS = [1, 60, 3_600];
const INDEX: ReadonlyMap<string | undefined, number> = new Map(BANDS.map((band, index) => [band, index]));

export class Histogram {
  /** The finest first. A line is in one of them. */
  readonly #tiers = tiersOf(TIER_WIDTHS);
  readonly #totals = new Float64Array(BANDS.length);
  readonly #coverage = new Map<string, Coverage>();
  readonly #begins = new Map<string, number>();
  #arrived: { from: number; until: number } | undefined;

  /**
   * Counts those lines that were not counted before, in the order in which they are read. `runs` are the offsets that were
   * looked through for them, of each stream that may have had lines among them: without a filter that can be left out.
   */
  add(lines: readonly LineEntry[], runs: readonly Run[] = []): void {
    const looked = new Looked(runs);
    for (const { stream, line, at } of lines) {
      const coverage = this.#coverageOf(stream.name);
      const isNew = looked.meets(stream.name, line.offset);
      if (isNew === false || coverage.has(line.offset)) continue;
      // One by one, lines behind a filter would be runs of their own.
      if (isNew === undefined) coverage.add(line.offset, line.offset + 1, at);
      this.#count(at, INDEX.get(line.level) ?? 0, 1);
    }
    // From the first line to the last, none of these streams has more.
    for (const { stream, from, to } of runs) this.#coverageOf(stream.name).add(from, to, lines[0]?.at, lines.at(-1)?.at);
  }

  /** Counts what somebody else counted: all of it or, where a line of it is counted already, nothing. Says which. */
  addCounted({ stream, from, to, width, buckets }: Counted): boolean {
    const coverage = this.#coverageOf(stream);
    if (coverage.hasAny(from, to)) return false;
    const tier = this.#tiers.find((one) => one.width >= width) ?? this.#tiers.at(-1);
    for (const { at, lines, levels } of buckets) {
      const time = Date.parse(at);
      let rest = lines;
      for (const [level, some] of Object.entries(levels)) {
        const band = INDEX.get(level);
        if (band === undefined) continue;
        this.#count(time, band, some, tier);
        rest -= some;
      }
      if (rest > 0) this.#count(time, 0, rest, tier);
    }
    coverage.add(from, to, ...wholeStretch(buckets, width));
    return true;
  }

  /** How wide buckets may be to be counted, of lines before a time: in ms. What is finer is not kept. */
  widthAt(time: number): number {
    const fits = ({ floor }: Buckets) => floor === -Infinity || time > floor;
    return (this.#tiers.find(fits) as Buckets).width;
  }

  /** The newest lines of each stream that are stored and not counted. */
  *newestUncounted(): Generator<Uncounted> {
    for (const [stream, coverage] of this.#coverage) {
      const [gap] = coverage.gaps(this.#begins.get(stream) ?? 0);
      if (gap) yield { stream, ...gap };
    }
  }

  /** How many offsets the streams have that are stored, and how many of them are not counted. */
  stored(without: ReadonlySet<string>): { readonly all: number; readonly uncounted: number } {
    let [all, uncounted] = [0, 0];
    for (const [stream, coverage] of this.#coverage) {
      if (without.has(stream)) continue;
      const begin = this.#begins.get(stream) ?? 0;
      all += Math.max(0, (coverage.spans.at(-1)?.to ?? 0) - begin);
      for (const { from, to } of coverage.gaps(begin)) uncounted += to - from;
    }
    return { all, uncounted };
  }

  /**
   * A stream is followed from an offset on, and before `firstAvailable` nothing is kept of it. All between the two is
   * stored, and not counted until it is added.
   */
  begins(stream: string, firstAvailable: number, cursor: number): void {
    this.beginsAt(stream, firstAvailable);
    this.#coverageOf(stream).add(cursor, cursor);
  }

  /**
   * The oldest line that is kept of a stream: before it there is nothing to count. What retention took away between two runs
   * stays unknown: lines were there.
   */
  beginsAt(stream: string, offset: number): void {
    this.#begins.set(stream, offset);
  }

  /** From this offset on, the stream's lines are others now. What was counted of the ones before stays. */
  renew(stream: string, from: number): void {
    const coverage = this.#coverage.get(stream);
    coverage?.cut(from);
    coverage?.add(from, from);
  }

  /** All streams are live: whatever was sent until then has arrived. */
  arrivedUntil(time: number): void {
    this.#arrived = { from: this.#arrived?.from ?? time, until: Math.max(this.#arrived?.until ?? time, time) };
  }

  /** Lines counted, by band. */
  get totals(): Totals {
    return Object.fromEntries(BANDS.map((band, index) => [band, this.#totals[index] ?? 0])) as Totals;
  }

  /** From the first line to the last in ms, or nothing where there is none. */
  get extent(): { readonly from: number; readonly to: number } | undefined {
    let [first, last] = [Infinity, -Infinity];
    for (const tier of this.#tiers) {
      tier.forEach((at) => {
        first = Math.min(first, at);
        last = Math.max(last, at + tier.width);
      });
    }
    return first > last ? undefined : { from: first, to: last };
  }

  /**
   * The counts between two times, in at most about so many bins. Bins begin at round times, so that they stand still; none
   * is finer than what is known of its time.
   */
  bins(from: number, to: number, count: number): Bins {
    const { start, width, length } = this.#grid(from, to, count);
    const counts = BANDS.map(() => new Uint32Array(length));
    const sums = new Uint32Array(length);
    for (const tier of this.#tiers) {
      tier.forEach((at, place, lines) => {
        const bin = Math.floor((at - start) / width);
        if (bin < 0 || bin >= length) return;
        for (const [band, column] of counts.entries()) {
          const here = lines[place + band] as number;
          column[bin] = (column[bin] as number) + here;
          sums[bin] = (sums[bin] as number) + here;
        }
      });
    }
    const known = this.#known(start, width, length);
    return { from: start, to: start + length * width, width, counts, known, most: sums.reduce((a, b) => Math.max(a, b), 0) };
  }

  #coverageOf(stream: string): Coverage {
    let coverage = this.#coverage.get(stream);
    if (!coverage) this.#coverage.set(stream, (coverage = new Coverage()));
    return coverage;
  }

  #count(at: number, band: number, lines: number, tier = this.#tiers[0]): void {
    if (!Number.isFinite(at)) return;
    tier?.add(at, band, lines);
    this.#totals[band] = (this.#totals[band] as number) + lines;
  }

  #grid(from: number, to: number, count: number): { start: number; width: number; length: number } {
    const least = (to - from) / Math.max(1, count);
    for (let coarsest = 0; ; ) {
      const width = binWidth(least, Math.max(1_000, coarsest));
      const start = Math.floor(from / width) * width;
      const length = Math.max(1, Math.ceil((to - start) / width));
      const found = this.#coarsestIn(start, start + length * width);
      // Where bins begin earlier for being wider, there may be coarser buckets again.
      if (found <= coarsest) return { start, width, length };
      coarsest = found;
    }
  }

  /** The width of the widest bucket that has a part between two times. */
  #coarsestIn(from: number, to: number): number {
    let widest = 0;
    for (const tier of this.#tiers) {
      tier.forEach((at) => {
        if (at < to && at + tier.width > from) widest = tier.width;
      });
    }
    return widest;
  }

  /** A bin is known when its middle is, in all streams; the bin that is being filled when its beginning is. */
  #known(start: number, width: number, length: number): boolean[] {
    const streams = new Uint32Array(length);
    let stream = 0;
    for (const [name, { spans }] of this.#coverage) {
      for (const [index, span] of spans.entries()) {
        const begins = index === 0 && span.from <= (this.#begins.get(name) ?? -1);
        const arrived = index === spans.length - 1 ? this.#arrived : undefined;
        // Where no line matched there is no time but that of being there.
        const from = Number.isNaN(span.start) ? (arrived?.from ?? Infinity) : Math.min(span.start, span.end);
        const until = Number.isNaN(span.start) ? -Infinity : Math.max(span.start, span.end);
        const first = begins ? 0 : Math.ceil((from - start) / width - 0.5);
        const filling = Math.floor(((arrived?.until ?? -Infinity) - start) / width);
        const last = Math.max(Math.floor((until - start) / width - 0.5), filling);
        // Only from one stream to the next: runs of one may lie over each other where its times are out of order.
        for (let bin = Math.max(0, first); bin <= Math.min(length - 1, last); bin += 1) {
          if (streams[bin] === stream) streams[bin] = stream + 1;
        }
      }
      stream += 1;
    }
    return Array.from(streams, (bin) => stream > 0 && bin === stream);
  }
}

/**
 * From when to when no line is missing of a range, in ms: without the first bucket and the last, which lines before and after
 * it can be in; and without the few lines that have times far from the others', as clocks have it.
 */
function wholeStretch(buckets: readonly CountBucket[], width: number): [start: number, end: number] {
  const few = buckets.reduce((sum, { lines }) => sum + lines, 0) / 100;
  const start = Date.parse(beyond(buckets, few)?.at ?? "") + width;
  const end = Date.parse(beyond(buckets.toReversed(), few)?.at ?? "");
  return start <= end ? [start, end] : [NaN, NaN];
}

/** The bucket that has the first line behind so many. */
function beyond(buckets: readonly CountBucket[], lines: number): CountBucket | undefined {
  let passed = 0;
  return buckets.find((bucket) => (passed += bucket.lines) > lines);
}

/** Which lines of runs were met. */
class Looked {
  readonly #runs = new Map<string, { readonly from: number; readonly to: number; last: number }[]>();

  constructor(runs: readonly Run[]) {
    for (const { stream, from, to } of runs) {
      const others = this.#runs.get(stream.name) ?? [];
      this.#runs.set(stream.name, [...others, { from, to, last: -1 }]);
    }
  }

  /** Whether the line is met for the first time; nothing where it is in no run. Lines of a run come in its order. */
  meets(stream: string, offset: number): boolean | undefined {
    const run = this.#runs.get(stream)?.find(({ from, to }) => from <= offset && offset < to);
    if (!run) return undefined;
    if (offset <= run.last) return false;
    run.last = offset;
    return true;
  }
}

/** From the finest to the coarsest, each giving what is too much for it to the next. */
function tiersOf(widths: readonly number[]): readonly Buckets[] {
  const tiers: Buckets[] = [];
  for (const width of widths.toReversed()) tiers.unshift(new Buckets(BANDS.length, width, tiers[0]));
  return tiers;
}

function binWidth(least: number, multipleOf: number): number {
  const nice = BIN_WIDTHS.find((seconds) => seconds * 1_000 >= least && (seconds * 1_000) % multipleOf === 0);
  return nice === undefined ? Math.max(1, Math.ceil(least / multipleOf)) * multipleOf : nice * 1_000;
}
