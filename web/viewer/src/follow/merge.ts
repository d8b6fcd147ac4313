// Lines of several streams in one order. Pure.
//
// Within a stream the order is that of the offsets, whatever its clocks said; between streams it is that of the times.

/** What is put in order: an entry with its time (ms). */
interface Timed {
  readonly at: number;
}

/**
 * Lists, each in its stream's order, as one. A line that is older than the one before it in its stream stands right behind
 * that one.
 */
export function merged<T extends Timed>(lists: readonly (readonly T[])[]): T[] {
  const busy = lists.filter((list) => list.length > 0);
  if (busy.length <= 1) return [...(busy[0] ?? [])];
  const timed = busy.flatMap((list, stream) => withLatest(list).map(([at, entry], i) => ({ at, stream, i, entry })));
  timed.sort((a, b) => a.at - b.at || a.stream - b.stream || a.i - b.i);
  return timed.map(({ entry }) => entry);
}

/** Each with the latest time up to it. */
function withLatest<T extends Timed>(list: readonly T[]): [number, T][] {
  let latest = -Infinity;
  return list.map((entry) => {
    latest = Math.max(latest, entry.at);
    return [latest, entry];
  });
}

/** What one stream gave of a hole's one end. */
export interface Part<T extends Timed> {
  /** In the stream's order. */
  readonly lines: readonly T[];
  /** Whether the stream has more of the hole, beyond these. */
  readonly more: boolean;
}

/**
 * How many lines of each part's `side` can be shown: those beyond which no stream still has something. Lines at a hole's end
 * are known stream by stream, and a line may only stand beside the hole when nothing that is still in it belongs between.
 */
export function settled<T extends Timed>(parts: readonly Part<T>[], side: "start" | "end"): number[] {
  // What has no time, for nothing is known of its neighbours, limits nobody.
  const limits = parts.filter(({ more }) => more).map(({ lines }) => edge(lines, side)).filter(Number.isFinite);
  if (limits.length === 0) return parts.map(({ lines }) => lines.length);
  const limit = side === "end" ? Math.max(...limits) : Math.min(...limits);
  return parts.map(({ lines }) => (side === "end" ? lines.length - newerFrom(lines, limit) : olderUpTo(lines, limit)));
}

/** The time of the line that is next to what is still unknown. */
function edge(lines: readonly Timed[], side: "start" | "end"): number {
  return side === "end" ? Math.min(...lines.map(({ at }) => at)) : Math.max(...lines.map(({ at }) => at));
}

/** The first index from which on all lines are at `limit` or later. */
function newerFrom(lines: readonly Timed[], limit: number): number {
  return lines.findLastIndex(({ at }) => at < limit) + 1;
}

/** The number of lines before the first one that is later than `limit`. */
function olderUpTo(lines: readonly Timed[], limit: number): number {
  const later = lines.findIndex(({ at }) => at > limit);
  return later < 0 ? lines.length : later;
}
