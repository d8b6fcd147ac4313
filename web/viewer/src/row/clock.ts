// Times as they are written. Pure: the time zone's rules come from the engine, asked once for a quarter of an hour.

import { figure } from "../count.ts";

/** What a reader can prefer. */
export type TimeFormat = "time" | "datetime" | "iso" | "relative";
/** `full`: with the year. */
export type ShownFormat = TimeFormat | "full";

/** `local` is the reader's own, every other one an IANA name. */
export type Zone = "local" | "utc" | (string & {});

export interface Clock {
  readonly format: ShownFormat;
  readonly zone: Zone;
  /** Ms since 1970, for `relative`. */
  readonly now: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The engine is asked once for each; zones change their clocks on a quarter of an hour, nearly all and always. */
const BLOCK = 15 * MINUTE;
/** 104 days of quarters for each zone, then it begins anew. */
const BLOCKS_MOST = 10_000;

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/;

/** `ts` as ms since 1970, or `undefined` when it is no time. */
export function instant(ts: string): number | undefined {
  if (!RFC_3339.test(ts)) return undefined;
  const at = Date.parse(ts);
  return Number.isNaN(at) ? undefined : at;
}

/** A line's `ts` for the reader; what is no time stands as it came. */
export function written(ts: string, { format, zone, now }: Clock): string {
  if (format === "iso") return ts;
  const at = instant(ts);
  if (at === undefined) return ts;
  if (format === "relative") return relative(at, now);
  return writtenAt(at, format, zone);
}

/**
 * As the reader prefers it, with as much more of the date as it takes to tell what is seen from today: lines of another day
 * have their date, those of another year that, too.
 * @param seen times that can be seen, ms since 1970.
 */
export function datedFormat(prefers: TimeFormat, seen: readonly (number | undefined)[], now: number, zone: Zone): ShownFormat {
  if (prefers !== "time" && prefers !== "datetime") return prefers;
  const today = dayOf(now, zone);
  const days = seen.filter((at) => at !== undefined).map((at) => dayOf(at, zone));
  if (days.some((day) => yearOf(day) !== yearOf(today))) return "full";
  return days.some((day) => day !== today) ? "datetime" : prefers;
}

/** `14:03:07.123`, `11-21 14:03:07.123`, or `2026-11-21 14:03:07.123`. */
export function writtenAt(at: number, format: "time" | "datetime" | "full", zone: Zone): string {
  const there = Math.floor(at) + offsetAt(at, zone);
  const inDay = modulo(there, DAY);
  const time =
    `${two(Math.floor(inDay / HOUR))}:${two(Math.floor(inDay / MINUTE) % 60)}:${two(Math.floor(inDay / 1000) % 60)}` +
    `.${String(inDay % 1000).padStart(3, "0")}`;
  if (format === "time") return time;
  const day = Math.floor(there / DAY);
  return `${format === "full" ? `${String(yearOf(day)).padStart(4, "0")}-` : ""}${monthAndDay(day)} ${time}`;
}

/** All that is known of a line's time: in the reader's zone with its date, and as it came. */
export function exact(ts: string, zone: Zone): string {
  const at = instant(ts);
  if (at === undefined || zone === "utc") return ts;
  const date = new Date(dayOf(at, zone) * DAY).toISOString().slice(0, 10);
  return `${date} ${writtenAt(at, "time", zone)} ${distance(offsetAt(at, zone))}\n${ts}`;
}

/** `now`, `3 s ago`, `5 min ago`, `in 2 h`: one unit. */
export function relative(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 1000) return "now";
  const units: readonly [number, string][] = [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "min"],
    [1000, "s"],
  ];
  const [size, name] = units.find(([unit]) => distance >= unit) as [number, string];
  const words = `${figure(Math.floor(distance / size))} ${name}`;
  return at > now ? `in ${words}` : `${words} ago`;
}

/** The day in a zone, as days since 1970-01-01. */
function dayOf(at: number, zone: Zone): number {
  return Math.floor((at + offsetAt(at, zone)) / DAY);
}

const yearOf = (day: number): number => new Date(day * DAY).getUTCFullYear();

/** Whether this browser knows a zone. In one that it does not know, times are written as UTC. */
export function isZone(zone: string): boolean {
  return zone === "local" || zone === "utc" || rulesOf(zone) !== undefined;
}

/** How far a zone is ahead of UTC at an instant, in ms. */
export function offsetAt(at: number, zone: Zone): number {
  if (zone === "utc") return 0;
  const block = Math.floor(at / BLOCK);
  let known = offsets.get(zone);
  if (!known) offsets.set(zone, (known = new Map()));
  let offset = known.get(block);
  if (offset === undefined) {
    if (known.size >= BLOCKS_MOST) known.clear();
    offset = engineOffset(block * BLOCK, zone);
    // St. John's changed its clock at one minute past midnight, until 2011: such a quarter is asked about each time.
    if (offset !== engineOffset((block + 1) * BLOCK - 1, zone)) offset = Number.NaN;
    known.set(block, offset);
  }
  return Number.isNaN(offset) ? engineOffset(at, zone) : offset;
}

const offsets = new Map<Zone, Map<number, number>>();
const rules = new Map<string, Intl.DateTimeFormat | undefined>();

function engineOffset(at: number, zone: Zone): number {
  if (zone === "local") return -new Date(at).getTimezoneOffset() * MINUTE;
  const parts = rulesOf(zone)?.formatToParts(at);
  if (!parts) return 0;
  const part = (type: string): number => Number(parts.find((found) => found.type === type)?.value);
  const there = new Date(0);
  // Not `Date.UTC`, which takes the years below 100 for those of the last century.
  there.setUTCFullYear(part("year"), part("month") - 1, part("day"));
  there.setUTCHours(part("hour"), part("minute"), part("second"));
  return there.getTime() - Math.floor(at / 1000) * 1000;
}

function rulesOf(zone: string): Intl.DateTimeFormat | undefined {
  if (!rules.has(zone)) rules.set(zone, made(zone));
  return rules.get(zone);
}

function made(zone: string): Intl.DateTimeFormat | undefined {
  const numeric = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  try {
    return new Intl.DateTimeFormat("en", { ...numeric, timeZone: zone, hourCycle: "h23", calendar: "gregory" });
  } catch {
    return undefined;
  }
}

let lastDay = Number.NaN;
let lastWords = "";

/** `11-21`. A log's lines are of the same day, nearly always. */
function monthAndDay(day: number): string {
  if (day !== lastDay) {
    const date = new Date(day * DAY);
    lastDay = day;
    lastWords = `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  }
  return lastWords;
}

/** `+02:00`, or `UTC`. */
function distance(offset: number): string {
  if (offset === 0) return "UTC";
  const minutes = Math.round(Math.abs(offset) / MINUTE);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const two = (number: number): string => (number < 10 ? `0${number}` : String(number));
const modulo = (number: number, by: number): number => ((number % by) + by) % by;
