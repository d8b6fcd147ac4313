// What a find looks through: the lines that the tab holds. The buffer is one.

import type { Entry, LineEntry } from "../buffer/entry.ts";

/** Consecutive entries. Compared by identity; its entries never change, but for new ones at its end. */
export interface SearchedChunk {
  readonly entries: readonly Entry[];
}

export interface Source {
  /** From the top to the bottom. */
  readonly chunks: readonly SearchedChunk[];
  /** Which lines are shown: others are not counted and not gone to. Another rule is another function. */
  readonly shown?: ((entry: LineEntry) => boolean) | undefined;
}
