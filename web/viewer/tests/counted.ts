// A store that counts, to test with.

import type { CountsPage, CountsQuery, Level } from "tailcast-client";
import type { LineEntry, Stream } from "../src/buffer/entry.ts";

export const NOON = Date.parse("2026-11-21T12:00:00Z");
export const API: Stream = { name: "payments/api", colour: 0 };
export const WEB: Stream = { name: "web/access", colour: 1 };
const LEVELS: readonly (Level | undefined)[] = ["info", "info", "error", undefined, "warn"];

/** Lines of all levels, one every `every` ms up to noon. */
export function upToNoon(stream: Stream, count: number, every = 1_000): LineEntry[] {
  return Array.from({ length: count }, (_, offset) => lineAt(stream, offset, NOON - (count - offset) * every));
}

export function lineAt(stream: Stream, offset: number, at: number): LineEntry {
  const level = LEVELS[offset % LEVELS.length];
  const line = { offset, ts: new Date(at).toISOString(), message: "", ...(level ? { level } : {}) };
  return { kind: "line", stream, line, at };
}

/** What bounds an answer of the server. */
export interface Bounds {
  /** Lines that are looked through. */
  readonly looked?: number;
  readonly buckets?: number;
  readonly firstAvailable?: number;
  readonly matches?: (line: LineEntry) => boolean;
}

/** As the server answers (docs/http.md). */
export function counted(kept: readonly LineEntry[], { stream, from = 0, to = Infinity, width = 60 }: CountsQuery, bounds: Bounds = {}): CountsPage {
  const { looked = Infinity, buckets: most = 10_000, firstAvailable = 0, matches = () => true } = bounds;
  const lines = kept.filter((line) => line.stream.name === stream);
  const begin = Math.max(from, firstAvailable);
  const buckets = new Map<number, { lines: number; levels: Partial<Record<Level, number>> }>();
  let next = begin;
  for (const entry of lines.slice(begin, Math.min(to, begin + looked))) {
    const at = Math.floor(entry.at / (width * 1_000)) * width * 1_000;
    if (matches(entry)) {
      const bucket = buckets.get(at) ?? { lines: 0, levels: {} };
      if (!buckets.has(at) && buckets.size >= most) break;
      buckets.set(at, bucket);
      bucket.lines += 1;
      const { level } = entry.line;
      if (level) bucket.levels[level] = (bucket.levels[level] ?? 0) + 1;
    }
    next = entry.line.offset + 1;
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b).map(([at, bucket]) => ({ at: new Date(at).toISOString(), ...bucket }));
  return { stream, firstAvailable, from: begin, next, width, buckets: sorted };
}
