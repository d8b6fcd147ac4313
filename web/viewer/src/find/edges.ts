// Where to look on in the store: at what the tab has not, before or after where the reader is. Pure.

import type { Chunk } from "../buffer/chunk.ts";
import type { Direction, Edge } from "./beyond.ts";

/**
 * For each stream of which the tab lacks lines on that side of a chunk: where the nearest of them are, and for `later` where
 * the last ones end. Without a chunk, the reader is behind all of them.
 */
export function edges(chunks: readonly Chunk[], reading: Chunk | undefined, direction: Direction): Edge[] {
  const at = reading ? chunks.indexOf(reading) : chunks.length;
  const back = direction === "earlier";
  const side = back ? chunks.slice(0, at).reverse() : chunks.slice(at + 1);
  const found = new Map<string, Edge>();
  for (const run of side.flatMap(({ hole }) => hole?.runs ?? [])) {
    const { name } = run.stream;
    const known = found.get(name);
    if (back) found.set(name, known ?? { name, offset: run.to });
    else found.set(name, { name, offset: known?.offset ?? run.from, to: run.to });
  }
  return [...found.values()];
}
