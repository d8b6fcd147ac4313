// Where times and counts stand on the chart, and how they are written. Pure.

import { offsetAt, type Zone } from "../row/clock.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface TimeRange {
  /** ms since 1970. */
  readonly from: number;
  readonly to: number;
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** What the reader can choose to see. */
export const SPANS: readonly { readonly name: Span; readonly words: string; readonly ms: number }[] = [
  { name: "5m", words: "5 min", ms: 5 * MINUTE },
  { name: "15m", words: "15 min", ms: 15 * MINUTE },
  { name: "1h", words: "1 h", ms: HOUR },
  { name: "6h", words: "6 h", ms: 6 * HOUR },
  { name: "24h", words: "24 h", ms: DAY },
  { name: "7d", words: "7 d", ms: 7 * DAY },
  { name: "all", words: "All", ms: Infinity },
];
export type Span = "5m" | "15m" | "1h" | "6h" | "24h" | "7d" | "all";
/** They are offered when there is more than the one before them shows. */
const LONG: readonly Span[] = ["24h", "7d"];

const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28, 91, 182, 364].map((days) => days * DAY),
];

/** What the chart shows. */
export interface Sight {
  readonly span: Span;
  readonly live: boolean;
  readonly now: number;
  /** The lines on the screen. */
  readonly visible: TimeRange | undefined;
  /** All lines that were counted. */
  readonly extent: TimeRange | undefined;
  /** What it showed before. */
  readonly before: TimeRange | undefined;
}

/** The spans to choose from: the long ones only where lines are that old. */
export function spansFor(extent: TimeRange | undefined, now: number, chosen: Span): typeof SPANS {
  const oldest = now - (extent?.from ?? now);
  return SPANS.filter(({ name }, i) => !LONG.includes(name) || name === chosen || oldest > (SPANS[i - 1]?.ms ?? 0));
}

/** Live, it moves. Else it stands still for as long as what is read is in it. */
export function rangeFor({ span, live, now, visible, extent, before }: Sight): TimeRange {
  const ms = SPANS.find(({ name }) => name === span)?.ms ?? Infinity;
  if (ms === Infinity) {
    // Nothing is kept for what has not come; a minute at least is shown.
    const to = live ? now : (extent?.to ?? now);
    const from = extent?.from ?? to - 5 * MINUTE;
    return from <= to - MINUTE ? { from, to } : { from: to - MINUTE, to };
  }
  if (live || !visible) return { from: now - ms, to: now };
  const middle = (visible.from + visible.to) / 2;
  if (before && before.to - before.from === ms && before.from <= middle && middle <= before.to) return before;
  const to = Math.min(Math.max(now, visible.to), middle + ms / 2);
  return { from: to - ms, to };
}

/** A time's place between 0 and `width`; beyond them when it is not in the range. */
export function pixelOf(at: number, { from, to }: TimeRange, width: number): number {
  return ((at - from) / (to - from)) * width;
}

/** The time at a place; never beyond the range. */
export function timeAt(pixel: number, { from, to }: TimeRange, width: number): number {
  return from + Math.min(1, Math.max(0, pixel / Math.max(1, width))) * (to - from);
}

/** Round times of the zone, at most so many. */
export function timeTicks({ from, to }: TimeRange, most: number, zone: Zone): Tick[] {
  const step = STEPS.find((ms) => (to - from) / ms <= most) ?? Math.ceil((to - from) / most / (364 * DAY)) * 364 * DAY;
  const ticks: Tick[] = [];
  // On the zone's own clock, which may be put forward or back on the way.
  const clock = from + offsetAt(from, zone);
  for (let local = Math.ceil(clock / step) * step; ticks.length <= most; local += step) {
    const guess = local - offsetAt(from, zone);
    const at = local - offsetAt(guess, zone);
    if (at > to) break;
    if (at >= from && at > (ticks.at(-1)?.at ?? -Infinity)) ticks.push({ at, text: tickText(at, step, zone) });
  }
  return ticks;
}

function tickText(at: number, step: number, zone: Zone): string {
  const { date, time } = clockOf(at, zone);
  if (step >= DAY || time === "00:00:00") return step > 180 * DAY ? date : date.slice(5);
  return step >= MINUTE ? time.slice(0, 5) : time;
}

/** Round counts above 0, at most so many, none above `most`. */
export function countTicks(most: number, ticks: number): number[] {
  if (most < 1 || ticks < 1) return [];
  const rough = most / ticks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((digit) => digit * power).find((nice) => nice >= rough) ?? rough);
  return Array.from({ length: Math.floor(most / step) }, (_, index) => Math.round((index + 1) * step));
}

/** `12`, `3.5k`, `2M`: counts where there is little room. */
export function countText(count: number): string {
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (count >= unit) return `${Number((count / unit).toPrecision(3))}${letter}`;
  }
  return String(count);
}

/** What a bar is of: `1 s`, `5 min`, `2 h`; of what is no such number, `about 16 d`. */
export function widthText(ms: number): string {
  const exact = WIDTHS.find(([unit]) => ms >= unit && ms % unit === 0);
  const isPlain = exact !== undefined && ms / exact[0] < 1_000;
  const [unit, name] = (isPlain ? exact : WIDTHS.find(([unit]) => ms >= 2 * unit)) ?? [SECOND, "s"];
  const tenths = Math.round((ms / unit) * 10) / 10;
  return tenths * unit === ms || ms < SECOND ? `${ms / unit} ${name}` : `about ${tenths} ${name}`;
}

const WIDTHS = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]] as const;

/** A time as the chart names it: with its date when it is not of today, with seconds when bins are that narrow. */
export function timeText(at: number, zone: Zone, now: number, exact = true): string {
  const { date, time } = clockOf(at, zone);
  const clock = exact ? time : time.slice(0, 5);
  return date === clockOf(now, zone).date ? clock : `${date} ${clock}`;
}

/** `2026-11-21` and `14:03:07`, in the zone. */
function clockOf(at: number, zone: Zone): { date: string; time: string } {
  const [date = "", time = ""] = new Date(at + offsetAt(at, zone)).toISOString().split("T");
  return { date, time: time.slice(0, 8) };
}
