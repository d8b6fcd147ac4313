// Logs to test with.

import type { Line, Page } from "tailcast-client";
import type { Entry, HoleEntry, LineEntry, Stream } from "../src/buffer/entry.ts";
import type { Store } from "../src/follow/holes.ts";

export const A: Stream = { name: "a", colour: 0 };
export const B: Stream = { name: "b", colour: 1 };

/** The line at an offset; `at` is its time in seconds. */
export function line(stream: Stream, offset: number, at = offset, message = `${stream.name}${offset}`): LineEntry {
  return { kind: "line", stream, at: at * 1000, line: { offset, ts: new Date(at * 1000).toISOString(), message } };
}

/** Lines from an offset to another (exclusive). */
export function lines(stream: Stream, from: number, to: number): LineEntry[] {
  return Array.from({ length: to - from }, (_, i) => line(stream, from + i));
}

export function hole(runs: readonly [Stream, number, number][], reason: HoleEntry["reason"] = "earlier"): HoleEntry {
  return { kind: "hole", reason, runs: runs.map(([stream, from, to]) => ({ stream, from, to })) };
}

/** Entries in a few words: `a0 a1 [a2-9] !a4-5`: lines, holes and gaps. */
export function told(entries: Iterable<Entry>): string {
  const range = ({ stream, from, to }: { stream: Stream; from: number; to: number }) => `${stream.name}${from}-${to - 1}`;
  return [...entries]
    .map((entry) => {
      switch (entry.kind) {
        case "line":
          return `${entry.stream.name}${entry.line.offset}`;
        case "gap":
          return `!${range(entry.run)}`;
        case "hole":
          return `[${entry.runs.map(range).join(" ")}]`;
        case "note":
          return `"${entry.text}"`;
      }
    })
    .join(" ");
}

/** What a store cannot read: offsets of any stream, `to` exclusive. */
type Damage = readonly { readonly from: number; readonly to: number }[];

/** A store that keeps these lines, and answers `page` of them at most. */
export function store(
  kept: readonly LineEntry[],
  { page = Infinity, firstAvailable = 0, damage = [] as Damage } = {},
): Store {
  const isSound = (offset: number) => !damage.some((stretch) => stretch.from <= offset && offset < stretch.to);
  return {
    lines: async (name, { from = 0, to = Infinity, last, limit = 1_000, since } = {}): Promise<Page> => {
      const least = Math.max(from, firstAvailable);
      const all = kept
        .filter(({ stream, line: { offset } }) => stream.name === name && offset >= least && offset < to && isSound(offset))
        .filter(({ line: { ts } }) => since === undefined || ts >= String(since))
        .map((entry): Line => entry.line);
      const most = Math.min(page, last ?? limit);
      const found = last === undefined ? all.slice(0, most) : all.slice(-most);
      const cut = found.length < all.length;
      const begin = last !== undefined && cut ? (found[0]?.offset ?? to) : least;
      const next = last === undefined && cut ? (found.at(-1)?.offset ?? from) + 1 : to;
      const met = damage.filter((stretch) => stretch.to > begin && stretch.from < next);
      return { stream: name, firstAvailable, from: begin, next, lines: found, ...(met.length > 0 ? { damaged: met } : {}) };
    },
  };
}
