// The list of readable streams: what is found, in which order, and what a reader can follow by typing. Pure.

import { count, figure } from "../count.ts";
import { covers, type StreamInfo } from "tailcast-client";
import { splitNames } from "../address/view.ts";
import type { Item } from "./item.ts";
import { treeOf } from "./tree.ts";

export type Order = "name" | "rate" | "last";

export interface Found {
  readonly items: readonly Item[];
  /** How many streams there are, how many the search finds, and how many of these are not shown. */
  readonly all: number;
  readonly found: number;
  readonly beyond: number;
  /** Why what was typed cannot be followed as it is. */
  readonly problem?: string;
}

/** Streams in the list at once. The search finds the others. */
export const MOST_SHOWN = 300;
/** From so many streams on they stand in folders. */
const FOLDERS_FROM = 40;
/** So many names can be followed together. */
const MOST_TOGETHER = 100;

export interface ListOptions {
  readonly order: Order;
  readonly most?: number;
  /** Paths of folders that are open. */
  readonly opened?: ReadonlySet<string>;
  /** Names that stand on top. */
  readonly favourites?: readonly string[];
}

export function search(streams: readonly StreamInfo[], sought: string, options: ListOptions): Found {
  const text = sought.trim();
  if (text === "") return all(streams, options);
  if (text.includes("*") && !text.includes(",")) return matching(streams, text, options);
  return containing(streams, text, options);
}

function all(streams: readonly StreamInfo[], { order, most = MOST_SHOWN, opened = new Set(), favourites = [] }: ListOptions): Found {
  const sorted = streams.toSorted(ORDERS[order]);
  const top = sorted.filter(({ name }) => favourites.includes(name));
  const others = sorted.filter(({ name }) => !favourites.includes(name));
  const folders = order === "name" && streams.length >= FOLDERS_FROM;
  const items = [...top.map(itemOf), ...(folders ? treeOf(others, opened) : others.map(itemOf))];
  const shown = items.slice(0, most);
  const beyond = items.slice(most).reduce((sum, { folder }) => sum + (folder?.streams ?? 1), 0);
  const whole: Item[] = streams.length > 1 ? [{ names: ["**"], title: "All streams" }] : [];
  return { items: [...whole, ...shown], all: streams.length, found: streams.length, beyond };
}

/** What a pattern covers. One that the server does not take is read as a shell would, and its streams are followed by name. */
function matching(streams: readonly StreamInfo[], text: string, { order, most = MOST_SHOWN }: ListOptions): Found {
  const isWhole = text.split("/").every((segment) => segment === "*" || segment === "**" || !segment.includes("*"));
  const shell = isWhole ? undefined : shellPattern(text);
  const found = streams.filter(({ name }) => (shell ? shell.test(name) : covers(text, name))).sort(ORDERS[order]);
  const shown = found.slice(0, most);
  const counts = { all: streams.length, found: found.length, beyond: found.length - shown.length };
  const items = shown.map(itemOf);
  const note = `${figure(found.length)} of ${count(streams.length, "stream")} match`;
  if (isWhole) return { items: [{ names: [text], title: `Follow ${text}`, note }, ...items], ...counts };
  const problem = "In a pattern * stands for a whole segment, and ** for any number of them.";
  if (found.length === 0 || found.length > MOST_TOGETHER) return { items, ...counts, problem };
  const names = found.map(({ name }) => name);
  return { items: [{ names, title: `Follow the ${count(names.length, "stream")} that match now`, note }, ...items], ...counts, problem };
}

function shellPattern(text: string): RegExp {
  const source = text.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*\*/g, "\0").replace(/\*/g, "[^/]*").replaceAll("\0", ".*");
  return new RegExp(`^${source}$`);
}

function containing(streams: readonly StreamInfo[], text: string, { order, most = MOST_SHOWN }: ListOptions): Found {
  const lower = text.toLowerCase();
  const found = streams.filter(({ name }) => name.toLowerCase().includes(lower));
  const shown = found.sort(ORDERS[order]).slice(0, most);
  const items = shown.map(itemOf);
  const exact = streams.find(({ name }) => name === text);
  if (exact && items[0]?.stream !== exact) {
    // What was typed in full is what Enter follows, wherever the order has it.
    const others = items.filter(({ stream }) => stream !== exact);
    items.splice(0, items.length, itemOf(exact), ...others.slice(0, most - 1));
  } else if (!exact) {
    const names = splitNames(text);
    const typed = { names, title: `Follow ${names.join(", ")}` };
    // What is in the list comes first; something new is taken as it was typed.
    if (names.length > 0 && (found.length === 0 || names.length > 1)) items.unshift(typed);
    else if (names.length > 0) items.push(typed);
  }
  return { items, all: streams.length, found: found.length, beyond: found.length - shown.length };
}

function itemOf(stream: StreamInfo): Item {
  return { names: [stream.name], title: stream.name, stream };
}

/** A name that fits, cut in the middle: names differ at their ends. */
export function shortened(name: string, most: number): string {
  if (name.length <= most) return name;
  const end = Math.floor((most - 1) * 0.6);
  return `${name.slice(0, most - 1 - end)}…${name.slice(-end)}`;
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
  if (beyond > 0) return `${figure(found - beyond)} of ${count(found, "stream")}: search to see the others`;
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
