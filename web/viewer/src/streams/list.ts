// The list of readable streams: what is found, in which order, and what a reader can follow by typing. Pure.

import { count, figure } from "../count.ts";
import type { StreamInfo } from "tailcast-client";
import { splitNames } from "../address/view.ts";

export type Order = "name" | "rate" | "last";

/** Something that can be followed. */
export interface Item {
  readonly names: readonly string[];
  readonly title: string;
  /** Absent for a pattern, several streams, and what was typed and is not in the list. */
  readonly stream?: StreamInfo;
}

export interface Found {
  readonly items: readonly Item[];
  /** How many streams there are, how many the search finds, and how many of these are not shown. */
  readonly all: number;
  readonly found: number;
  readonly beyond: number;
}

/** Streams in the list at once. The search finds the others. */
export const MOST_SHOWN = 300;

export function search(streams: readonly StreamInfo[], sought: string, order: Order, most = MOST_SHOWN): Found {
  const text = sought.trim();
  const lower = text.toLowerCase();
  const found = streams.filter(({ name }) => name.toLowerCase().includes(lower));
  const shown = found.sort(ORDERS[order]).slice(0, most);
  const items: Item[] = shown.map((stream) => ({ names: [stream.name], title: stream.name, stream }));
  const exact = streams.find(({ name }) => name === text);
  if (exact && items[0]?.stream !== exact) {
    // What was typed in full is what Enter follows, wherever the order has it.
    const others = items.filter(({ stream }) => stream !== exact);
    items.splice(0, items.length, { names: [exact.name], title: exact.name, stream: exact }, ...others.slice(0, most - 1));
  } else if (text && !exact) {
    const names = splitNames(text);
    const typed = { names, title: `Follow ${names.join(", ")}` };
    // What is in the list comes first; a pattern or something new is taken as it was typed.
    if (names.length > 0 && (found.length === 0 || names.length > 1 || text.includes("*"))) items.unshift(typed);
    else if (names.length > 0) items.push(typed);
  } else if (!text && streams.length > 1) {
    items.unshift({ names: ["**"], title: "All streams" });
  }
  return { items, all: streams.length, found: found.length, beyond: found.length - shown.length };
}

/** `worker-2` before `worker-10`. */
const NAMES = new Intl.Collator("en", { numeric: true });
const byName = (a: StreamInfo, b: StreamInfo): number => NAMES.compare(a.name, b.name) || compare(a.name, b.name);

const ORDERS: { readonly [Name in Order]: (a: StreamInfo, b: StreamInfo) => number } = {
  name: byName,
  rate: (a, b) => b.linesPerSecond - a.linesPerSecond || byName(a, b),
  // Times of one server, all in UTC with nanoseconds, are in the order of their text.
  last: (a, b) => compare(b.lastArrival ?? "", a.lastArrival ?? "") || byName(a, b),
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is followed after a stream was taken in or out. */
export function toggled(names: readonly string[], name: string): string[] {
  return names.includes(name) ? names.filter((other) => other !== name) : [...names, name];
}

/** Whether two sets of names are followed the same way. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** What there is to say below the list. */
export function summary({ all, found, beyond }: Found): string {
  if (all === 0) return "No stream has a line that you may read yet.";
  if (beyond > 0) return `${count(beyond, "more stream")}: search to see them`;
  return found < all ? `${figure(found)} of ${count(all, "stream")}` : count(all, "stream");
}

/** Lines a second: `0.4/s`, `12/s`, `3.1k/s`; nothing for a silent stream. */
export function rate(perSecond: number): string {
  if (!(perSecond > 0)) return "";
  if (perSecond < 0.1) return "<0.1/s";
  if (perSecond < 9.95) return `${perSecond.toFixed(1)}/s`;
  if (perSecond < 999.5) return `${Math.round(perSecond)}/s`;
  return `${(perSecond / 1000).toFixed(1)}k/s`;
}
